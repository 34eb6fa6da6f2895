using Sandbox.Linux;
using Sandbox.Sentry.Kernel.Tasks;

namespace Sandbox.Sentry.Kernel.Signals;

/// <summary>The rules of alternate signal stacks (sigaltstack(2)).</summary>
internal static class AlternateStacks
{
    /// <summary>True if the stack exists; flags alone do not say so after SS_AUTODISARM.</summary>
    public static bool IsUsable(in SignalStack stack) => stack.Size != 0;

    /// <summary>True if the address is on the stack, whatever its flags.</summary>
    public static bool Contains(in SignalStack stack, ulong stackPointer) =>
        stackPointer > stack.Base.Value && stackPointer - stack.Base.Value <= stack.Size;

    /// <summary>
    /// True if a thread with this stack pointer is running on it: with SS_AUTODISARM never, it is disarmed then.
    /// </summary>
    public static bool IsOn(in SignalStack stack, ulong stackPointer) =>
        (stack.Flags & SignalStack.AutoDisarm) == 0 && Contains(in stack, stackPointer);

    /// <summary>What the guest sees of its stack now.</summary>
    public static UserSignalStack Describe(in SignalStack stack, ulong stackPointer)
    {
        int state = !IsUsable(stack) ? SignalStack.Disable : IsOn(stack, stackPointer) ? SignalStack.OnStack : 0;
        return new UserSignalStack(stack.Base, state | (stack.Flags & SignalStack.AutoDisarm), 0, stack.Size);
    }

    /// <summary>
    /// Replaces the stack. EPERM while running on the old one, EINVAL for unknown flags, ENOMEM if it is too small.
    /// Own thread.
    /// </summary>
    public static Errno Set(Task task, in UserSignalStack wanted, ulong stackPointer)
    {
        if (IsOn(task.AlternateStack, stackPointer))
            return Errno.EPERM;
        int mode = wanted.Flags & ~SignalStack.AutoDisarm;
        if (mode is not (0 or SignalStack.OnStack or SignalStack.Disable))
            return Errno.EINVAL;
        if (mode == SignalStack.Disable)
        {
            task.AlternateStack = new SignalStack(UserAddress.Null, 0, wanted.Flags);
            return Errno.Ok;
        }

        if (wanted.Size < task.Kernel.Host.MinimumSignalStackBytes)
            return Errno.ENOMEM;
        task.AlternateStack = new SignalStack(wanted.Base, wanted.Size, wanted.Flags);
        return Errno.Ok;
    }

    /// <summary>
    /// A handler was set up on an SS_AUTODISARM stack: the stack is free until rt_sigreturn puts it back.
    /// </summary>
    public static void DisarmIfAutomatic(Task task)
    {
        if ((task.AlternateStack.Flags & SignalStack.AutoDisarm) != 0)
            task.AlternateStack = new SignalStack(UserAddress.Null, 0, SignalStack.Disable);
    }
}
