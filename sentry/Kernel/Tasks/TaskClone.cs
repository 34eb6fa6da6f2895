using Sandbox.Linux;
using Sandbox.Platform;
using Sandbox.Sentry.Kernel.Containers;
using Sandbox.Sentry.Kernel.Namespaces;
using Sandbox.Sentry.Kernel.Processes;
using Sandbox.Sentry.Kernel.Ptrace;
using Sandbox.Sentry.Kernel.Signals;
using Sandbox.Sentry.Security;
using Sandbox.Sentry.Sync;
using Sandbox.Sentry.Vfs;

namespace Sandbox.Sentry.Kernel.Tasks;

/// <summary>
/// How a task makes another: thread, process or anything between (clone(2), clone3(2), fork(2), vfork(2)).
/// </summary>
internal static class TaskClone
{
    /// <summary>
    /// Makes a child and starts it. Gives its pid as the caller sees it. The caller is at a call with full state.
    /// EINVAL, EAGAIN, ENOMEM, EPERM, EFAULT.
    /// </summary>
    public static SyscallResult Clone(Task task, in CloneArguments arguments)
    {
        if (!arguments.IsValid)
            return Errno.EINVAL;
        if (task.HasWork && IsDisturbed(task))
            return Errno.ERESTARTNOINTR;
        if (arguments.Has(CloneFlags.Parent) && task.Group.IsNamespaceInit)
            return Errno.EINVAL;
        if (NamespaceChange.For(task, arguments.Flags).Failed(out NamespaceChange? namespaces, out Errno error))
            return error;

        if (MakeThread(task, arguments).Failed(out IGuestThread? thread, out error))
        {
            namespaces.Fs?.Release();
            return error;
        }

        if (MakeTask(task, thread, arguments, namespaces).Failed(out Task? child, out error))
        {
            thread.Kill();
            return error;
        }

        int number = child.Id.In(task.PidNamespace);
        if (WriteIds(task, child, arguments, number) is not Errno.Ok and Errno fault)
        {
            Abandon(child);
            return fault;
        }

        if (arguments.Has(CloneFlags.VFork))
            child.VforkParent = task;
        TraceEvent traced = task.Trace is null ? TraceEvent.None : BeginTrace(task, child, arguments);
        thread.Start();
        if (traced != TraceEvent.None && task.Trace is { } trace) // The tracer may have gone meanwhile.
            TraceStops.OnEvent(task, OptionOf(traced), traced, (ulong)child.Id.In(trace.Tracer.PidNamespace));
        if (arguments.Has(CloneFlags.VFork))
            WaitForVforkChild(task, child);
        if (traced == TraceEvent.Vfork)
            TraceStops.OnEvent(task, TraceOptions.VforkDone, TraceEvent.VforkDone, (ulong)number);
        return number;
    }

    // A signal goes before a fork, not to a parent whose new child cannot get it any more (copy_process of Linux).
    private static bool IsDisturbed(Task task)
    {
        using (task.Kernel.Tree.Enter())
            return SignalQueues.Disturb(task);
    }

    // What a tracer calls this kind of child; the child is traced too if the tracer wants that.
    private static TraceEvent BeginTrace(Task task, Task child, in CloneArguments arguments)
    {
        if (arguments.Has(CloneFlags.Untraced))
            return TraceEvent.None;
        TraceEvent kind = arguments.Has(CloneFlags.VFork) ? TraceEvent.Vfork
            : arguments.ExitSignal != Signal.Child ? TraceEvent.Clone
            : TraceEvent.Fork;
        TraceLinks.OnClone(task, child, OptionOf(kind));
        return kind;
    }

    private static TraceOptions OptionOf(TraceEvent kind) => kind switch
    {
        TraceEvent.Vfork => TraceOptions.Vfork,
        TraceEvent.Clone => TraceOptions.Clone,
        _ => TraceOptions.Fork,
    };

