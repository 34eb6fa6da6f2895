using Sandbox.Linux;
using Sandbox.Platform;
using Sandbox.Sentry.Kernel.Tasks;

namespace Sandbox.Sentry.Kernel.Ptrace;

/// <summary>
/// Bytes to copy from or to memory whose protection forbids it, as debuggers do (FOLL_FORCE): a thread of that memory
/// lets itself in for as long as it takes. What is written to a private mapping of a file becomes a copy of the
/// process's own.
/// </summary>
internal sealed class ForcedCopy(in HostMapping mapping, ulong address, byte[] bytes, int length, bool isWrite)
{
    private const ulong PageMask = 0xFFF;

    private readonly HostMapping _mapping = mapping;
    private volatile Task? _waiter;

    /// <summary>Bytes copied; EIO if there is no way to them.</summary>
    public Result<int> Result { get; private set; } = Errno.EIO;

    /// <summary>By a thread of that memory, which stands still with its full state.</summary>
    public void Run(IGuestThread thread)
    {
        if (!thread.HasFullState)
            return;
        ulong start = address & ~PageMask, end = (address + (ulong)length + PageMask) & ~PageMask;
        MemoryProtection needed = isWrite ? MemoryProtection.Read | MemoryProtection.Write : MemoryProtection.Read;
        if (Protect(thread, start, end - start, _mapping.Protection | needed) != Errno.Ok)
            return;
        Span<byte> range = bytes.AsSpan(0, length);
        Result<int> copied = isWrite
            ? thread.AddressSpace.Write(new UserAddress(address), range)
            : thread.AddressSpace.Read(new UserAddress(address), range);
        if (Protect(thread, start, end - start, _mapping.Protection) == Errno.Ok && copied.Error == Errno.Ok)
            Result = copied;
    }

    /// <summary>
    /// Has a task that stands in its tracer's stop do it, and waits for that: it is the Sentry's own thread that wakes
    /// up for it, and the stub's commands have a deadline. False if the task stands in no such stop any more, or
    /// somebody else is being served.
    /// </summary>
    public bool TryRunBy(Task tracee, Task caller)
    {
        _waiter = caller;
        caller.Sleeper.Parker.Reset();
        using (caller.Kernel.Tree.Enter())
        {
            if (tracee.Trace is not { IsStopped: true, Errand: null } trace)
                return false;
            trace.Errand = this;
            tracee.Sleeper.Parker.Wake();
        }

        while (_waiter is not null)
            caller.Sleeper.Parker.ParkUninterruptibly(Sync.Deadline.Never);
        return true;
    }

    /// <summary>By the tracee's thread: it is done, or will not be.</summary>
    public void End()
    {
        Task? waiter = _waiter;
        _waiter = null;
        waiter?.Sleeper.Parker.Wake();
    }

    private static Errno Protect(IGuestThread thread, ulong start, ulong length, MemoryProtection protection)
    {
        HostCommand protect = new(Sys.mprotect, (long)start, (long)length, (long)protection);
        Errno error = thread.Execute(new Span<HostCommand>(ref protect), stopAtError: true);
        return error == Errno.Ok && protect.Result != 0 ? (Errno)(int)-protect.Result : error;
    }
}
