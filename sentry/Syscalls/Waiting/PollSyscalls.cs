using System.Buffers;
using System.Runtime.InteropServices;
using Sandbox.Linux;
using Sandbox.Sentry.Kernel.Signals;
using Sandbox.Sentry.Kernel.Tasks;
using Sandbox.Sentry.Memory;
using Sandbox.Sentry.Sync;

namespace Sandbox.Sentry.Syscalls;

/// <summary>poll(2), ppoll(2).</summary>
internal static class PollSyscalls
{
    private const int OnStack = 32;

    public static SyscallResult Poll(
        Task task, UserPtr<PollDescriptor> descriptors, uint count, int timeoutMilliseconds) =>
        Run(task, descriptors, count, timeoutMilliseconds switch
        {
            < 0 => Deadline.Never,
            0 => Deadline.Now,
            _ => Deadline.After(timeoutMilliseconds * 1_000_000L),
        });

    public static SyscallResult PollMasked(
        Task task, UserPtr<PollDescriptor> descriptors, uint count, UserPtr<Timespec> timeout, UserPtr<SignalSet> mask,
        nuint maskBytes)
    {
        if (PollTimeout.Read(task, timeout, out Deadline deadline) is not Errno.Ok and Errno error)
            return error;
        if (PollTimeout.BeginMask(task, mask, maskBytes) is not Errno.Ok and Errno failure)
            return failure;
        SyscallResult result = Run(task, descriptors, count, deadline);
        SignalMasking.Leave(task, result);
        PollTimeout.WriteBack(task, timeout, deadline);
        return result;
    }

    private static SyscallResult Run(Task task, UserPtr<PollDescriptor> descriptors, uint count, Deadline deadline)
    {
        if (count > (uint)task.Group.Limits.OpenFiles)
            return Errno.EINVAL;
        int charged = count <= OnStack ? 0 : (int)count;
        if (!task.Account.TryChargeObject(ObjectCost.PolledFile, charged))
            return Errno.ENOMEM;
        PollDescriptor[]? rented = count <= OnStack ? null : ArrayPool<PollDescriptor>.Shared.Rent((int)count);
        Span<PollDescriptor> copy = rented is null ? stackalloc PollDescriptor[OnStack] : rented;
        SyscallResult result = Run(task, descriptors, copy[..(int)count], deadline);
        if (rented is not null)
            ArrayPool<PollDescriptor>.Shared.Return(rented);
        task.Account.ReturnObject(ObjectCost.PolledFile, charged);
        return result;
    }

    private static SyscallResult Run(
        Task task, UserPtr<PollDescriptor> descriptors, Span<PollDescriptor> copy, Deadline deadline)
    {
        if (task.Memory.ReadArray(descriptors, copy) is not Errno.Ok and Errno error)
            return error;
        Result<int> ready = PollWait.Wait(task, copy, deadline);
        if (ready.Failed(out int count, out Errno failure))
            return failure;

        // Nothing but the results goes back, but in one piece: the other fields are what the guest gave.
        if (task.Memory.Write(descriptors.Address, MemoryMarshal.AsBytes(copy)) is not Errno.Ok and Errno fault)
            return fault;
        return count;
    }
}

/// <summary>What ppoll, pselect and epoll_pwait share: time-outs and the mask.</summary>
internal static class PollTimeout
{
    private const int MaskBytes = 8;

    /// <summary>A relative timespec as a deadline; null is for ever. EINVAL, EFAULT.</summary>
    public static Errno Read(Task task, UserPtr<Timespec> timeout, out Deadline deadline)
    {
        deadline = Deadline.Never;
        if (timeout.IsNull)
            return Errno.Ok;
        if (task.Memory.Read(timeout, out Timespec time) is not Errno.Ok and Errno error)
            return error;
        if (!time.IsValid)
            return Errno.EINVAL;
        deadline = time.TotalNanoseconds == 0 ? Deadline.Now : Deadline.After(time.TotalNanoseconds);
        return Errno.Ok;
    }

    /// <summary>
    /// Linux writes back what is left; a fault is nobody's concern (select(2), ppoll(2): the raw calls).
    /// </summary>
    public static void WriteBack(Task task, UserPtr<Timespec> timeout, Deadline deadline)
    {
        if (!timeout.IsNull && !deadline.IsNever)
            _ = task.Memory.Write(timeout, Timespec.FromNanoseconds(deadline.Remaining));
    }

    /// <summary>Puts the guest's mask in force, if there is one. EINVAL for a wrong size, EFAULT.</summary>
    public static Errno BeginMask(Task task, UserPtr<SignalSet> mask, nuint maskBytes)
    {
        if (mask.IsNull)
            return Errno.Ok;
        if (maskBytes != MaskBytes)
            return Errno.EINVAL;
        if (task.Memory.Read(mask, out SignalSet signals) is not Errno.Ok and Errno error)
            return error;
        SignalMasking.Enter(task, signals);
        return Errno.Ok;
    }
}
