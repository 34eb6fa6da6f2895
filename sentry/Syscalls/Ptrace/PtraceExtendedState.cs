using Sandbox.Linux;
using Sandbox.Sentry.Kernel.Ptrace;
using Sandbox.Sentry.Kernel.Signals;
using Sandbox.Sentry.Kernel.Tasks;

namespace Sandbox.Sentry.Syscalls;

/// <summary>
/// The x87, SSE, AVX… state of a stopped tracee as debuggers have it: FXSAVE's 512 bytes (NT_PRFPREG,
/// PTRACE_GETFPREGS), or the XSAVE area with XCR0 in it (NT_X86_XSTATE).
/// </summary>
internal static class PtraceExtendedState
{
    private const int MaxBytes = 16384;

    public static Errno Get(Task task, Task target, bool isNote, UserAddress place, ulong wanted, out int done)
    {
        byte[] state = new byte[MaxBytes];
        done = 0;
        if (ReadComplete(task, target, state).Failed(out int all, out Errno error))
            return error;
        Span<byte> area = state.AsSpan(0, all);
        int size = ExtendedStateLayout.MakeNote(area);
        done = (int)Math.Min((ulong)(isNote ? size : ExtendedStateLayout.LegacyBytes), wanted);
        return task.Memory.Write(place, area[..done]);
    }

    public static Errno Set(Task task, Task target, bool isNote, UserAddress place, ulong given, out int done)
    {
        byte[] state = new byte[MaxBytes];
        done = 0;
        if (ReadComplete(task, target, state).Failed(out int all, out Errno error))
            return error;
        Span<byte> area = state.AsSpan(0, all);
        int size = isNote ? ExtendedStateLayout.StateBytes(area) : ExtendedStateLayout.LegacyBytes;
        if (!isNote && given < (ulong)size)
            return Errno.EINVAL;
        byte[] wanted = new byte[Math.Min(given, (ulong)size)];
        if (task.Memory.Read(place, wanted.AsSpan()) is not Errno.Ok and Errno fault)
            return fault;
        error = isNote
            ? ExtendedStateLayout.TakeNote(area, wanted)
            : ExtendedStateLayout.TakeLegacy(area, wanted);
        done = wanted.Length;
        if (error != Errno.Ok)
            return error;
        ExtendedStateCopy copy = new(state.AsMemory(0, all), isWrite: true);
        return copy.TryRunBy(target, task) ? copy.Result.Error : Errno.ESRCH;
    }

    // EIO where the processor, or the guest's own meddling with its frame, left no complete area.
    private static Result<int> ReadComplete(Task task, Task target, byte[] state)
    {
        ExtendedStateCopy copy = new(state, isWrite: false);
        copy.TryRunBy(target, task);
        if (copy.Result.Failed(out int all, out Errno error))
            return error;
        return ExtendedStateLayout.IsComplete(state.AsSpan(0, all)) ? all : Errno.EIO;
    }
}
