using System.Runtime.InteropServices;
using Sandbox.Linux;
using Sandbox.Platform;
using Sandbox.Sentry.Kernel.Tasks;

namespace Sandbox.Sentry.Kernel.Signals;

/// <summary>
/// Makes a thread run a signal handler, and takes it back afterwards (rt_sigreturn(2); arch/x86/kernel/signal_64.c).
/// </summary>
internal static class SignalFrameWriter
{
    private const int RedZoneBytes = 128, ExtendedStateAlignment = 64, LargestOnStack = 16384;
    private const ulong TrapFlag = 0x100, DirectionFlag = 0x400, ResumeFlag = 0x10000;

    /// <summary>
    /// AC, OF, DF, TF, SF, ZF, AF, PF, CF, RF: what a handler may change through its frame (FIX_EFLAGS).
    /// </summary>
    private const ulong RestorableFlags = 0x40000 | 0x800 | DirectionFlag | TrapFlag | 0x80 | 0x40 | 0x10 | 0x4 | 0x1
        | ResumeFlag;

    /// <summary>One past the last address a user instruction can have (TASK_SIZE_MAX with four-level paging).</summary>
    private const ulong UserEnd = 0x7FFF_FFFF_F000;

    /// <summary>
    /// Puts the frame on the stack and points the registers at the handler. EFAULT if the stack is not there; then
    /// nothing has changed but guest memory below the stack pointer.
    /// </summary>
    public static Errno Push(Task task, IGuestThread thread, in SignalAction action, in SignalInfo info)
    {
        // Linux on x86-64 demands a restorer, too: there is no other way back.
        if ((action.Flags & SignalAction.HasRestorer) == 0)
            return Errno.EFAULT;
        ref UserRegisters registers = ref thread.Registers;
        int stateBytes = thread.ExtendedStateBytes;
        if (!FindPlace(task, in action, registers.Rsp, stateBytes, out ulong frameStart, out ulong stateStart))
            return Errno.EFAULT;

        int totalBytes = (int)(stateStart - frameStart) + stateBytes;
        Span<byte> bytes = totalBytes <= LargestOnStack ? stackalloc byte[totalBytes] : new byte[totalBytes];
        bytes[..(int)(stateStart - frameStart)].Clear();
        if (thread.ReadExtendedState(bytes[(int)(stateStart - frameStart)..]).Failed(
            out int stateLength, out Errno error))
            return error;

        SignalFrame frame = new()
        {
            ReturnAddress = action.Restorer,
            Flags = SignalFrame.HasXsave | SignalFrame.SavesSs | SignalFrame.RestoresSsStrictly,
            Stack = new UserSignalStack(task.AlternateStack),
            Context = Save(task, in registers, stateLength == 0 ? 0 : stateStart),
            Mask = task.SavedSignalMask ?? task.SignalMask,
        };
        if ((action.Flags & SignalAction.WithInfo) != 0)
            frame.Info = info;
        MemoryMarshal.Write(bytes, in frame);
        if (task.Memory.Write(new UserAddress(frameStart), bytes) is not Errno.Ok and Errno fault)
            return fault;
        if (thread.WriteExtendedState([]) is not Errno.Ok and Errno refused)
            return refused;

        registers.Rdi = (ulong)info.Number;
        registers.Rsi = frameStart + SignalFrame.InfoOffset;
        registers.Rdx = frameStart + SignalFrame.UserContextOffset;
        registers.Rax = 0;
        registers.Rsp = frameStart;
        registers.Rip = action.Handler;
        registers.Cs = SignalContext.UserCodeSegment;
        registers.Ss = SignalContext.UserStackSegment;
        registers.Eflags &= ~(DirectionFlag | ResumeFlag | TrapFlag);
        return Errno.Ok;
    }

