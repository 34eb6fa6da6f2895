namespace Sandbox.Sentry.Memory;

/// <summary>
/// Buffers through which bytes pass between files and guests. A few are kept for all threads: a thread has one only
/// while it copies, never while it sleeps.
/// </summary>
internal static class ScratchBuffers
{
    /// <summary>Length of every buffer.</summary>
    public const int Bytes = 64 * 1024;

    private static readonly byte[]?[] _free = new byte[]?[8];

    /// <summary>A buffer with unknown contents; give it back with <see cref="Return"/>.</summary>
    public static byte[] Rent()
    {
        for (int i = 0; i < _free.Length; i++)
        {
            if (Volatile.Read(ref _free[i]) is not null && Interlocked.Exchange(ref _free[i], null) is { } buffer)
                return buffer;
        }

        return GC.AllocateUninitializedArray<byte>(Bytes);
    }

    public static void Return(byte[] buffer)
    {
        for (int i = 0; i < _free.Length; i++)
        {
            if (Volatile.Read(ref _free[i]) is null && Interlocked.CompareExchange(ref _free[i], buffer, null) is null)
                return;
        }
    }
}
