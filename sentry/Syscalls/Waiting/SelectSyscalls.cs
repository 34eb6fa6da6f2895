using System.Buffers;
using System.Runtime.InteropServices;
using Sandbox.Linux;
using Sandbox.Sentry.Kernel.Signals;
using Sandbox.Sentry.Kernel.Tasks;
using Sandbox.Sentry.Memory;
using Sandbox.Sentry.Sync;

namespace Sandbox.Sentry.Syscalls;

/// <summary>select(2), pselect6(2): bit sets around the wait of poll.</summary>
internal static class SelectSyscalls
{
    // What each set means in poll's terms (select(2), "Correspondence between select() and poll() notifications").
    private const PollEvents ReadEvents =
        PollEvents.Readable | PollEvents.ReadBand | PollEvents.HangUp | PollEvents.Error;
    private const PollEvents WriteEvents = PollEvents.Writable | PollEvents.WriteBand | PollEvents.Error;
    private const PollEvents ExceptionEvents = PollEvents.Priority;

    /// <summary>Linux's tables start with this many entries (NR_OPEN_DEFAULT).</summary>
    private const int SmallestTable = 64;

    public static SyscallResult Select(
        Task task, int count, UserPtr<ulong> reads, UserPtr<ulong> writes, UserPtr<ulong> exceptions,
        UserPtr<Timeval> timeout)
    {
        Deadline deadline = Deadline.Never;
        if (!timeout.IsNull)
        {
            if (task.Memory.Read(timeout, out Timeval time) is not Errno.Ok and Errno error)
                return error;
            if (time.Seconds < 0 || time.Microseconds < 0)
                return Errno.EINVAL;
            deadline = DeadlineOf(time);
        }

        SyscallResult result = Run(task, count, new Sets(reads, writes, exceptions), deadline);
        if (!deadline.IsNever && !timeout.IsNull)
            _ = task.Memory.Write(timeout, Timeval.FromNanoseconds(deadline.Remaining));
        return result;
    }

    public static SyscallResult SelectMasked(
        Task task, int count, UserPtr<ulong> reads, UserPtr<ulong> writes, UserPtr<ulong> exceptions,
        MaskedArguments arguments)
    {
        if (PollTimeout.Read(task, arguments.Timeout, out Deadline deadline) is not Errno.Ok and Errno error)
            return error;
        if (PollTimeout.BeginMask(task, arguments.Mask, arguments.MaskBytes) is not Errno.Ok and Errno failure)
            return failure;
        SyscallResult result = Run(task, count, new Sets(reads, writes, exceptions), deadline);
        SignalMasking.Leave(task, result);
        PollTimeout.WriteBack(task, arguments.Timeout, deadline);
        return result;
    }

    /// <summary>pselect6 as the registers have it: its sixth argument points to the mask's address and size.</summary>
    public static SyscallResult SelectMasked(
        Task task, int count, UserPtr<ulong> reads, UserPtr<ulong> writes, UserPtr<ulong> exceptions,
        UserPtr<Timespec> timeout,
        UserPtr<MaskReference> mask)
    {
        MaskReference reference = default;
        if (!mask.IsNull && task.Memory.Read(mask, out reference) is not Errno.Ok and Errno error)
            return error;
        return SelectMasked(
            task, count, reads, writes, exceptions,
            new MaskedArguments(timeout, new UserPtr<SignalSet>(reference.Address), (nuint)reference.Bytes));
    }

    private static Deadline DeadlineOf(Timeval time)
    {
        // Linux normalises microseconds beyond a second.
        long seconds = Math.Min(time.Seconds, long.MaxValue / 2_000_000_000) + (time.Microseconds / 1_000_000);
        long nanoseconds = new Timespec(seconds, time.Microseconds % 1_000_000 * 1000).TotalNanoseconds;
        return nanoseconds == 0 ? Deadline.Now : Deadline.After(nanoseconds);
    }