    private static Result<IGuestThread> MakeThread(Task task, in CloneArguments arguments)
    {
        Result<IGuestThread> made = arguments.Has(CloneFlags.Vm)
            ? task.Thread.CreateThread(arguments.Has(CloneFlags.SetTls) ? arguments.Tls : null)
            : task.Thread.Fork();
        if (made.Failed(out IGuestThread? thread, out Errno error))
            return error;

        thread.Registers.Rax = 0;
        if (!arguments.StackPointer.IsNull)
            thread.Registers.Rsp = arguments.StackPointer.Value;
        if (arguments.Has(CloneFlags.SetTls) && !arguments.Has(CloneFlags.Vm))
        {
            const int setFsBase = 0x1002;
            HostCommand setTls = new(Sys.arch_prctl, setFsBase, (long)arguments.Tls);
            if (thread.Execute(new Span<HostCommand>(ref setTls), stopAtError: true) is not Errno.Ok and Errno failed)
            {
                thread.Kill();
                return failed;
            }
        }

        return Result<IGuestThread>.Of(thread);
    }

    private static Result<Task> MakeTask(
        Task task, IGuestThread thread, in CloneArguments arguments, NamespaceChange namespaces)
    {
        if (ShareFiles(task, arguments).Failed(out FdTable? files, out Errno error))
        {
            namespaces.Fs?.Release();
            return error;
        }

        TaskResources resources = new(
            Share(task, thread, arguments),
            namespaces.Fs ?? (arguments.Has(CloneFlags.Fs) ? task.Fs.Share() : task.Fs.Clone()),
            files,
            namespaces.Credentials ?? task.Credentials,
            namespaces.Set ?? task.Namespaces);

        if (AddTask(task, thread, arguments, resources).Failed(out Task? child, out error))
        {
            if (IsThreadOfOwner(task, arguments))
                resources.Memory.RemoveOwnerThread();
            resources.Memory.RemoveUser();
            resources.Files.RemoveUser();
            resources.Fs.Release();
            return error;
        }

        return child;
    }

    private static Result<Task> AddTask(
        Task task, IGuestThread thread, in CloneArguments arguments, in TaskResources resources)
    {
        bool isThread = arguments.Has(CloneFlags.Thread);
        using RankedLock.Scope _ = task.Kernel.Tree.Enter();
        if (CheckLimits(task) is not Errno.Ok and Errno limit)
            return limit;

        PidNamespace pids = isThread ? task.PidNamespace : resources.Namespaces.PidForChildren;
        if (pids.Allocate().Failed(out Pid? id, out Errno error))
            return error;

        ThreadGroup group = isThread ? task.Group : MakeGroup(task, id, arguments, pids);
        resources.Memory.Owner ??= group;
        Task child = new(task.Kernel, group, id, thread, resources)
        {
            Name = task.Name,
            SignalMask = task.SignalMask,
            Scheduling = task.Scheduling.ForChild(),
            Personality = task.Personality,
            Login = task.Login,
            Seccomp = task.Seccomp,
            AlternateStack = KeepsAlternateStack(arguments) ? task.AlternateStack : default,
            ClearChildTid = arguments.Has(CloneFlags.ChildClearTid) ? arguments.ChildTid : default,
        };
        id.Task = child;
        group.Tasks.Add(child);
        if (!isThread)
        {
            group.Leader = child;
            id.ThreadGroup = group;
        }

        task.Kernel.TaskCount++;
        resources.Namespaces.Container.TaskCount++;
        if (group.IsExiting || group.StopSignal != Signal.None || resources.Namespaces.Container.IsPaused)
            child.Notify();
        return child;
    }

    private static Errno CheckLimits(Task task)
    {
        Container container = task.Namespaces.Container;
        if (task.Kernel.TaskCount >= task.Kernel.MaxTasks || container.TaskCount >= container.Limits.Tasks
            || ExceedsUserLimit(task))
            return Errno.EAGAIN;
        // A process that is being killed makes no more children: a fork bomb ends here.
        return task.Group.IsExiting ? Errno.ERESTARTNOINTR : Errno.Ok;
    }

    // RLIMIT_NPROC counts the threads of the real user; root and the privileged are free of it (getrlimit(2)).
    private static bool ExceedsUserLimit(Task task)
    {
        ulong limit = task.Group.Limits[Resource.Processes].Soft;
        Credentials own = task.Credentials;
        if (limit >= (ulong)task.Kernel.MaxTasks || own.UserId == 0
            || own.Has(Capability.SysResource) || own.Has(Capability.SysAdmin))
        {
            return false;
        }

        ulong count = 0;
        foreach (KeyValuePair<int, Pid> entry in task.Kernel.RootPids.Pids)
            count += entry.Value.Task is { IsExited: false } other && other.Credentials.UserId == own.UserId ? 1ul : 0;
        return count >= limit;
    }

