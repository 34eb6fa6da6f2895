using System.Runtime.InteropServices;
using Sandbox.Linux;
using Sandbox.Sentry.Kernel.Ptrace;
using Sandbox.Sentry.Kernel.Signals;
using Sandbox.Sentry.Kernel.Tasks;

namespace Sandbox.Sentry.Syscalls;

/// <summary>What ptrace(2) reads and writes of a tracee that stands in a stop: memory, registers, signals.</summary>
internal static class PtraceData
{
    private const int NoteRegisters = 1, NoteFloatingPoint = 2, NoteExtendedState = 0x202;
    private const int RegisterBytes = 27 * 8, FloatingPointBytes = 512, UserAreaBytes = 912, DebugRegisters = 848;

    private enum Request
    {
        PeekText = 1,
        PeekData = 2,
        PeekUser = 3,
        PokeText = 4,
        PokeData = 5,
        PokeUser = 6,
        GetRegisters = 12,
        SetRegisters = 13,
        GetFloatingPoint = 14,
        SetFloatingPoint = 15,
        GetEventMessage = 0x4201,
        GetSignalInfo = 0x4202,
        SetSignalInfo = 0x4203,
        GetRegisterSet = 0x4204,
        SetRegisterSet = 0x4205,
        GetSignalMask = 0x420a,
        SetSignalMask = 0x420b,
        GetSyscallInfo = 0x420e,
    }

    /// <summary>struct ptrace_syscall_info.</summary>
    [StructLayout(LayoutKind.Sequential)]
    private struct SyscallInfo
    {
        public byte Operation;
        private readonly byte _padding0;
        private readonly ushort _padding1;
        public uint Architecture;
        public ulong InstructionPointer;
        public ulong StackPointer;
        public ulong NumberOrResult;
        public ulong FirstOrIsError;
        public ulong Second;
        public ulong Third;
        public ulong Fourth;
        public ulong Fifth;
        public ulong Sixth;
    }

    public static SyscallResult Transfer(
        Task task, Task target, TraceState trace, long request, ulong address, ulong data)
    {
        UserAddress place = new(data);
        switch ((Request)request)
        {
            case Request.PeekText or Request.PeekData:
                return Peek(task, target, address, new UserPtr<ulong>(place));
            case Request.PokeText or Request.PokeData:
                return Poke(task, target, address, data);
            case Request.GetEventMessage:
                return task.Memory.Write(new UserPtr<ulong>(place), trace.Message);
            case Request.GetSignalInfo:
                return task.Memory.Write(new UserPtr<SignalInfo>(place), trace.Info);
            case Request.SetSignalInfo:
                if (task.Memory.Read(new UserPtr<SignalInfo>(place), out SignalInfo info)
                    is not Errno.Ok and Errno fault)
                    return fault;
                trace.Info = info;
                return 0;
            case Request.GetSignalMask:
                return address != sizeof(ulong)
                    ? Errno.EINVAL
                    : task.Memory.Write(new UserPtr<SignalSet>(place), target.SignalMask);
            case Request.SetSignalMask:
                return SetSignalMask(task, target, address, new UserPtr<SignalSet>(place));
            default:
                return target.Thread.HasFullState
                    ? TransferRegisters(task, target, trace, (Request)request, address, place)
                    : Errno.ESRCH; // On its way out: there are none any more.
        }
    }

    private static SyscallResult Peek(Task task, Task target, ulong address, UserPtr<ulong> place)
    {
        byte[] word = new byte[sizeof(ulong)];
        return CopyWord(address, word, ForcedMemory.Read, task, target) == Errno.Ok
            ? task.Memory.Write(place, BitConverter.ToUInt64(word))
            : Errno.EIO;
    }

    private static SyscallResult Poke(Task task, Task target, ulong address, ulong word) =>
        CopyWord(address, BitConverter.GetBytes(word), ForcedMemory.Write, task, target);

