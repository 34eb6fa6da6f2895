namespace Sandbox.Linux;

/// <summary>What a seccomp filter answers (seccomp(2)); the low 16 bits are data, such as an errno.</summary>
public readonly record struct SeccompAction(uint Value)
{
    public static SeccompAction Allow => new(0x7FFF0000);
    public static SeccompAction Notify => new(0x7FC00000);
    public static SeccompAction Trap => new(0x00030000);

    /// <summary>Asks the tracer; ENOSYS without one that has asked for it.</summary>
    public static SeccompAction Trace => new(0x7FF00000);
    public static SeccompAction KillProcess => new(0x80000000);
    public static SeccompAction KillThread => new(0);
    public static SeccompAction Log => new(0x7FFC0000);

    public static SeccompAction Fail(Errno error) => new(0x00050000 | (uint)error);
}

/// <summary>How a <see cref="SeccompTest"/> compares; all values are unsigned.</summary>
public enum SeccompComparison
{
    Equal,
    NotEqual,

    /// <summary>(argument &amp; mask) == value.</summary>
    MaskedEqual,

    /// <summary>argument &lt;= value.</summary>
    AtMost,

    /// <summary>argument >= value.</summary>
    AtLeast,

    /// <summary>The argument's upper 32 bits lie outside [value's lower half, mask's lower half].</summary>
    HighWordOutside,

    /// <summary>The lower 32 bits equal value: for arguments the kernel itself takes as int.</summary>
    LowWordEqual,

    /// <summary>(lower 32 bits &amp; mask) == value.</summary>
    LowWordMaskedEqual,
}

/// <summary>
/// A condition on one register of a call. <paramref name="Argument"/> is 0–5, or <see cref="InstructionPointer"/>.
/// </summary>
public readonly record struct SeccompTest(
    int Argument, SeccompComparison Comparison, ulong Value, ulong Mask = ulong.MaxValue)
{
    /// <summary>In place of an argument's index: the address after the syscall instruction.</summary>
    public const int InstructionPointer = -1;

    public static SeccompTest Equal(int argument, ulong value) => new(argument, SeccompComparison.Equal, value);

    public static SeccompTest NotEqual(int argument, ulong value) => new(argument, SeccompComparison.NotEqual, value);

    public static SeccompTest Masked(int argument, ulong mask, ulong value) =>
        new(argument, SeccompComparison.MaskedEqual, value, mask);

    public static SeccompTest AtMost(int argument, ulong value) => new(argument, SeccompComparison.AtMost, value);

    public static SeccompTest AtLeast(int argument, ulong value) => new(argument, SeccompComparison.AtLeast, value);

    public static SeccompTest HighWordOutside(int argument, uint first, uint last) =>
        new(argument, SeccompComparison.HighWordOutside, first, last);

    /// <summary>For arguments that the kernel declares as int or unsigned int, whose upper half it ignores.</summary>
    public static SeccompTest Int(int argument, uint value) => new(argument, SeccompComparison.LowWordEqual, value);

    public static SeccompTest IntMasked(int argument, uint mask, uint value) =>
        new(argument, SeccompComparison.LowWordMaskedEqual, value, mask);

    /// <summary>
    /// Emits code that falls through when the test holds and goes to <paramref name="otherwise"/> when not.
    /// </summary>
    internal void Emit(BpfProgram program, BpfLabel otherwise)
    {
        uint low = Argument == InstructionPointer ? 8u : 16u + (8u * (uint)Argument), high = low + 4;
        switch (Comparison)
        {
            case SeccompComparison.Equal:
            case SeccompComparison.MaskedEqual:
                EmitMasked(program, low, (uint)Mask, (uint)Value, otherwise);
                EmitMasked(program, high, (uint)(Mask >> 32), (uint)(Value >> 32), otherwise);
                break;
            case SeccompComparison.LowWordEqual:
            case SeccompComparison.LowWordMaskedEqual:
                EmitMasked(program, low, (uint)Mask, (uint)Value, otherwise);
                break;
            case SeccompComparison.NotEqual:
                BpfLabel differs = program.NewLabel();
                program.Load(low);
                program.IfNotEqual((uint)Value, differs);
                program.Load(high);
                program.IfEqual((uint)(Value >> 32), otherwise);
                program.Mark(differs);
                break;
            case SeccompComparison.AtMost:
                BpfLabel below = program.NewLabel();
                program.Load(high);
                program.IfGreater((uint)(Value >> 32), otherwise);
                program.IfBelow((uint)(Value >> 32), below);
                program.Load(low);
                program.IfGreater((uint)Value, otherwise);
                program.Mark(below);
                break;
            case SeccompComparison.AtLeast:
                BpfLabel above = program.NewLabel();
                program.Load(high);
                program.IfBelow((uint)(Value >> 32), otherwise);
                program.IfGreater((uint)(Value >> 32), above);
                program.Load(low);
                program.IfBelow((uint)Value, otherwise);
                program.Mark(above);
                break;
            case SeccompComparison.HighWordOutside:
                BpfLabel outside = program.NewLabel();
                program.Load(high);
                program.IfBelow((uint)Value, outside);
                program.IfGreater((uint)Mask, outside);
                program.Jump(otherwise);
                program.Mark(outside);
                break;
            default:
                throw new InvalidOperationException("unknown comparison");
        }
    }

    private static void EmitMasked(BpfProgram program, uint offset, uint mask, uint value, BpfLabel otherwise)
    {
        if (mask == 0)
            return;
        program.Load(offset);
        if (mask != uint.MaxValue)
            program.And(mask);
        program.IfNotEqual(value, otherwise);
    }
}
