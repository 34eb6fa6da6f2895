using Sandbox.Linux;
using Sandbox.Platform;
using Sandbox.Sentry.Kernel.Namespaces;
using Sandbox.Sentry.Kernel.Ptrace;
using Sandbox.Sentry.Kernel.Tasks;

namespace Sandbox.Sentry.Syscalls;

/// <summary>
/// Copies between the Sentry and guest memory as /proc/PID/mem and PTRACE_POKETEXT have it: where the protection
/// forbids it, by force, if a thread is at hand that can let the bytes in and out. That is the caller itself in its own
/// memory, or a tracee that stands in a stop.
/// </summary>
internal static class ForcedMemory
{
    /// <summary>Reads all or the first part. EIO; ERESTARTNOINTR if the caller must come with its full state.</summary>
    public static Result<int> Read(Task task, GuestMemory memory, ulong address, byte[] bytes, int length) =>
        memory.Space.Read(new UserAddress(address), bytes.AsSpan(0, length)).Failed(out int count, out _)
            ? Force(task, memory, address, bytes, length, isWrite: false)
            : count;

    /// <summary>Writes all or the first part; errors as for <see cref="Read"/>.</summary>
    public static Result<int> Write(Task task, GuestMemory memory, ulong address, byte[] bytes, int length) =>
        memory.Space.Write(new UserAddress(address), bytes.AsSpan(0, length)).Failed(out int count, out _)
            ? Force(task, memory, address, bytes, length, isWrite: true)
            : count;

    private static Result<int> Force(
        Task task, GuestMemory memory, ulong address, byte[] bytes, int length, bool isWrite)
    {
        MemoryProtection needed = isWrite ? MemoryProtection.Write : MemoryProtection.Read;
        IAddressSpace space = memory.Space;
        if ((address >= space.ReservedStart && address < space.ReservedEnd)
            || space.FindMapping(new UserAddress(address)).Failed(out HostMapping mapping, out _)
            || (mapping.Protection & needed) != 0 || (isWrite && mapping.IsShared))
        {
            return Errno.EIO;
        }

        length = (int)Math.Min((ulong)length, mapping.End - address);
        ForcedCopy copy = new(in mapping, address, bytes, length, isWrite);
        if (memory == task.GuestMemory)
        {
            if (!task.Thread.HasFullState)
            {
                task.WantsFullState = true;
                return Errno.ERESTARTNOINTR;
            }

            copy.Run(task.Thread);
            return copy.Result;
        }

        return FindStopped(task, memory) is { } tracee && copy.TryRunBy(tracee, task) ? copy.Result : Errno.EIO;
    }

    private static Task? FindStopped(Task task, GuestMemory memory)
    {
        using (task.Kernel.Tree.Enter())
        {
            foreach (KeyValuePair<int, Pid> entry in task.Kernel.RootPids.Pids)
            {
                if (entry.Value.Task is { IsExited: false, Trace.IsStopped: true } other
                    && other.GuestMemory == memory && other.Thread.HasFullState)
                    return other;
            }
        }

        return null;
    }
}
