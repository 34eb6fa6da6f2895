using Sandbox.Linux;
using Sandbox.Sentry.Filesystems.Pipe;
using Sandbox.Sentry.Kernel.Tasks;
using Sandbox.Sentry.Vfs;

namespace Sandbox.Sentry.Syscalls;

/// <summary>fcntl(2).</summary>
internal static class FcntlSyscalls
{
    private const int Duplicate = 0, GetDescriptorFlags = 1, SetDescriptorFlags = 2, GetStatusFlags = 3,
        SetStatusFlags = 4,
        GetLock = 5, SetLock = 6, SetLockWait = 7, SetOwner = 8, GetOwner = 9, SetSignal = 10, GetSignal = 11,
        SetOwnerEx = 15, GetOwnerEx = 16,
        OpenFileGetLock = 36, OpenFileSetLock = 37, OpenFileSetLockWait = 38,
        GetLease = 1025, DuplicateQuery = 1027, DuplicateCloseOnExec = 1030, SetPipeSize = 1031, GetPipeSize = 1032,
        AddSeals = 1033, GetSeals = 1034;

    private const ulong CloseOnExecFlag = 1, Unlocked = 2;

    private const OpenFlags Settable =
        OpenFlags.Append | OpenFlags.NonBlock | OpenFlags.Direct | OpenFlags.NoAccessTime;

    // fcntl(2): what an O_PATH descriptor answers.
    private static bool WorksWithPathOnly(int command) =>
        command is Duplicate or DuplicateCloseOnExec or GetDescriptorFlags or SetDescriptorFlags or GetStatusFlags
            or DuplicateQuery;

    public static SyscallResult Control(Task task, Fd fd, int command, ulong argument)
    {
        if (task.Files.Get(fd, WorksWithPathOnly(command)).Failed(out OpenFile? file, out Errno error))
            return error;
        try
        {
            return Run(task, fd, file, command, argument);
        }
        finally
        {
            file.Release();
        }
    }

    private static SyscallResult Run(Task task, Fd fd, OpenFile file, int command, ulong argument)
    {
        UserPtr<FlockArgument> lockAddress = new(new UserAddress(argument));
        UserPtr<FileOwnerArgument> ownerAddress = new(new UserAddress(argument));
        switch (command)
        {
            case Duplicate or DuplicateCloseOnExec:
                return DuplicateFrom(task, file, argument, command == DuplicateCloseOnExec);
            case DuplicateQuery:
                return IsSameFile(task, file, argument);
            case GetDescriptorFlags:
                return task.Files.IsCloseOnExec(fd).Failed(out bool isSet, out Errno error)
                    ? error
                    : isSet ? (int)CloseOnExecFlag : 0;
            case SetDescriptorFlags:
                return task.Files.SetCloseOnExec(fd, (argument & CloseOnExecFlag) != 0);
            case GetStatusFlags:
                return (int)file.Flags;
            case SetStatusFlags:
                return SetFlags(task, fd, file, (OpenFlags)(int)argument);
            case GetLock or OpenFileGetLock:
                return LockSyscalls.Get(task, file, lockAddress, command == OpenFileGetLock);
            case SetLock or SetLockWait:
                return LockSyscalls.Set(
                    task, fd, file, lockAddress, isOpenFileLock: false, waits: command == SetLockWait);
            case OpenFileSetLock or OpenFileSetLockWait:
                return LockSyscalls.Set(
                    task, fd, file, lockAddress, isOpenFileLock: true, waits: command == OpenFileSetLockWait);
            case SetOwner:
                return FileOwnerSyscalls.SetOwner(task, file, (int)argument);
            case GetOwner:
                return FileOwnerSyscalls.GetOwner(task, file);
            case SetOwnerEx:
                return FileOwnerSyscalls.SetOwner(task, file, ownerAddress);
            case GetOwnerEx:
                return FileOwnerSyscalls.GetOwner(task, file, ownerAddress);
            case SetSignal:
                return FileOwnerSyscalls.SetSignal(task, file, argument);
            case GetSignal:
                return FileOwnerSyscalls.GetSignal(file);
            case GetLease:
                return (int)Unlocked;
            case SetPipeSize:
                return file is PipeFile resized ? resized.Pipe.SetCapacity((uint)argument, task) : Errno.EBADF;
            case GetPipeSize:
                return file is PipeFile pipe ? pipe.Pipe.Capacity : Errno.EBADF;
            case AddSeals:
                return file.AddSeals((uint)argument);
            case GetSeals:
                return file.GetSeals();
            default:
                return Errno.EINVAL;
        }
    }

    private static SyscallResult DuplicateFrom(Task task, OpenFile file, ulong argument, bool closeOnExec)
    {
        int limit = task.Group.Limits.OpenFiles;
        if (argument >= (ulong)limit)
            return Errno.EINVAL;
        file.AddReference();
        return task.Files.Install(file, closeOnExec, limit, (int)argument);
    }

    private static SyscallResult IsSameFile(Task task, OpenFile file, ulong argument)
    {
        if (task.Files.Get(new Fd((int)argument), allowPathOnly: true).Failed(out OpenFile? other, out Errno error))
            return error;
        other.Release();
        return other == file ? 1 : 0;
    }

    private static SyscallResult SetFlags(Task task, Fd fd, OpenFile file, OpenFlags flags)
    {
        OpenFlags added = flags & ~file.Flags;
        if ((added & OpenFlags.NoAccessTime) != 0 && !Access.IsOwner(file.Inode, task.Credentials))
            return Errno.EPERM;
        if (((flags ^ file.Flags) & OpenFlags.Async) != 0) // Linux ignores the flag on files that send no signals.
            FileOwnerSyscalls.Switch(task, fd, file, (flags & OpenFlags.Async) != 0);
        file.Flags = (file.Flags & ~Settable) | (flags & Settable);
        return 0;
    }
}
