using Sandbox.Linux;
using Sandbox.Platform;
using Sandbox.Sentry.Kernel.Namespaces;
using Sandbox.Sentry.Kernel.Processes;
using Sandbox.Sentry.Kernel.Seccomp;
using Sandbox.Sentry.Kernel.Signals;
using Sandbox.Sentry.Kernel.Tasks;
using Sandbox.Sentry.Kernel.Timers;
using Sandbox.Sentry.Security;
using Sandbox.Sentry.Sync;
using Sandbox.Sentry.Vfs;

namespace Sandbox.Sentry.Loader;

/// <summary>
/// execve(2): replaces a process's program. The new one runs in a fresh address space; the old one is dropped.
/// </summary>
internal static class Exec
{
    /// <summary>
    /// Executes <paramref name="file"/> (opened for execution; taken over). On success the calling task has a new guest
    /// thread, which the run loop starts once the old one's handler is done. Up to the point of no return errors leave
    /// the caller as it was.
    /// </summary>
    public static SyscallResult Run(Task task, IExecutableOpener opener, OpenFile file, ExecStrings strings)
    {
        if (Executable.Resolve(task, opener, file, ref strings).Failed(out Executable? executable, out Errno error))
            return error;
        using (executable)
        {
            if (CredentialsFor(task.Credentials, executable.File).Failed(out ExecCredentials credentials, out error))
                return error;
            Result<LoadedImage> loading = ImageLoader.Load(
                task.Kernel,
                task.Namespaces.Container,
                executable,
                strings,
                credentials.Credentials,
                credentials.IsSecure,
                task.Group.Limits);
            if (loading.Failed(out LoadedImage? image, out error))
                return error;
            // The new image's thread is the host's fresh one: what it would run natively has to be seen here again.
            if (task.Seccomp is { } seccomp
                && SeccompInstall.ShowCalls(task.Kernel, image.Thread, null, seccomp, onAllThreads: false)
                is not Errno.Ok and Errno blind)
            {
                image.Discard();
                return blind;
            }

            if (PrepareMemory(task, image) is not Errno.Ok and Errno unprepared)
            {
                image.Discard();
                return unprepared;
            }

            if (EndSiblings(task) is not Errno.Ok and Errno dying)
            {
                image.Discard();
                return dying;
            }

            // Shared with another process (CLONE_FILES without CLONE_THREAD).
            // As on Linux who fails here has nowhere to return to.
            if (task.UnshareFiles() is not Errno.Ok and Errno crowded)
            {
                image.Discard();
                using (task.Kernel.Tree.Enter())
                    SignalSender.SendToGroup(task.Group, SignalInfo.FromKernel(Signal.Kill));
                return crowded;
            }

            // The point of no return.
            Commit(task, image, credentials);
            return 0;
        }
    }

    // execve(2): all other threads are destroyed. Only one thread of a process can be here.
    private static Errno EndSiblings(Task task)
    {
        ThreadGroup group = task.Group;
        using (task.Kernel.Tree.Enter())
        {
            if (group.IsExiting || group.ExecutingTask is not null)
                return Errno.EAGAIN; // Another thread ends this one: its result is never seen.
            if (group.Tasks.Count == 1)
                return TakeLeaderId(task);
            group.ExecutingTask = task;
            TaskExit.KillThreads(group, except: task);
        }

        while (true)
        {
            using (task.Kernel.Tree.Enter())
            {
                if (group.IsExiting)
                    return Errno.EINTR;
                if (group.Tasks.Count == 1)
                {
                    group.ExecutingTask = null;
                    return TakeLeaderId(task);
                }
            }

            task.Sleeper.Parker.ParkUninterruptibly(Deadline.Never);
        }
    }

    // A thread that is not the leader takes the leader's id, so that the process keeps its pid. With Tree held.
    private static Errno TakeLeaderId(Task task)
    {
        ThreadGroup group = task.Group;
        if (group.Leader == task)
            return Errno.Ok;
        Pid own = task.Id;
        own.Task = null;
        if (!own.IsInUse)
            PidNamespace.Release(own);
        // Its tracer learns of that end by the exec's stop only.
        Kernel.Ptrace.TraceLinks.Unlink(group.Leader, Signal.None);
        group.Leader = task;
        task.Id = group.Id;
        group.Id.Task = task;
        return Errno.Ok;
    }

    // What the program before has asked for its memory holds for the new one, too.
    private static Errno PrepareMemory(Task task, LoadedImage image)
    {
        const int setHugePagesDisabled = 41;
        image.Memory.Inherit(task.GuestMemory);
        if (image.Memory.IsHugePageDisabled)
        {
            HostCommand disable = new(Sys.prctl, setHugePagesDisabled, 1);
            if (image.Thread.Execute(new Span<HostCommand>(ref disable), stopAtError: true)
                is not Errno.Ok and Errno error)
                return error;
        }

        return image.Memory.WriteExecuteDenial == 0
            ? Errno.Ok
            : WriteExecuteDenial.ShowCalls(task.Kernel, image.Thread, onAllThreads: false);
    }

    private static void Commit(Task task, LoadedImage image, in ExecCredentials credentials)
    {
        GuestMemory oldMemory = task.GuestMemory;
        ThreadExitMemory.Release(task);
        ProcessTimers.DeletePosixTimers(task.Group);
        if (oldMemory.Owner == task.Group && oldMemory.RemoveOwnerThread())
            CpuTime.SettleOwner(task); // A vfork child's time is its parent's: little, and asking the host costs.
        task.Files.CloseOnExecAll();
        using (task.Kernel.Tree.Enter())
        {
            if (task.Group.Handlers.IsShared)
                task.Group.Handlers = task.Group.Handlers.Clone();
            task.Group.Handlers.ResetCaught();
            task.Group.Executions++;
            task.AlternateStack = default;
            task.ParentDeathSignal = credentials.IsSecure ? Signal.None : task.ParentDeathSignal;
        }

        task.Credentials = credentials.Credentials;
        image.Memory.IsDumpable = !credentials.IsSecure;
        task.ClearChildTid = default;
        task.RobustListHead = default;
        task.Name = image.CommandName;
        image.Thread.Events = task;
        image.Memory.Owner = task.Group;
        task.GuestMemory = image.Memory;
        task.Thread = image.Thread;
        TaskExit.ReleaseVforkParent(task);
        if (oldMemory.RemoveUser())
            oldMemory.Space.Kill();
    }

    /// <summary>The credentials a program gets that <paramref name="old"/> executes.</summary>
    public static Result<ExecCredentials> CredentialsFor(Credentials old, OpenFile file)
    {
        Inode inode = file.Inode;
        FileCapabilities? capabilities = null;
        if (!inode.GetExtendedAttribute("security.capability"u8).Failed(out byte[]? attribute, out _))
            capabilities = FileCapabilities.Parse(attribute, old.UserNamespace);
        bool isNoSetUserId = (file.Path.Mount.Flags & MountFlags.NoSetUserId) != 0;
        return ExecCredentials.Compute(
            old, new ExecutableFile(inode.Mode, inode.UserId, inode.GroupId, capabilities, isNoSetUserId));
    }
}