    /// <summary>
    /// Undoes <see cref="Push"/> with whatever stands in the frame by now: mask, alternate stack, registers, extended
    /// state. EFAULT if the frame is unreadable or names impossible values. Own thread, full state.
    /// </summary>
    public static Errno Pop(Task task, IGuestThread thread)
    {
        ref UserRegisters registers = ref thread.Registers;
        UserPtr<SignalFrame> source = new(new UserAddress(registers.Rsp - sizeof(ulong)));
        if (task.Memory.Read(source, out SignalFrame frame) is not Errno.Ok and Errno error)
            return error;
        if (frame.Context.Rip >= UserEnd)
            return Errno.EFAULT;
        SignalMasking.Set(task, frame.Mask);
        if (RestoreExtendedState(task, thread, frame.Context.ExtendedState) is not Errno.Ok and Errno refused)
            return refused;
        Restore(ref registers, in frame.Context);

        // Errors of the stack are ignored, as Linux does: the registers are back already.
        AlternateStacks.Set(task, frame.Stack, registers.Rsp);
        return Errno.Ok;
    }

    /// <summary>
    /// Where the frame and the extended state go: below the red zone, or at the top of the alternate stack. False if
    /// the alternate stack has no room.
    /// </summary>
    internal static bool FindPlace(
        Task task, in SignalAction action, ulong stackPointer, int stateBytes, out ulong frameStart,
        out ulong stateStart)
    {
        SignalStack stack = task.AlternateStack;
        bool isOnAlternate = AlternateStacks.IsOn(stack, stackPointer);
        ulong top = stackPointer - RedZoneBytes;
        if ((action.Flags & SignalAction.OnStack) != 0 && AlternateStacks.IsUsable(stack) && !isOnAlternate)
        {
            top = stack.Base.Value + stack.Size;
            isOnAlternate = true;
        }

        stateStart = (top - (ulong)stateBytes) & ~(ulong)(ExtendedStateAlignment - 1);

        // The handler is entered as if by a call: 8 below a multiple of 16.
        frameStart = ((stateStart - (ulong)SignalFrame.Size) & ~15ul) - 8;
        if (frameStart > stateStart || stateStart > stackPointer && !isOnAlternate)
            return false;
        return !isOnAlternate || AlternateStacks.Contains(stack, frameStart);
    }

    private static SignalContext Save(Task task, in UserRegisters registers, ulong stateStart)
    {
        SignalContext context = new()
        {
            Cs = SignalContext.UserCodeSegment,
            Ss = SignalContext.UserStackSegment,
            ErrorCode = task.LastFault.ErrorCode,
            TrapNumber = task.LastFault.TrapNumber,
            OldMask = (task.SavedSignalMask ?? task.SignalMask).Mask,
            FaultAddress = task.LastFault.Address,
            ExtendedState = stateStart,
        };
        context.SetGeneral(in registers);
        return context;
    }

    private static void Restore(ref UserRegisters registers, in SignalContext context)
    {
        ulong flags = (registers.Eflags & ~RestorableFlags) | (context.Eflags & RestorableFlags);
        context.CopyGeneralTo(ref registers);
        registers.Eflags = flags;
        registers.Cs = SignalContext.UserCodeSegment;
        registers.Ss = SignalContext.UserStackSegment;
    }

    private static Errno RestoreExtendedState(Task task, IGuestThread thread, ulong address)
    {
        if (address == 0)
            return thread.WriteExtendedState([]);
        int stateBytes = thread.ExtendedStateBytes;
        Span<byte> bytes = stateBytes <= LargestOnStack ? stackalloc byte[stateBytes] : new byte[stateBytes];
        if (task.Memory.ReadSome(new UserAddress(address), bytes).Failed(out int count, out Errno error))
            return error;
        if (ExtendedStateLayout.IsComplete(bytes[..count]))
            return thread.WriteExtendedState(bytes);

        // A frame made by hand may hold the old FXSAVE part only; everything else then takes its initial value.
        if (count < ExtendedStateLayout.LegacyBytes)
            return Errno.EFAULT;
        Span<byte> current = stateBytes <= LargestOnStack ? stackalloc byte[stateBytes] : new byte[stateBytes];
        if (thread.ReadExtendedState(current).Failed(out _, out error))
            return error;
        ExtendedStateLayout.KeepLegacyOnly(current, bytes);
        return thread.WriteExtendedState(current);
    }
}
