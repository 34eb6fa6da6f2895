using System.Runtime.InteropServices;
using Sandbox.Linux;
using Sandbox.Platform;
using Sandbox.Sentry.Kernel.Ptrace;
using Sandbox.Sentry.Kernel.Signals;
using Sandbox.Sentry.Kernel.Tasks;

namespace Sandbox.Sentry.Syscalls;

/// <summary>What ptrace(2) reads and writes of a tracee that stands in a stop: memory, registers, signals.</summary>
internal static class PtraceData
{
    private const int NoteRegisters = 1, NoteFloatingPoint = 2, NoteExtendedState = 0x202;
    private const int RegisterBytes = 27 * 8, FloatingPointBytes = 512, UserAreaBytes = 912, DebugRegisters = 848;
    private const int MaxExtendedStateBytes = 16384;

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
                if (target.Memory.Read(new UserPtr<ulong>(new UserAddress(address)), out ulong word) != Errno.Ok)
                    return Errno.EIO;
                return task.Memory.Write(new UserPtr<ulong>(place), word);
            case Request.PokeText or Request.PokeData:
                return Poke(target, address, data);
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
                return GetExtended(task, target, place, FloatingPointBytes, out _);
            case Request.SetFloatingPoint:
                return SetExtended(task, target, place, FloatingPointBytes);
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

    // Text is not writable: the page becomes so for as long as it takes,
    // which for a private mapping makes a copy of it.
    private static SyscallResult Poke(Task target, ulong address, ulong word)
    {
        UserPtr<ulong> place = new(new UserAddress(address));
        if (target.Memory.Write(place, word) == Errno.Ok)
            return 0;
        if (!target.Thread.HasFullState
            || target.GuestMemory.Space.FindMapping(place.Address).Failed(out HostMapping mapping, out _)
            || mapping.IsShared || address + sizeof(ulong) > mapping.End
            || (mapping.Protection & MemoryProtection.Write) != 0)
        {
            return Errno.EIO;
        }

        const ulong pageMask = 0xFFF;
        ulong start = address & ~pageMask, length = ((address + sizeof(ulong) + pageMask) & ~pageMask) - start;
        if (Protect(target, start, length, MemoryProtection.Read | MemoryProtection.Write) != Errno.Ok)
            return Errno.EIO;
        Errno written = target.Memory.Write(place, word);
        Errno restored = Protect(target, start, length, mapping.Protection);
        return written == Errno.Ok && restored == Errno.Ok ? 0 : Errno.EIO;
    }

    private static Errno Protect(Task target, ulong start, ulong length, MemoryProtection protection)
    {
        HostCommand protect = new(Sys.mprotect, (long)start, (long)length, (long)protection);
        Errno error = target.Thread.Execute(new Span<HostCommand>(ref protect), stopAtError: true);
        return error == Errno.Ok && protect.Result != 0 ? (Errno)(int)-protect.Result : error;
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

    // There are no debug registers to give away: writing anything but zero to one says so.
    private static SyscallResult PokeUser(Span<byte> registers, ulong offset, ulong word)
    {
        const int firstSegment = 17 * 8, flags = 18 * 8, stackSegment = 20 * 8, firstDataSegment = 23 * 8;
        if (offset > UserAreaBytes - sizeof(ulong) || offset % sizeof(ulong) != 0)
            return Errno.EIO;
        if (offset >= RegisterBytes)
            return offset >= DebugRegisters && word == 0 ? 0 : Errno.EINVAL;
        if (offset is firstSegment or flags or stackSegment or >= firstDataSegment)
            return Errno.EIO;
        BitConverter.TryWriteBytes(registers[(int)offset..], word);
        return 0;
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
                int wanted = (int)Math.Min(
                    range.Length, (ulong)(note == NoteFloatingPoint ? FloatingPointBytes : MaxExtendedStateBytes));
                done = wanted;
                error = isSet
                    ? SetExtended(task, target, range.Base, wanted)
                    : GetExtended(task, target, range.Base, wanted, out done);
                break;
            default:
                return Errno.EINVAL;
        }

        return error != Errno.Ok ? error : task.Memory.Write(vector, new IoVector(range.Base, (ulong)done));
    }

    private static Errno GetExtended(Task task, Task target, UserAddress place, int wanted, out int done)
    {
        byte[] state = new byte[MaxExtendedStateBytes];
        done = 0;
        if (target.Thread.ReadExtendedState(state).Failed(out int bytes, out Errno error))
            return error;
        done = Math.Min(bytes, wanted);
        return task.Memory.Write(place, state.AsSpan(0, done));
    }

    private static Errno SetExtended(Task task, Task target, UserAddress place, int bytes)
    {
        byte[] state = new byte[MaxExtendedStateBytes];
        if (target.Thread.ReadExtendedState(state).Failed(out int all, out Errno error))
            return error;
        if (bytes > all)
            bytes = all;
        if (task.Memory.Read(place, state.AsSpan(0, bytes)) is not Errno.Ok and Errno fault)
            return fault;
        return target.Thread.WriteExtendedState(state.AsSpan(0, all));
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
