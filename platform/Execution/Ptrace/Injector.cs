using Sandbox.Linux;
using Sandbox.Platform.Stubs;

namespace Sandbox.Platform.Ptrace;

/// <summary>
/// Has a stopped tracee execute system calls at the stub's own instruction for it. A call is let through only at its
/// beginning, with the number, the arguments and the place it was given: whatever makes the tracee run something else
/// before (a restartable sequence, a signal) ends in the death of its stub.
/// </summary>
internal sealed class Injector(TracedThread thread, TraceeRegisters registers)
{
    private const uint ArchX64 = 0xC000003E;
    private const int MostStops = 1000;

    private int Tid => thread.HostThreadId;

    /// <summary>What the call answers: a value or a negative errno; -ESRCH if the tracee is gone.</summary>
    public long Run(in HostCommand command)
    {
        const long restartFirst = -516, restartLast = -512;
        Counters.Add(Counter.StubCommands);
        while (true)
        {
            if (!TryEnter(command) || HostPtrace.ResumeToCall(Tid) != Errno.Ok)
                return -(long)Errno.ESRCH;
            if (!TryAwaitCall(TracedCall.Exit, out TracedCall call))
                return -(long)Errno.ESRCH;
            if (call.Value is >= restartFirst and <= restartLast)
                continue; // A kick is in its way.
            if (command.Number == Sys.arch_prctl && call.Value == 0)
                registers.OnSegmentBase(command.A0, (ulong)command.A1);
            return call.Value;
        }
    }

    /// <summary>Has the tracee exit: true as soon as nothing can keep it from that.</summary>
    public bool RunExit() => TryEnter(new HostCommand(Sys.exit)) && HostPtrace.ResumeToCall(Tid) == Errno.Ok;

    /// <summary>Brings the tracee to the beginning of the call.</summary>
    private bool TryEnter(in HostCommand command)
    {
        if (registers.Inject(command, StubCode.InjectStart) != Errno.Ok || HostPtrace.ResumeToCall(Tid) != Errno.Ok
            || !TryAwaitCall(TracedCall.Entry, out TracedCall call))
        {
            return false;
        }

        bool isIt = call.Architecture == ArchX64 && call.InstructionPointer == StubCode.InjectAddress
            && call.Value == command.Number && call.A0 == (ulong)command.A0 && call.A1 == (ulong)command.A1
            && call.A2 == (ulong)command.A2 && call.A3 == (ulong)command.A3 && call.A4 == (ulong)command.A4
            && call.A5 == (ulong)command.A5;
        if (!isIt)
            thread.Violation("did something else than the command it was given");
        return isIt;
    }

    /// <summary>
    /// The next stop of this kind; signals that come before are not delivered, and kicks leave their mark in the
    /// thread's state. A guest's call that was not executed has an end, too,
    /// which comes before the beginning of the one injected.
    /// </summary>
    private bool TryAwaitCall(byte kind, out TracedCall call)
    {
        call = default;
        for (int stops = 0; stops < MostStops; stops++)
        {
            TraceeStop stop = TraceeStop.Await(Tid);
            if (stop.Kind == StopKind.Gone)
                return false;
            if (stop.Kind == StopKind.Call && (HostPtrace.GetCall(Tid, out call) != Errno.Ok || call.Kind == kind))
                return call.Kind == kind;
            if (HostPtrace.ResumeToCall(Tid) != Errno.Ok)
                return false;
        }

        thread.Violation("does not come to the command it was given");
        return false;
    }
}
