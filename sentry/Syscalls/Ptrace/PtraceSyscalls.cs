using Sandbox.Linux;
using Sandbox.Sentry.Kernel.Ptrace;
using Sandbox.Sentry.Kernel.Signals;
using Sandbox.Sentry.Kernel.Tasks;

namespace Sandbox.Sentry.Syscalls;

/// <summary>
/// ptrace(2): beginning, steering and ending a trace. What it reads and writes stands in <see cref="PtraceData"/>.
/// </summary>
internal static class PtraceSyscalls
{
    private enum Request
    {
        TraceMe = 0,
        Continue = 7,
        Kill = 8,
        SingleStep = 9,
        Attach = 16,
        Detach = 17,
        SystemCall = 24,
        SetOptions = 0x4200,
        Seize = 0x4206,
        Interrupt = 0x4207,
        Listen = 0x4208,
    }

    public static SyscallResult Control(Task task, long request, int pid, ulong address, ulong data)
    {
        if (request == (long)Request.TraceMe)
            return TraceMe(task);
        Task? target;
        using (task.Kernel.Tree.Enter())
            target = pid > 0 ? task.PidNamespace.Find(pid)?.Task : null;
        if (target is null || target.IsExited)
            return Errno.ESRCH;
        switch ((Request)request)
        {
            case Request.Attach:
                return Attach(task, target, TraceOptions.None, isSeized: false);
            case Request.Seize:
                return address != 0 || (data & ~(ulong)TraceOptions.All) != 0
                    ? Errno.EIO
                    : Attach(task, target, (TraceOptions)data, isSeized: true);
            case Request.Kill:
            case Request.Interrupt:
                return Disturb(task, target, (Request)request);
            default:
                return Steer(task, target, request, address, data);
        }
    }

    private static SyscallResult TraceMe(Task task)
    {
        using (task.Kernel.Tree.Enter())
        {
            if (task.Trace is not null || task.Group.Parent is not { Leader: { IsExited: false } parent })
                return Errno.EPERM;
            TraceLinks.Link(parent, task, TraceOptions.None, isSeized: false);
            return 0;
        }
    }

    private static SyscallResult Attach(Task task, Task target, TraceOptions options, bool isSeized)
    {
        using (task.Kernel.Tree.Enter())
        {
            if (target.Group == task.Group || target.Trace is not null || !TraceLinks.MayAttach(task, target))
                return Errno.EPERM;
            if (target.IsExited)
                return Errno.ESRCH;
            TraceLinks.Link(task, target, options, isSeized);
            if (!isSeized)
                SignalSender.SendToTask(
                    target, new SignalInfo { Number = (int)Signal.Stop, Code = SignalInfo.CodeUser }, task);
            if (target.IsStopped)
                target.Sleeper.Parker.Wake();
            return 0;
        }
    }

    // What needs no stopped tracee.
    private static SyscallResult Disturb(Task task, Task target, Request request)
    {
        using (task.Kernel.Tree.Enter())
        {
            if (target.Trace is not { } trace || trace.Tracer != task)
                return Errno.ESRCH;
            if (request == Request.Kill)
                return SignalSender.SendToTask(target, SignalInfo.FromKernel(Signal.Kill), task);
            if (!trace.IsSeized)
                return Errno.EIO;
            trace.IsInterruptRequested = true;
            if (target.IsStopped)
                target.Sleeper.Parker.Wake();
            else
                target.Notify();
            return 0;
        }
    }

    private static SyscallResult Steer(Task task, Task target, long request, ulong address, ulong data)
    {
        TraceState? trace;
        using (task.Kernel.Tree.Enter())
        {
            trace = target.Trace;
            if (trace is null || trace.Tracer != task || !trace.IsStopped)
                return Errno.ESRCH;
        }

        switch ((Request)request)
        {
            case Request.Continue:
                return Resume(target, trace, TraceMode.Continue, data);
            case Request.SystemCall:
                TraceStops.SeeAllCalls(trace, target.Thread);
                return Resume(target, trace, TraceMode.SystemCall, data);
            case Request.SingleStep:
                return Resume(target, trace, TraceMode.Step, data);
            case Request.Listen:
                return trace.IsSeized ? Resume(target, trace, TraceMode.Listen, 0) : Errno.EIO;
            case Request.Detach:
                return Detach(target, data);
            case Request.SetOptions:
                if ((data & ~(ulong)TraceOptions.All) != 0)
                    return Errno.EINVAL;
                trace.Options = (TraceOptions)data;
                return 0;
            default:
                return PtraceData.Transfer(task, target, trace, request, address, data);
        }
    }

    private static SyscallResult Resume(Task target, TraceState trace, TraceMode mode, ulong signal)
    {
        if (signal > (ulong)Signal.Last)
            return Errno.EIO;
        using (target.Kernel.Tree.Enter())
        {
            if (target.Trace != trace || !trace.IsStopped)
                return Errno.ESRCH;
            TraceLinks.Resume(target, trace, mode, (Signal)signal);
            return 0;
        }
    }

    private static SyscallResult Detach(Task target, ulong signal)
    {
        if (signal > (ulong)Signal.Last)
            return Errno.EIO;
        using (target.Kernel.Tree.Enter())
        {
            TraceLinks.Unlink(target, (Signal)signal);
            return 0;
        }
    }
}
