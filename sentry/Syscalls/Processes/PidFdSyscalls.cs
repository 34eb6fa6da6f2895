using Sandbox.Linux;
using Sandbox.Sentry.Filesystems.Event;
using Sandbox.Sentry.Kernel.Processes;
using Sandbox.Sentry.Kernel.Signals;
using Sandbox.Sentry.Kernel.Tasks;
using Sandbox.Sentry.Security;
using Sandbox.Sentry.Vfs;

namespace Sandbox.Sentry.Syscalls;

/// <summary>pidfd_open(2), pidfd_send_signal(2), pidfd_getfd(2).</summary>
internal static class PidFdSyscalls
{
    public static SyscallResult Open(Task task, int pid, OpenFlags flags)
    {
        if ((flags & ~OpenFlags.NonBlock) != 0 || pid <= 0)
            return Errno.EINVAL; // PIDFD_THREAD (6.9) is not there.
        ThreadGroup? process;
        using (task.Kernel.Tree.Enter())
        {
            if (task.PidNamespace.Find(pid) is not { } id || (id.ThreadGroup is null && id.Task is null))
                return Errno.ESRCH;
            process = id.ThreadGroup;
        }

        if (process is null)
            return Errno.ENOENT; // A thread that is not its process's leader.
        return task.Files.Install(
            new PidFile(process, flags, task.Credentials), closeOnExec: true, task.Group.Limits.OpenFiles);
    }

    public static SyscallResult SendSignal(Task task, Fd pidFd, int number, UserPtr<SignalInfo> pointer, uint flags)
    {
        if (flags != 0 || (uint)number > (uint)Signal.Last)
            return Errno.EINVAL;
        if (GetProcess(task, pidFd).Failed(out ThreadGroup? process, out Errno error))
            return error;
        SignalInfo info = new() { Number = number, Code = SignalInfo.CodeUser };
        if (!pointer.IsNull)
        {
            if (task.Memory.Read(pointer, out info) is not Errno.Ok and Errno fault)
                return fault;
            if (info.Number != number)
                return Errno.EINVAL;
            if (process != task.Group && info.Code is >= 0 or SignalInfo.CodeTgkill)
                return Errno.EPERM;
        }

        using (task.Kernel.Tree.Enter())
        {
            if (process.IsReaped || process.Id.In(task.PidNamespace) == 0)
                return Errno.ESRCH;
            return KillSyscalls.Send(task, process, null, info);
        }
    }

    public static SyscallResult GetFd(Task task, Fd pidFd, Fd target, uint flags)
    {
        if (flags != 0)
            return Errno.EINVAL;
        if (GetProcess(task, pidFd).Failed(out ThreadGroup? process, out Errno error))
            return error;
        FdTable? table = null;
        using (task.Kernel.Tree.Enter())
        {
            if (!MayTake(task, process))
                return Errno.EPERM;
            foreach (Task member in process.Tasks)
            {
                if (!member.IsExited)
                    table ??= member.Files;
            }
        }

        if (table is null)
            return Errno.ESRCH;
        if (table.Get(target, allowPathOnly: true).Failed(out OpenFile? file, out error))
            return error;
        return task.Files.Install(file, closeOnExec: true, task.Group.Limits.OpenFiles);
    }

    /// <summary>ptrace(2)'s access check, as far as it needs no security module: same ids, or CAP_SYS_PTRACE.</summary>
    private static bool MayTake(Task task, ThreadGroup process)
    {
        if (process == task.Group)
            return true;
        Credentials own = task.Credentials, other = process.Leader.Credentials;
        if (own.Has(Capability.SysPtrace, other.UserNamespace))
            return true;
        bool isSameUser = own.UserId == other.UserId && own.UserId == other.EffectiveUserId
            && own.UserId == other.SavedUserId;
        bool isSameGroup =
            own.GroupId == other.GroupId && own.GroupId == other.EffectiveGroupId && own.GroupId == other.SavedGroupId;
        return isSameUser && isSameGroup && process.Leader.GuestMemory.IsDumpable;
    }

    private static Result<ThreadGroup> GetProcess(Task task, Fd pidFd)
    {
        if (task.Files.Get(pidFd).Failed(out OpenFile? file, out Errno error))
            return error;
        ThreadGroup? process = (file as IPidFile)?.Process;
        file.Release();
        return process is null ? Errno.EBADF : process;
    }
}
