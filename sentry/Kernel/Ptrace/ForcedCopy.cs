using Sandbox.Linux;
using Sandbox.Platform;

namespace Sandbox.Sentry.Kernel.Ptrace;

/// <summary>
/// Bytes to copy from or to memory whose protection forbids it, as debuggers do (FOLL_FORCE): a thread of that memory
/// lets itself in for as long as it takes. What is written to a private mapping of a file becomes a copy of the
/// process's own.
/// </summary>
internal sealed class ForcedCopy(in HostMapping mapping, ulong address, byte[] bytes, int length, bool isWrite)
    : TraceeErrand
{
    private const ulong PageMask = 0xFFF;

    private readonly HostMapping _mapping = mapping;

    /// <summary>Bytes copied; EIO if there is no way to them.</summary>
    public Result<int> Result { get; private set; } = Errno.EIO;

    /// <summary>By a thread of that memory, which stands still with its full state.</summary>
    public override void Run(IGuestThread thread)
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

    private static Errno Protect(IGuestThread thread, ulong start, ulong length, MemoryProtection protection)
    {
        HostCommand protect = new(Sys.mprotect, (long)start, (long)length, (long)protection);
        Errno error = thread.Execute(new Span<HostCommand>(ref protect), stopAtError: true);
        return error == Errno.Ok && protect.Result != 0 ? (Errno)(int)-protect.Result : error;
    }
}