    private static SyscallResult Run(Task task, int count, in Sets sets, Deadline deadline)
    {
        if (count < 0)
            return Errno.EINVAL;
        // As Linux: beyond the table nothing is looked at.
        count = Math.Min(count, Math.Max(task.Files.Size, SmallestTable));
        int charged = count <= SmallestTable ? 0 : count;
        if (!task.Account.TryChargeObject(ObjectCost.PolledFile, charged))
            return Errno.ENOMEM;
        int words = (count + 63) / 64;
        ulong[] bits = ArrayPool<ulong>.Shared.Rent(Math.Max(1, words * 3));
        PollDescriptor[] descriptors = ArrayPool<PollDescriptor>.Shared.Rent(Math.Max(1, count));
        SyscallResult result = Run(task, count, sets, deadline, bits.AsSpan(0, words * 3), descriptors);
        ArrayPool<PollDescriptor>.Shared.Return(descriptors);
        ArrayPool<ulong>.Shared.Return(bits);
        task.Account.ReturnObject(ObjectCost.PolledFile, charged);
        return result;
    }

    private static SyscallResult Run(
        Task task, int count, in Sets sets, Deadline deadline, Span<ulong> bits, Span<PollDescriptor> descriptors)
    {
        int words = bits.Length / 3;
        Span<ulong> reads = bits[..words], writes = bits[words..(2 * words)], exceptions = bits[(2 * words)..];
        if (Load(task, sets.Reads, reads) is not Errno.Ok and Errno error)
            return error;
        if (Load(task, sets.Writes, writes) is not Errno.Ok and Errno error2)
            return error2;
        if (Load(task, sets.Exceptions, exceptions) is not Errno.Ok and Errno error3)
            return error3;

        descriptors = descriptors[..Gather(count, bits, descriptors)];
        if (PollWait.Wait(task, descriptors, deadline).Failed(out _, out Errno failure))
            return failure;

        bits.Clear();
        int total = 0;
        foreach (ref readonly PollDescriptor descriptor in descriptors)
        {
            PollEvents ready = (PollEvents)descriptor.Ready, wanted = (PollEvents)descriptor.Wanted;
            if ((ready & PollEvents.Invalid) != 0)
                return Errno.EBADF;
            total += Mark(reads, descriptor.Fd, ready & ReadEvents, wanted & PollEvents.In);
            total += Mark(writes, descriptor.Fd, ready & WriteEvents, wanted & PollEvents.Out);
            total += Mark(exceptions, descriptor.Fd, ready & ExceptionEvents, wanted & PollEvents.Priority);
        }

        if (Store(task, sets.Reads, reads) is not Errno.Ok and Errno fault)
            return fault;
        if (Store(task, sets.Writes, writes) is not Errno.Ok and Errno writesFault)
            return writesFault;
        return Store(task, sets.Exceptions, exceptions) is not Errno.Ok and Errno fault3 ? fault3 : total;
    }

    private static int Gather(int count, ReadOnlySpan<ulong> bits, Span<PollDescriptor> descriptors)
    {
        int words = bits.Length / 3, found = 0;
        for (int fd = 0; fd < count; fd++)
        {
            PollEvents wanted = (Has(bits[..words], fd) ? ReadEvents : 0)
                | (Has(bits[words..(2 * words)], fd) ? WriteEvents : 0)
                | (Has(bits[(2 * words)..], fd) ? ExceptionEvents : 0);
            if (wanted != 0)
                descriptors[found++] = new PollDescriptor { Fd = fd, Wanted = (ushort)wanted };
        }

        return found;
    }

    private static bool Has(ReadOnlySpan<ulong> bits, int fd) => (bits[fd / 64] & (1ul << (fd % 64))) != 0;

    private static int Mark(Span<ulong> bits, int fd, PollEvents ready, PollEvents wanted)
    {
        if (ready == 0 || wanted == 0)
            return 0;
        bits[fd / 64] |= 1ul << (fd % 64);
        return 1;
    }

    private static Errno Load(Task task, UserPtr<ulong> set, Span<ulong> bits)
    {
        bits.Clear();
        return set.IsNull ? Errno.Ok : task.Memory.ReadArray(set, bits);
    }

    private static Errno Store(Task task, UserPtr<ulong> set, ReadOnlySpan<ulong> bits) =>
        set.IsNull ? Errno.Ok : task.Memory.WriteArray(set, bits);

    private readonly record struct Sets(UserPtr<ulong> Reads, UserPtr<ulong> Writes, UserPtr<ulong> Exceptions);

    /// <summary>What pselect adds to select.</summary>
    internal readonly record struct MaskedArguments(
        UserPtr<Timespec> Timeout, UserPtr<SignalSet> Mask, nuint MaskBytes);

    /// <summary>What pselect6's sixth argument points to.</summary>
    [StructLayout(LayoutKind.Sequential)]
    internal readonly record struct MaskReference(UserAddress Address, ulong Bytes);
}
