using System.Buffers.Binary;
using Sandbox.Linux;

namespace Sandbox.GuestTests;

/// <summary>
/// A guest program without a compiler: a list of system calls with the results they must have, written as a static
/// x86-64 ELF. It exits with 0, or with the number (from 1) of the first step that went otherwise.
/// </summary>
/// <remarks>
/// One read-write-execute segment: headers, code, then the data area at a fixed address. Registers used between steps:
/// none; every step loads its arguments afresh, so a step may clobber what it likes.
/// </remarks>
public sealed class Guest
{
    private const ulong LoadAddress = 0x400000, DataAddress = 0x500000, ResultsAddress = 0x600000;
    private const int HeaderBytes = 0x78, ExitGroup = 231, MaxSteps = 255;
    private readonly List<byte> _code = [];
    private readonly List<byte> _data = [];
    private int _steps;

    /// <summary>An argument: a constant, or what stands in guest memory when the step runs.</summary>
    public readonly struct Arg
    {
        private Arg(ulong value, int loadBytes) => (Value, LoadBytes) = (value, loadBytes);

        internal ulong Value { get; }

        /// <summary>0 for a constant; 4 or 8 for a load of that width from <see cref="Value"/>.</summary>
        internal int LoadBytes { get; }

        /// <summary>The (sign-extended) int at an address, e.g. a descriptor that pipe2 wrote.</summary>
        public static Arg IntAt(ulong address) => new(address, 4);

        /// <summary>The 64-bit word at an address.</summary>
        public static Arg LongAt(ulong address) => new(address, 8);

        /// <summary>What an earlier step answered.</summary>
        public static Arg ResultOf(int step) => new(ResultsAddress + ((ulong)step * 8), 8);

        public static implicit operator Arg(ulong value) => new(value, 0);

        public static implicit operator Arg(long value) => new((ulong)value, 0);

        public static implicit operator Arg(int value) => new((ulong)value, 0);
    }

    /// <summary>Puts bytes into the data area, 16-aligned, and tells their address.</summary>
    public ulong Data(ReadOnlySpan<byte> bytes)
    {
        while (_data.Count % 16 != 0)
            _data.Add(0);
        ulong address = DataAddress + (ulong)_data.Count;
        foreach (byte value in bytes)
            _data.Add(value);
        return address;
    }

    /// <summary>A NUL-terminated string in the data area.</summary>
    public ulong Text(string text) => Data(System.Text.Encoding.UTF8.GetBytes(text + "\0"));

    /// <summary>Zeroed bytes in the data area.</summary>
    public ulong Space(int bytes) => Data(new byte[bytes]);

    /// <summary>The call must answer exactly this value. Tells the step's number.</summary>
    public int Returns(long expected, int call, params ReadOnlySpan<Arg> arguments)
    {
        EmitCall(call, arguments);
        EmitExpectRax(expected);
        return _steps;
    }

    /// <summary>The call must fail with this errno.</summary>
    public int Fails(Errno expected, int call, params ReadOnlySpan<Arg> arguments) =>
        Returns(-(long)expected, call, arguments);

    /// <summary>The call must not fail; its answer is there for <see cref="Arg.ResultOf"/>.</summary>
    public int Succeeds(int call, params ReadOnlySpan<Arg> arguments)
    {
        EmitCall(call, arguments);
        Emit(0x48, 0x3D); // cmp rax, -4095
        EmitInt(-4095);
        EmitStepEnd(jumpIfRight: 0x72); // jb
        return _steps;
    }

    /// <summary>These bytes must stand at the address by now.</summary>
    public int Holds(ulong address, ReadOnlySpan<byte> expected)
    {
        ulong copy = Data(expected);
        BeginStep();
        EmitMove(0xBE, false, address); // mov rsi, address
        EmitMove(0xBF, false, copy); // mov rdi, copy
        EmitMove(0xB9, false, (ulong)expected.Length); // mov rcx, length
        Emit(0xF3, 0xA6); // repe cmpsb
        EmitStepEnd(jumpIfRight: 0x74); // je
        return _steps;
    }

    /// <summary>The 64-bit word at the address must be this.</summary>
    public int HoldsLong(ulong address, long expected)
    {
        Span<byte> bytes = stackalloc byte[8];
        BinaryPrimitives.WriteInt64LittleEndian(bytes, expected);
        return Holds(address, bytes);
    }

    /// <summary>
    /// Only in the child of the fork that <paramref name="forkStep"/> was: the steps added by the action, then exit(0).
    /// </summary>
    public void InChildOf(int forkStep, Action steps)
    {
        EmitMove(0xBA, false, ResultsAddress + ((ulong)forkStep * 8)); // mov rdx, &result
        Emit(0x48, 0x83, 0x3A, 0x00); // cmp qword [rdx], 0
        Emit(0x0F, 0x85); // jne over the block
        int hole = _code.Count;
        EmitInt(0);
        steps();
        EmitExit(0);
        BinaryPrimitives.WriteInt32LittleEndian(
            System.Runtime.InteropServices.CollectionsMarshal.AsSpan(_code)[hole..], _code.Count - hole - 4);
    }

