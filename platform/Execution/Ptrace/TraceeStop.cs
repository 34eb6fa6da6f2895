using Sandbox.Linux;

namespace Sandbox.Platform.Ptrace;

/// <summary>What a tracee has done since it was resumed.</summary>
internal enum StopKind
{
    /// <summary>It has ended, or is nobody's any more.</summary>
    Gone,

    /// <summary>A system call begins or ends.</summary>
    Call,

    /// <summary>A signal is about to be delivered; it is not, if the tracee is resumed as it is here.</summary>
    Signal,

    /// <summary>It was interrupted, or its process was stopped.</summary>
    Other,
}

/// <summary>A stop of a tracee (ptrace(2), "Stopped states").</summary>
/// <param name="Kind">What it is.</param>
/// <param name="Signal">The signal of a signal stop; the signal that killed it, 0 if none did.</param>
internal readonly record struct TraceeStop(StopKind Kind, int Signal)
{
    private const int CallStop = (int)Linux.Signal.Trap | 0x80, MaxSignal = 64;

    /// <summary>Sleeps until the tracee is stopped or gone.</summary>
    public static TraceeStop Await(int tid) => HostPtrace.Wait(tid, out int status) switch
    {
        TraceeState.Stopped when status == CallStop => new TraceeStop(StopKind.Call, 0),
        TraceeState.Stopped when status is > 0 and <= MaxSignal => new TraceeStop(StopKind.Signal, status),
        TraceeState.Stopped => new TraceeStop(StopKind.Other, 0),
        TraceeState.Killed or TraceeState.Dumped => new TraceeStop(StopKind.Gone, status),
        _ => new TraceeStop(StopKind.Gone, 0),
    };
}
