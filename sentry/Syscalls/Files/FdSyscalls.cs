using Sandbox.Linux;
using Sandbox.Sentry.Kernel.Tasks;
using Sandbox.Sentry.Vfs;

namespace Sandbox.Sentry.Syscalls;

/// <summary>dup(2), dup2(2), dup3(2), ioctl(2).</summary>
internal static class FdSyscalls
{
    // FIOQSIZE: the size of a regular file or directory.
    private const uint SizeRequest = 0x5460;

    public static SyscallResult Duplicate(Task task, Fd fd)
    {
        if (task.Files.Get(fd, allowPathOnly: true).Failed(out OpenFile? file, out Errno error))
            return error;
        return task.Files.Install(file, closeOnExec: false, task.Group.Limits.OpenFiles);
    }

    public static SyscallResult Duplicate2(Task task, Fd from, Fd to)
    {
        if (from == to)
            return task.Files.IsCloseOnExec(from).Failed(out _, out Errno error) ? error : to.Number;
        return DuplicateTo(task, from, to, closeOnExec: false);
    }

    public static SyscallResult Duplicate3(Task task, Fd from, Fd to, OpenFlags flags)
    {
        if ((flags & ~OpenFlags.CloseOnExec) != 0 || from == to)
            return Errno.EINVAL;
        return DuplicateTo(task, from, to, (flags & OpenFlags.CloseOnExec) != 0);
    }

    public static SyscallResult Control(Task task, Fd fd, uint request, ulong argument)
    {
        if (task.Files.Get(fd).Failed(out OpenFile? file, out Errno error))
            return error;
        try
        {
            switch (request)
            {
                case Ioctl.SetCloseOnExec:
                    return task.Files.SetCloseOnExec(fd, true);
                case Ioctl.ClearCloseOnExec:
                    return task.Files.SetCloseOnExec(fd, false);
                case Ioctl.SetNonBlocking:
                    return SetFlag(task, file, OpenFlags.NonBlock, argument);
                case Ioctl.SetAsync:
                    return SetAsync(task, fd, file, argument);
                case Ioctl.SetOwner or Ioctl.SetProcessGroup when file.SendsIoSignals:
                    return SetOwner(task, file, argument);
                case Ioctl.GetOwner or Ioctl.GetProcessGroup when file.SendsIoSignals:
                    return GetOwner(task, file, argument);
                case Ioctl.BytesReadable when file.Inode.IsRegular && file.IsSeekable:
                    return RemainingBytes(task, file, argument);
                case SizeRequest when file.Inode.IsRegular || file.Inode.IsDirectory:
                    return WriteSize(task, file, argument);
                default:
                    return file.Control(task, request, argument);
            }
        }
        finally
        {
            file.Release();
        }
    }

    private static SyscallResult DuplicateTo(Task task, Fd from, Fd to, bool closeOnExec)
    {
        if (task.Files.Get(from, allowPathOnly: true).Failed(out OpenFile? file, out Errno error))
            return error;
        if ((uint)to.Number >= (uint)task.Group.Limits.OpenFiles)
        {
            file.Release();
            return Errno.EBADF;
        }

        return task.Files.Replace(to.Number, file, closeOnExec) is not Errno.Ok and Errno busy ? busy : to.Number;
    }

    private static SyscallResult SetFlag(Task task, OpenFile file, OpenFlags flag, ulong argument)
    {
        if (task.Memory.Read(new UserPtr<int>(new UserAddress(argument)), out int value)
            is not Errno.Ok and Errno fault)
            return fault;
        file.Flags = value != 0 ? file.Flags | flag : file.Flags & ~flag;
        return 0;
    }

    // FIOASYNC (ioctl_tty(2), socket(7)): ENOTTY for a file that sends no signals; to switch it off is fine.
    private static SyscallResult SetAsync(Task task, Fd fd, OpenFile file, ulong argument)
    {
        if (task.Memory.Read(new UserPtr<int>(new UserAddress(argument)), out int value)
            is not Errno.Ok and Errno fault)
            return fault;
        return FileOwnerSyscalls.Switch(task, fd, file, value != 0) || value == 0 ? 0 : Errno.ENOTTY;
    }

    private static SyscallResult SetOwner(Task task, OpenFile file, ulong argument) =>
        task.Memory.Read(new UserPtr<int>(new UserAddress(argument)), out int owner) is not Errno.Ok and Errno fault
            ? fault
            : FileOwnerSyscalls.SetOwner(task, file, owner);

    private static SyscallResult GetOwner(Task task, OpenFile file, ulong argument) =>
        task.Memory.Write(
            new UserPtr<int>(new UserAddress(argument)), (int)FileOwnerSyscalls.GetOwner(task, file).Register);

    private static SyscallResult RemainingBytes(Task task, OpenFile file, ulong argument)
    {
        if (StatOperations.GetStat(file.Inode, task.Credentials, out Stat stat) is not Errno.Ok and Errno error)
            return error;
        long left = Math.Clamp(stat.SizeBytes - file.Position, int.MinValue, int.MaxValue);
        return task.Memory.Write(new UserPtr<int>(new UserAddress(argument)), (int)left);
    }

    private static SyscallResult WriteSize(Task task, OpenFile file, ulong argument)
    {
        if (StatOperations.GetStat(file.Inode, task.Credentials, out Stat stat) is not Errno.Ok and Errno error)
            return error;
        return task.Memory.Write(new UserPtr<long>(new UserAddress(argument)), stat.SizeBytes);
    }
}
