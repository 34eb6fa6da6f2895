using Sandbox.Linux;
using Sandbox.Sentry.Filesystems.Event;
using Sandbox.Sentry.Kernel.Signals;
using Sandbox.Sentry.Kernel.Tasks;
using Sandbox.Sentry.Vfs;

namespace Sandbox.Sentry.Syscalls;

/// <summary>signalfd(2), signalfd4(2).</summary>
internal static class SignalFdSyscalls
{
    private const nuint MaskBytes = 8;

    public static SyscallResult SignalFd(Task task, Fd fd, UserPtr<SignalSet> mask, nuint maskBytes) =>
        SignalFd4(task, fd, mask, maskBytes, 0);

    public static SyscallResult SignalFd4(Task task, Fd fd, UserPtr<SignalSet> mask, nuint maskBytes, OpenFlags flags)
    {
        if ((flags & ~(OpenFlags.NonBlock | OpenFlags.CloseOnExec)) != 0 || maskBytes != MaskBytes)
            return Errno.EINVAL;
        if (task.Memory.Read(mask, out SignalSet signals) is not Errno.Ok and Errno error)
            return error;
        signals &= ~SignalSet.Unblockable;
        if (fd.Number == -1)
        {
            SignalFile made = new(task, signals, flags & OpenFlags.NonBlock, task.Credentials);
            return task.Files.Install(made, (flags & OpenFlags.CloseOnExec) != 0, task.Group.Limits.OpenFiles);
        }

        if (task.Files.Get(fd).Failed(out OpenFile? file, out error))
            return error;
        SyscallResult result = Errno.EINVAL;
        if (file is SignalFile existing)
        {
            existing.Signals = signals;
            result = fd.Number;
        }

        file.Release();
        return result;
    }
}
