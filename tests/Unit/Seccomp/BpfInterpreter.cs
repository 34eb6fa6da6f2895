using System.Buffers.Binary;
using System.Runtime.InteropServices;
using Sandbox.Linux;

namespace Sandbox.UnitTests.Seccomp;

/// <summary>Runs a classic BPF program as the kernel would, over a struct seccomp_data.</summary>
internal static class BpfInterpreter
{
    public const uint ArchX64 = 0xC000003E;

    public static uint Run(
        BpfInstruction[] program, int number, uint arch, ulong instructionPointer, params ulong[] arguments)
    {
        byte[] data = new byte[64];
        BinaryPrimitives.WriteInt32LittleEndian(data, number);
        BinaryPrimitives.WriteUInt32LittleEndian(data.AsSpan(4), arch);
        BinaryPrimitives.WriteUInt64LittleEndian(data.AsSpan(8), instructionPointer);
        for (int i = 0; i < arguments.Length; i++)
            BinaryPrimitives.WriteUInt64LittleEndian(data.AsSpan(16 + (8 * i)), arguments[i]);
        uint accumulator = 0;
        for (int at = 0; ; at++)
        {
            BpfInstruction now = program[at];
            bool? branch = null;
            switch (now.Code)
            {
                case 0x20: accumulator = MemoryMarshal.Read<uint>(data.AsSpan((int)now.Operand)); break;
                case 0x54: accumulator &= now.Operand; break;
                case 0x05: at += (int)now.Operand; break;
                case 0x06: return now.Operand;
                case 0x15: branch = accumulator == now.Operand; break;
                case 0x25: branch = accumulator > now.Operand; break;
                case 0x35: branch = accumulator >= now.Operand; break;
                case 0x45: branch = (accumulator & now.Operand) != 0; break;
                default: throw new InvalidOperationException($"instruction {now.Code:x}");
            }

            if (branch is bool taken)
                at += taken ? now.JumpTrue : now.JumpFalse;
        }
    }
}
