using Sandbox.Linux;
using Sandbox.Sentry.Kernel.Processes;
using Sandbox.Sentry.Kernel.Tasks;

namespace Sandbox.Sentry.Kernel.Signals;

/// <summary>The siginfo of SIGCHLD (sigaction(2), CLD_*). With Tree held.</summary>
internal static class ParentNotice
{
    public static SignalInfo OfExit(ThreadGroup child, ThreadGroup parent) =>
        OfExit(child.Leader, parent, child.ExitSignal);

    /// <summary>Of a thread, for its tracer; of a main thread: of its process.</summary>
    public static SignalInfo OfExit(Task child, ThreadGroup parent, Signal exitSignal)
    {
        int status = child.WaitStatus;
        int signal = status & 0x7F;
        SignalInfo info = About(child.Group, parent, exitSignal);
        info.SenderPid = child.Id.In(parent.Id.Namespace);
        info.Code = (status & 0x80) != 0
            ? SignalInfo.ChildDumped
            : signal != 0 ? SignalInfo.ChildKilled : SignalInfo.ChildExited;
        info.Status = signal != 0 ? signal : (status >> 8) & 0xFF;
        return info;
    }

    public static SignalInfo OfStop(ThreadGroup child, ThreadGroup parent, Signal stopSignal)
    {
        SignalInfo info = About(child, parent, Signal.Child);
        info.Code = SignalInfo.ChildStopped;
        info.Status = (int)stopSignal;
        return info;
    }

    public static SignalInfo OfContinue(ThreadGroup child, ThreadGroup parent)
    {
        SignalInfo info = About(child, parent, Signal.Child);
        info.Code = SignalInfo.ChildContinued;
        info.Status = (int)Signal.Continue;
        return info;
    }

    private static SignalInfo About(ThreadGroup child, ThreadGroup parent, Signal signal) => new()
    {
        Number = (int)signal,
        SenderPid = child.Id.In(parent.Id.Namespace),
        SenderUserId = parent.Leader.Credentials.UserNamespace.UserFromKernel(child.Leader.Credentials.UserId),
        UserTimeTicks = CpuTime.ToTicks(child.ExitedUserTime),
        SystemTimeTicks = CpuTime.ToTicks(child.ExitedSystemTime),
    };
}