    // A word may lie in two mappings.
    private static Errno CopyWord(
        ulong address, byte[] word, Func<Task, GuestMemory, ulong, byte[], int, Result<int>> copy, Task task,
        Task target)
    {
        for (int done = 0; done < word.Length;)
        {
            byte[] rest = word[done..];
            if (copy(task, target.GuestMemory, address + (ulong)done, rest, rest.Length).Failed(out int count, out _))
                return Errno.EIO;
            rest.AsSpan(0, count).CopyTo(word.AsSpan(done));
            done += count;
        }

        return Errno.Ok;
    }

    private static SyscallResult TransferRegisters(
        Task task, Task target, TraceState trace, Request request, ulong address, UserAddress place)
    {
        ref UserRegisters registers = ref target.Thread.Registers;
        if (trace.IsAtEntry is null)
            registers.OrigRax = ulong.MaxValue;
        Span<byte> bytes = MemoryMarshal.AsBytes(new Span<UserRegisters>(ref registers));
        switch (request)
        {
            case Request.GetRegisters:
                return task.Memory.Write(place, bytes);
            case Request.SetRegisters:
                return SetRegisters(task, place, bytes);
            case Request.GetFloatingPoint:
                return PtraceExtendedState.Get(task, target, isNote: false, place, FloatingPointBytes, out _);
            case Request.SetFloatingPoint:
                return PtraceExtendedState.Set(task, target, isNote: false, place, FloatingPointBytes, out _);
            case Request.PeekUser:
                return PeekUser(task, bytes, address, new UserPtr<ulong>(place));
            case Request.PokeUser:
                return PokeUser(bytes, address, place.Value);
            case Request.GetRegisterSet or Request.SetRegisterSet:
                return TransferSet(
                    task, target, request == Request.SetRegisterSet, address, new UserPtr<IoVector>(place));
            case Request.GetSyscallInfo:
                return DescribeCall(task, trace, registers, (nuint)address, place);
            default:
                return Errno.EIO;
        }
    }

    // The flags that are the processor's own business, and the segments, stay (ptrace_set_reg of arch/x86).
    private static Errno SetRegisters(Task task, UserAddress place, Span<byte> bytes)
    {
        const ulong settableFlags = 0x250DD5;
        UserRegisters wanted = default;
        Span<byte> copy = MemoryMarshal.AsBytes(new Span<UserRegisters>(ref wanted));
        if (task.Memory.Read(place, copy) is not Errno.Ok and Errno fault)
            return fault;
        ref UserRegisters registers = ref MemoryMarshal.AsRef<UserRegisters>(bytes);
        wanted.Eflags = (registers.Eflags & ~settableFlags) | (wanted.Eflags & settableFlags);
        (wanted.Cs, wanted.Ss) = (registers.Cs, registers.Ss);
        (wanted.Ds, wanted.Es, wanted.Fs, wanted.Gs) = (registers.Ds, registers.Es, registers.Fs, registers.Gs);
        registers = wanted;
        return Errno.Ok;
    }

    private static SyscallResult PeekUser(Task task, ReadOnlySpan<byte> registers, ulong offset, UserPtr<ulong> place)
    {
        if (offset > UserAreaBytes - sizeof(ulong) || offset % sizeof(ulong) != 0)
            return Errno.EIO;
        ulong word = offset < RegisterBytes ? BitConverter.ToUInt64(registers[(int)offset..]) : 0;
        return task.Memory.Write(place, word);
    }

    // There are no debug registers to give away: others use them all, says ENOSPC (ptrace_set_debugreg of arch/x86).
    private static SyscallResult PokeUser(Span<byte> registers, ulong offset, ulong word)
    {
        const int firstSegment = 17 * 8, flags = 18 * 8, stackSegment = 20 * 8, firstDataSegment = 23 * 8;
        if (offset > UserAreaBytes - sizeof(ulong) || offset % sizeof(ulong) != 0)
            return Errno.EIO;
        if (offset >= RegisterBytes)
            return PokeDebugRegister(offset, word);
        if (offset is firstSegment or flags or stackSegment or >= firstDataSegment)
            return Errno.EIO;
        BitConverter.TryWriteBytes(registers[(int)offset..], word);
        return 0;
    }

