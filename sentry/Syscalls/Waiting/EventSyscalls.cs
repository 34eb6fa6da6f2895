using Sandbox.Linux;
using Sandbox.Sentry.Filesystems.Event;
using Sandbox.Sentry.Kernel.Tasks;

namespace Sandbox.Sentry.Syscalls;

/// <summary>eventfd(2), eventfd2(2).</summary>
internal static class EventSyscalls
{
    private const OpenFlags Semaphore = (OpenFlags)1; // EFD_SEMAPHORE; EFD_CLOEXEC and EFD_NONBLOCK are open's flags.

    public static SyscallResult EventFd(Task task, uint initial) => EventFd2(task, initial, 0);

    public static SyscallResult EventFd2(Task task, uint initial, OpenFlags flags)
    {
        if ((flags & ~(Semaphore | OpenFlags.NonBlock | OpenFlags.CloseOnExec)) != 0)
            return Errno.EINVAL;
        EventFile file = new(
            initial, (flags & Semaphore) != 0, OpenFlags.ReadWrite | (flags & OpenFlags.NonBlock), task.Credentials);
        return task.Files.Install(file, (flags & OpenFlags.CloseOnExec) != 0, task.Group.Limits.OpenFiles);
    }
}