    /// <summary>The finished program.</summary>
    public byte[] ToElf()
    {
        List<byte> tail = [.. _code];
        int end = _code.Count;
        EmitExit(0);
        byte[] code = [.. _code];
        _code.RemoveRange(end, _code.Count - end);

        const int dataOffset = (int)(DataAddress - LoadAddress),
            memoryBytes = (int)(ResultsAddress - LoadAddress) + ((MaxSteps + 1) * 8);
        if (HeaderBytes + code.Length > dataOffset || _data.Count > (int)(ResultsAddress - DataAddress))
            throw new InvalidOperationException("the guest program has outgrown its segment");
        byte[] file = new byte[dataOffset + _data.Count];
        WriteHeaders(file, memoryBytes);
        code.CopyTo(file, HeaderBytes);
        _data.CopyTo(file, dataOffset);
        return file;
    }

    private static void WriteHeaders(Span<byte> file, int memoryBytes)
    {
        // Elf64_Ehdr: ELFCLASS64, little-endian, ET_EXEC, EM_X86_64, one program header right behind it (elf(5)).
        ReadOnlySpan<byte> identity = [0x7F, (byte)'E', (byte)'L', (byte)'F', 2, 1, 1];
        identity.CopyTo(file);
        BinaryPrimitives.WriteInt16LittleEndian(file[16..], 2);
        BinaryPrimitives.WriteInt16LittleEndian(file[18..], 62);
        BinaryPrimitives.WriteInt32LittleEndian(file[20..], 1);
        BinaryPrimitives.WriteUInt64LittleEndian(file[24..], LoadAddress + HeaderBytes);
        BinaryPrimitives.WriteInt64LittleEndian(file[32..], 64);
        BinaryPrimitives.WriteInt16LittleEndian(file[52..], 64);
        BinaryPrimitives.WriteInt16LittleEndian(file[54..], 56);
        BinaryPrimitives.WriteInt16LittleEndian(file[56..], 1);
        // Elf64_Phdr: PT_LOAD, RWX, from the start of the file.
        BinaryPrimitives.WriteInt32LittleEndian(file[64..], 1);
        BinaryPrimitives.WriteInt32LittleEndian(file[68..], 7);
        BinaryPrimitives.WriteUInt64LittleEndian(file[80..], LoadAddress);
        BinaryPrimitives.WriteUInt64LittleEndian(file[88..], LoadAddress);
        BinaryPrimitives.WriteInt64LittleEndian(file[96..], file.Length);
        BinaryPrimitives.WriteInt64LittleEndian(file[104..], memoryBytes);
        BinaryPrimitives.WriteInt64LittleEndian(file[112..], 0x1000);
    }

    private void BeginStep()
    {
        if (++_steps > MaxSteps)
            throw new InvalidOperationException("a guest program has at most 255 steps: its exit status is a byte");
    }

    private void EmitCall(int call, ReadOnlySpan<Arg> arguments)
    {
        BeginStep();
        // mov opcodes of rdi, rsi, rdx (plain) and r10, r8, r9 (with REX.B).
        ReadOnlySpan<byte> registers = [0xBF, 0xBE, 0xBA, 0xBA, 0xB8, 0xB9];
        for (int i = 0; i < arguments.Length; i++)
        {
            EmitMove(registers[i], i >= 3, arguments[i].Value);
            if (arguments[i].LoadBytes != 0)
                EmitLoad(registers[i], i >= 3, arguments[i].LoadBytes);
        }

        EmitMove(0xB8, false, (ulong)call); // mov rax, number
        Emit(0x0F, 0x05); // syscall
        EmitMove(0xBA, false, ResultsAddress + ((ulong)_steps * 8)); // mov rdx, &result
        Emit(0x48, 0x89, 0x02); // mov [rdx], rax
    }

    private void EmitExpectRax(long expected)
    {
        EmitMove(0xB9, false, (ulong)expected); // mov rcx, expected
        Emit(0x48, 0x39, 0xC8); // cmp rax, rcx
        EmitStepEnd(jumpIfRight: 0x74); // je
    }

    private void EmitStepEnd(byte jumpIfRight)
    {
        Emit(jumpIfRight, 0);
        int hole = _code.Count;
        EmitExit(_steps);
        _code[hole - 1] = (byte)(_code.Count - hole);
    }

    private void EmitExit(int status)
    {
        EmitMove(0xBF, false, (ulong)status);
        EmitMove(0xB8, false, ExitGroup);
        Emit(0x0F, 0x05);
    }

    private void EmitMove(byte register, bool isExtended, ulong value)
    {
        Emit((byte)(isExtended ? 0x49 : 0x48), register);
        Span<byte> bytes = stackalloc byte[8];
        BinaryPrimitives.WriteUInt64LittleEndian(bytes, value);
        foreach (byte part in bytes)
            _code.Add(part);
    }

    /// <summary>register = [register], 8 bytes, or 4 sign-extended.</summary>
    private void EmitLoad(byte register, bool isExtended, int bytes)
    {
        int number = register - 0xB8;
        Emit((byte)(isExtended ? 0x4D : 0x48), (byte)(bytes == 4 ? 0x63 : 0x8B), (byte)((number << 3) | number));
    }

    private void Emit(params ReadOnlySpan<byte> bytes)
    {
        foreach (byte part in bytes)
            _code.Add(part);
    }

    private void EmitInt(int value)
    {
        for (int shift = 0; shift < 32; shift += 8)
            _code.Add((byte)(value >> shift));
    }
}
