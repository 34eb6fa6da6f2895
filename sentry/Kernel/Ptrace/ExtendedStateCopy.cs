using Sandbox.Linux;
using Sandbox.Platform;

namespace Sandbox.Sentry.Kernel.Ptrace;

/// <summary>The extended state of a stopped tracee, for its tracer: read into the bytes, or set to them.</summary>
internal sealed class ExtendedStateCopy(Memory<byte> state, bool isWrite) : TraceeErrand
{
    /// <summary>Bytes copied. ESRCH: the tracee has left its stop.</summary>
    public Result<int> Result { get; private set; } = Errno.ESRCH;

    public override void Run(IGuestThread thread)
    {
        if (!isWrite)
            Result = thread.ReadExtendedState(state.Span);
        else if (thread.WriteExtendedState(state.Span) is not Errno.Ok and Errno error)
            Result = error;
        else
            Result = state.Length;
    }
}
