using Sandbox.Linux;
using Sandbox.Platform;
using Sandbox.Sentry.Kernel.Processes;
using Sandbox.Sentry.Kernel.Signals;
using Sandbox.Sentry.Kernel.Tasks;

namespace Sandbox.Sentry.Syscalls;

/// <summary>
/// What a process does with signals: rt_sigaction(2), rt_sigprocmask(2), sigaltstack(2), rt_sigreturn(2).
/// </summary>
internal static class SignalActionSyscalls
{
    /// <summary>sizeof(kernel_sigset_t).</summary>
    private const nuint MaskBytes = 8;

    private const int Block = 0, Unblock = 1, SetMask = 2;

    public static SyscallResult Action(
        Task task, int number, UserPtr<SignalAction> wanted, UserPtr<SignalAction> previous, nuint maskBytes)
    {
        if (maskBytes != MaskBytes || !IsSignal(number))
            return Errno.EINVAL;
        Signal signal = (Signal)number;
        SignalAction action = default;
        if (!wanted.IsNull)
        {
            if (task.Memory.Read(wanted, out action) is not Errno.Ok and Errno fault)
                return fault;
            if (SignalSet.Unblockable.Has(signal))
                return Errno.EINVAL;
        }

        SignalAction old;
        using (task.Kernel.Tree.Enter())
        {
            old = task.Group.Handlers[signal];
            if (!wanted.IsNull)
                Replace(task.Group, signal, action with { Mask = action.Mask & ~SignalSet.Unblockable });
        }

        return previous.IsNull ? 0 : task.Memory.Write(previous, old);
    }

    public static SyscallResult Mask(
        Task task, int how, UserPtr<SignalSet> wanted, UserPtr<SignalSet> previous, nuint maskBytes)
    {
        if (maskBytes != MaskBytes)
            return Errno.EINVAL;
        SignalSet old = task.SignalMask;
        if (!wanted.IsNull)
        {
            if (task.Memory.Read(wanted, out SignalSet set) is not Errno.Ok and Errno fault)
                return fault;
            switch (how)
            {
                case Block:
                    SignalMasking.Set(task, old | set);
                    break;
                case Unblock:
                    SignalMasking.Set(task, old & ~set);
                    break;
                case SetMask:
                    SignalMasking.Set(task, set);
                    break;
                default:
                    return Errno.EINVAL;
            }
        }

        return previous.IsNull ? 0 : task.Memory.Write(previous, old);
    }

    public static SyscallResult Pending(Task task, UserPtr<SignalSet> result, nuint maskBytes)
    {
        if (maskBytes > MaskBytes)
            return Errno.EINVAL;
        SignalSet pending;
        using (task.Kernel.Tree.Enter())
            pending = SignalQueues.PendingOf(task) & task.SignalMask;
        Span<byte> bytes = stackalloc byte[sizeof(ulong)];
        BitConverter.TryWriteBytes(bytes, pending.Mask);
        return task.Memory.Write(result.Address, bytes[..(int)maskBytes]);
    }

    /// <summary>Needs the stack pointer, so the platform brings this call in with its full state.</summary>
    public static SyscallResult AlternateStack(
        Task task, UserPtr<UserSignalStack> wanted, UserPtr<UserSignalStack> previous)
    {
        ulong stackPointer = task.Thread.HasFullState ? task.Thread.Registers.Rsp : 0;
        UserSignalStack old = AlternateStacks.Describe(task.AlternateStack, stackPointer);
        if (!wanted.IsNull)
        {
            if (task.Memory.Read(wanted, out UserSignalStack stack) is not Errno.Ok and Errno fault)
                return fault;
            if (AlternateStacks.Set(task, stack, stackPointer) is not Errno.Ok and Errno error)
                return error;
        }

        return previous.IsNull ? 0 : task.Memory.Write(previous, old);
    }

    public static SyscallResult Return(Task task)
    {
        IGuestThread thread = task.Thread;
        task.Restart = null;
        if (!thread.HasFullState || SignalFrameWriter.Pop(task, thread) != Errno.Ok)
        {
            using (task.Kernel.Tree.Enter())
                SignalSender.Force(task, SignalInfo.FromKernel(Signal.Segment));
            return 0;
        }

        task.NextAction = GuestAction.Resume;
        return 0;
    }

    /// <summary>Continues what a signal interrupted; the guest gets here only by the kernel's own doing.</summary>
    public static SyscallResult RestartCall(Task task)
    {
        if (task.Restart is not { } block)
            return Errno.EINTR;
        task.Restart = null;
        return block.Continue(task, in block);
    }

    /// <summary>From 1 to 64.</summary>
    internal static bool IsSignal(int number) => number is >= 1 and <= (int)Signal.Last;

    // POSIX: setting a pending signal to be ignored discards it, blocked or not.
    private static void Replace(ThreadGroup group, Signal signal, in SignalAction action)
    {
        group.Handlers[signal] = action;
        bool isIgnored = action.IsIgnore || (action.IsDefault && DefaultActions.Of(signal) == DefaultAction.Ignore);
        if (!isIgnored)
            return;
        SignalSet discarded = SignalSet.Of(signal);
        group.Pending.Discard(discarded);
        foreach (Task task in group.Tasks)
            task.Pending.Discard(discarded);
    }
}
