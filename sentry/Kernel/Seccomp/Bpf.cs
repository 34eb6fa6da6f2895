namespace Sandbox.Sentry.Kernel.Seccomp;

/// <summary>
/// Codes of classic BPF instructions (include/uapi/linux/bpf_common.h): class, then size and mode, or operation.
/// </summary>
internal static class Bpf
{
    public const ushort Load = 0, LoadIndex = 1, Store = 2, StoreIndex = 3, Compute = 4, Jump = 5, Return = 6, Move = 7;

    /// <summary>Where a load takes its word from.</summary>
    public const ushort Immediate = 0x00, Absolute = 0x20, Scratch = 0x60, Length = 0x80;

    /// <summary>A word of the call's data into the accumulator.</summary>
    public const ushort LoadWord = Load | Absolute;

    public const ushort Add = 0x00, Subtract = 0x10, Multiply = 0x20, Divide = 0x30, Or = 0x40, And = 0x50,
        ShiftLeft = 0x60,
        ShiftRight = 0x70, Negate = 0x80, Xor = 0xA0;

    public const ushort Always = 0x00, IfEqual = 0x10, IfGreater = 0x20, IfAtLeast = 0x30, IfAnyBit = 0x40;

    /// <summary>The operand is the index register instead of the constant.</summary>
    public const ushort FromIndex = 0x08;

    public const ushort ReturnAccumulator = 0x10;
    public const ushort AccumulatorToIndex = Move, IndexToAccumulator = Move | 0x80;

    /// <summary>
    /// True for the arithmetic seccomp permits: no modulus; the constants were looked at by the caller.
    /// </summary>
    public static bool IsComputation(ushort code)
    {
        if ((code & 0x07) != Compute || (code & ~0xFF) != 0)
            return false;
        int operation = code & 0xF0;
        return operation == Negate ? code == (Compute | Negate) : operation is <= ShiftRight or Xor;
    }
}