    // sigaltstack(2): a child that shares memory but does not suspend the parent starts without one.
    private static bool KeepsAlternateStack(in CloneArguments arguments) =>
        !arguments.Has(CloneFlags.Vm) || arguments.Has(CloneFlags.VFork);

    private static GuestMemory Share(Task task, IGuestThread thread, in CloneArguments arguments)
    {
        if (!arguments.Has(CloneFlags.Vm))
            return task.GuestMemory.CloneFor(thread.AddressSpace);
        task.GuestMemory.AddUser(IsThreadOfOwner(task, arguments));
        return task.GuestMemory;
    }

    private static bool IsThreadOfOwner(Task task, in CloneArguments arguments) =>
        arguments.Has(CloneFlags.Thread) && task.GuestMemory.Owner == task.Group;

    private static Result<FdTable> ShareFiles(Task task, in CloneArguments arguments)
    {
        if (!arguments.Has(CloneFlags.Files))
            return task.Files.Clone();
        task.Files.AddUser();
        return task.Files;
    }

    // With Tree held.
    private static ThreadGroup MakeGroup(Task task, Pid id, in CloneArguments arguments, PidNamespace pids)
    {
        SignalHandlers handlers = arguments.Has(CloneFlags.SignalHandlers)
            ? task.Group.Handlers
            : task.Group.Handlers.Clone();
        if (arguments.Has(CloneFlags.SignalHandlers))
            handlers.ExtraUsers++; // Never counted down: a copy too many at exec costs nothing.
        if (arguments.Has(CloneFlags.ClearSignalHandlers))
            handlers.ResetCaught();
        ThreadGroup parent = arguments.Has(CloneFlags.Parent) ? task.Group.Parent ?? task.Group : task.Group;
        ThreadGroup group = new(task.Kernel, id, task.Group.ProcessGroup, handlers, task.Group.Limits)
        {
            Parent = parent,
            Cgroup = task.Group.Cgroup,
            ExitSignal = arguments.Has(CloneFlags.Parent) ? task.Group.ExitSignal : arguments.ExitSignal,
            OomScoreAdjustment = task.Group.OomScoreAdjustment,
            OomScoreAdjustmentMin = task.Group.OomScoreAdjustmentMin,
        };
        parent.Children.Add(group);
        group.ProcessGroup.Members.Add(group);
        pids.Init ??= group;
        return group;
    }

    private static Errno WriteIds(Task task, Task child, in CloneArguments arguments, int number)
    {
        if (arguments.Has(CloneFlags.ParentSetTid)
            && task.Memory.Write(new UserPtr<int>(arguments.ParentTid), number) is not Errno.Ok and Errno fault)
            return fault;
        if (arguments.Has(CloneFlags.PidFd) && WritePidFd(task, child, arguments) is not Errno.Ok and Errno failed)
            return failed;

        // The child's own copy; Linux ignores a fault here.
        if (arguments.Has(CloneFlags.ChildSetTid))
            _ = child.Memory.Write(new UserPtr<int>(arguments.ChildTid), child.Id.Own);
        return Errno.Ok;
    }

    private static Errno WritePidFd(Task task, Task child, in CloneArguments arguments)
    {
        if (task.Kernel.MakePidFd is not { } make)
            return Errno.EINVAL;
        OpenFile file = make(child.Group, task);
        if (task.Files.Install(file, closeOnExec: true, task.Group.Limits.OpenFiles).Failed(
            out int fd, out Errno error))
            return error;
        return task.Memory.Write(new UserPtr<int>(arguments.PidFd), fd);
    }

    // The child was never started: take it out again as if it had never been.
    private static void Abandon(Task child)
    {
        using (child.Kernel.Tree.Enter())
            child.Group.ExitSignal = Signal.None;
        child.ExitStatus = (int)Signal.Kill;
        TaskExit.Run(child);
        child.Thread.Kill();
    }

    // vfork(2): until the child execs or exits; only death ends the wait early.
    private static void WaitForVforkChild(Task task, Task child)
    {
        while (Volatile.Read(ref child.VforkParentField) is not null && !task.Group.IsExiting)
            task.Sleeper.Parker.ParkUninterruptibly(Deadline.Never);
    }
}