    private static Errno PokeDebugRegister(ulong offset, ulong word)
    {
        const ulong addressLimit = 0x7FFF_FFFF_F000;
        const int addresses = 4, status = 6, control = 7;
        if (offset < DebugRegisters)
            return Errno.EIO;
        int number = (int)(offset - DebugRegisters) / sizeof(ulong);
        return number < addresses ? (word >= addressLimit ? Errno.EINVAL : Errno.ENOSPC)
            : number == status || (number == control && (word & 0xFF) == 0) ? Errno.Ok
            : number == control ? Errno.ENOSPC : Errno.EIO;
    }

    private static SyscallResult TransferSet(Task task, Task target, bool isSet, ulong note, UserPtr<IoVector> vector)
    {
        if (task.Memory.Read(vector, out IoVector range) is not Errno.Ok and Errno fault)
            return fault;
        Span<byte> general = MemoryMarshal.AsBytes(new Span<UserRegisters>(ref target.Thread.Registers));
        Errno error;
        int done;
        switch (note)
        {
            case NoteRegisters:
                done = (int)Math.Min(range.Length, RegisterBytes);
                if (isSet && done < RegisterBytes)
                    return Errno.EINVAL;
                error = isSet
                    ? SetRegisters(task, range.Base, general)
                    : task.Memory.Write(range.Base, general[..done]);
                break;
            case NoteFloatingPoint or NoteExtendedState:
                error = isSet
                    ? PtraceExtendedState.Set(
                        task, target, note == NoteExtendedState, range.Base, range.Length, out done)
                    : PtraceExtendedState.Get(
                        task, target, note == NoteExtendedState, range.Base, range.Length, out done);
                break;
            default:
                return Errno.EINVAL;
        }

        return error != Errno.Ok ? error : task.Memory.Write(vector, new IoVector(range.Base, (ulong)done));
    }

    private static SyscallResult SetSignalMask(Task task, Task target, ulong bytes, UserPtr<SignalSet> place)
    {
        if (bytes != sizeof(ulong))
            return Errno.EINVAL;
        if (task.Memory.Read(place, out SignalSet mask) is not Errno.Ok and Errno fault)
            return fault;
        using (task.Kernel.Tree.Enter())
            target.SignalMask = mask & ~SignalSet.Unblockable;
        return 0;
    }

    private static SyscallResult DescribeCall(
        Task task, TraceState trace, in UserRegisters registers, nuint size, UserAddress place)
    {
        const uint x64 = 0xC000003E;
        const int none = 24, entry = 80, exit = 33;
        SyscallInfo info = new()
        {
            Architecture = x64, InstructionPointer = registers.Rip, StackPointer = registers.Rsp,
        };
        int length = none;
        if (trace.IsAtEntry == true)
        {
            length = entry;
            (info.Operation, info.NumberOrResult) = (1, registers.OrigRax);
            (info.FirstOrIsError, info.Second, info.Third) = (registers.Rdi, registers.Rsi, registers.Rdx);
            (info.Fourth, info.Fifth, info.Sixth) = (registers.R10, registers.R8, registers.R9);
        }
        else if (trace.IsAtEntry == false)
        {
            length = exit;
            bool isError = new SyscallResult((long)registers.Rax).Error != Errno.Ok;
            (info.Operation, info.NumberOrResult, info.FirstOrIsError) = (2, registers.Rax, isError ? 1ul : 0);
        }

        ReadOnlySpan<byte> bytes = MemoryMarshal.AsBytes(new ReadOnlySpan<SyscallInfo>(in info));
        Errno error = task.Memory.Write(place, bytes[..(int)Math.Min((ulong)length, size)]);
        return error != Errno.Ok ? error : length;
    }
}
