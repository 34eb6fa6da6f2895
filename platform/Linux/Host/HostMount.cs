namespace Sandbox.Linux;

/// <summary>Mounts of the host, for the processes that prepare a sandbox.</summary>
public static unsafe class HostMount
{
    private const int CurrentDirectory = HostFile.CurrentDirectory;

    /// <summary>
    /// open_tree(2): a detached copy of the mounts at and below <paramref name="pathWithNul"/>, which lives as long as
    /// the descriptor. What is mounted or unmounted on the host later does not show in it. EPERM without CAP_SYS_ADMIN.
    /// </summary>
    public static Result<int> CloneTree(ReadOnlySpan<byte> pathWithNul, bool recursive)
    {
        const long clone = 1, closeOnExec = (long)OpenFlags.CloseOnExec;
        fixed (byte* path = pathWithNul)
            return HostSyscall.AsInt(HostSyscall.CallRetrying(
                Sys.open_tree, CurrentDirectory, (long)path,
                clone | closeOnExec | (recursive ? (long)AtFlags.Recursive : 0)));
    }
}
