using Sandbox.Linux;
using Sandbox.Sentry.Kernel.Signals;
using Sandbox.Sentry.Kernel.Tasks;

namespace Sandbox.Sentry.Kernel.Ptrace;

/// <summary>PTRACE_O_* (ptrace(2)).</summary>
[Flags]
internal enum TraceOptions : uint
{
    None = 0,
    SystemCallGood = 0x1,
    Fork = 0x2,
    Vfork = 0x4,
    Clone = 0x8,
    Exec = 0x10,
    VforkDone = 0x20,
    Exit = 0x40,
    Seccomp = 0x80,
    ExitKill = 0x100000,
    All = SystemCallGood | Fork | Vfork | Clone | Exec | VforkDone | Exit | ExitKill,
}

/// <summary>PTRACE_EVENT_*.</summary>
internal enum TraceEvent
{
    None = 0,
    Fork = 1,
    Vfork = 2,
    Clone = 3,
    Exec = 4,
    VforkDone = 5,
    Exit = 6,
    Stop = 128,
}

/// <summary>How a tracee was told to go on.</summary>
internal enum TraceMode
{
    Continue,

    /// <summary>PTRACE_SYSCALL: until the next call begins or ends.</summary>
    SystemCall,

    /// <summary>PTRACE_SINGLESTEP: one instruction.</summary>
    Step,

    /// <summary>PTRACE_LISTEN: stay stopped, but tell when that is over.</summary>
    Listen,
}

/// <summary>Where in a traced call a tracee is.</summary>
internal enum TracePhase
{
    None,

    /// <summary>A call was made; the tracee is on its way to the stop before it.</summary>
    Entering,

    /// <summary>The stop before the call is over: the tracee makes it once more, and that time it is done.</summary>
    Repeating,

    /// <summary>The call runs; the tracee stops after it.</summary>
    Running,

    /// <summary>The call is done; the tracee is on its way to the stop after it.</summary>
    Leaving,
}

/// <summary>
/// That one task traces another (ptrace(2)). Belongs to the tracee. Guarded by Tree, except for the fields of its call,
/// which are the tracee's own thread's, or the tracer's while it stands in a stop.
/// </summary>
internal sealed class TraceState(Task tracer, TraceOptions options, bool isSeized)
{
    public Task Tracer { get; } = tracer;

    public TraceOptions Options { get; set; } = options;

    /// <summary>PTRACE_SEIZE: no SIGSTOP and SIGTRAP tricks, PTRACE_INTERRUPT and PTRACE_LISTEN work.</summary>
    public bool IsSeized { get; } = isSeized;

    /// <summary>Stands in a stop of ours: the tracer may look at it.</summary>
    public bool IsStopped { get; set; }

    public bool HasUnreportedStop { get; set; }

    /// <summary>The tracee has ended: its tracer must wait for it, or go, before anybody else hears of that.</summary>
    public bool HasEnded { get; set; }

    /// <summary>The wait status of the stop.</summary>
    public int Status { get; set; }

    /// <summary>
    /// What the stop is about, as PTRACE_GETSIGINFO tells; the tracer may replace it at a signal's stop.
    /// </summary>
    public SignalInfo Info { get; set; }

    /// <summary>PTRACE_GETEVENTMSG.</summary>
    public ulong Message { get; set; }

    /// <summary>How it goes on from the stop.</summary>
    public TraceMode Mode { get; set; }

    /// <summary>The signal it goes on with, or None.</summary>
    public Signal Signal { get; set; }

    /// <summary>PTRACE_INTERRUPT, or a seized child's first stop.</summary>
    public bool IsInterruptRequested { get; set; }

    /// <summary>Exec is over and has not been reported.</summary>
    public bool IsExecPending { get; set; }

    /// <summary>The tracer let it go on although its process is stopped.</summary>
    public bool IgnoresGroupStop { get; set; }

    /// <summary>What its own thread is to do in the stop for somebody who waits for that.</summary>
    public TraceeErrand? Errand { get; set; }

    // ---- The call it is in ----

    public TracePhase Phase { get; set; }

    /// <summary>The call's number, and the address behind its instruction.</summary>
    public int CallNumber { get; set; }
    public ulong CallAddress { get; set; }

    /// <summary>
    /// The stop is at a call's begin (true) or end, for PTRACE_GET_SYSCALL_INFO; null at other stops.
    /// </summary>
    public bool? IsAtEntry { get; set; }

    /// <summary>The trap flag in its registers is ours.</summary>
    public bool HasTrapFlag { get; set; }

    /// <summary>Calls that the host executes by itself come to the Sentry, so that the tracer sees them.</summary>
    public bool SeesAllCalls { get; set; }

    public bool Has(TraceOptions option) => (Options & option) != 0;
}
