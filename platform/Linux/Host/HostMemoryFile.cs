namespace Sandbox.Linux;

/// <summary>
/// Files of memory without a name (memfd_create(2)) and what is done with them beyond reading and writing.
/// </summary>
public static class HostMemoryFile
{
    private const uint CloseOnExec = 1, AllowSealing = 2, Executable = 0x10;
    private const int AddSealsCommand = 1033, GetSealsCommand = 1034;
    private static volatile bool _refusesExecutableFlag;

    /// <summary>An empty memfd that can be sealed and executed. EMFILE, ENFILE, ENOMEM.</summary>
    public static Result<int> Create()
    {
        if (!_refusesExecutableFlag)
        {
            Result<int> made = HostFile.CreateMemory("sandbox\0"u8, CloseOnExec | AllowSealing | Executable);
            if (made.Error != Errno.EINVAL)
                return made;
            _refusesExecutableFlag = true; // Linux before 6.3.
        }

        return HostFile.CreateMemory("sandbox\0"u8, CloseOnExec | AllowSealing);
    }

    /// <summary>fallocate(2).</summary>
    public static Errno Allocate(int fd, int mode, long offset, long length) =>
        HostSyscall.ErrorOf(HostSyscall.CallRetrying(Sys.fallocate, fd, mode, offset, length));

    /// <summary>
    /// F_ADD_SEALS (fcntl(2)). EBUSY if a writable mapping forbids F_SEAL_WRITE, EPERM if sealed against sealing.
    /// </summary>
    public static Errno AddSeals(int fd, uint seals) =>
        HostSyscall.ErrorOf(HostSyscall.Call(Sys.fcntl, fd, AddSealsCommand, seals));

    /// <summary>F_GET_SEALS (fcntl(2)).</summary>
    public static Result<int> GetSeals(int fd) => HostSyscall.AsInt(HostSyscall.Call(Sys.fcntl, fd, GetSealsCommand));
}
