namespace Sandbox.Runsc.Launch;

/// <summary>
/// The descriptors a child gets, in the order of the numbers they will have there. Borrowed: their owners close them.
/// </summary>
internal sealed class Descriptors
{
    private readonly List<int> _fds = [];

    public ReadOnlySpan<int> All => System.Runtime.InteropServices.CollectionsMarshal.AsSpan(_fds);

    /// <summary>Passes a descriptor; gives its number in the child.</summary>
    public int Add(int fd)
    {
        _fds.Add(fd);
        return _fds.Count - 1;
    }

    /// <summary>Passes several; their numbers in the child.</summary>
    public int[] Add(ReadOnlySpan<int> fds)
    {
        int[] numbers = new int[fds.Length];
        for (int index = 0; index < fds.Length; index++)
            numbers[index] = Add(fds[index]);
        return numbers;
    }
}
