using Sandbox.Linux;

namespace Sandbox.Sentry.Kernel.Seccomp;

/// <summary>
/// A verified classic BPF program over <see cref="SeccompData"/>. Verified means: known instructions, every jump
/// forward and inside, a return at the end, no scratch word read before it is written;
/// so <see cref="Run"/> ends and stays in bounds.
/// </summary>
internal sealed class SeccompProgram
{
    public const int MaxInstructions = 4096; // BPF_MAXINSNS
    private const int ScratchWords = 16;

    private readonly BpfInstruction[] _code;

    private SeccompProgram(BpfInstruction[] code) => _code = code;

    public int Length => _code.Length;

    /// <summary>Verifies a program (taken over). EINVAL.</summary>
    public static Result<SeccompProgram> Create(BpfInstruction[] code)
    {
        if (code.Length is 0 or > MaxInstructions || (code[^1].Code & 0x07) != Bpf.Return)
            return Errno.EINVAL;
        for (int at = 0; at < code.Length; at++)
        {
            if (!IsValid(code, at))
                return Errno.EINVAL;
        }

        return ReadsOnlyWhatItWrote(code) ? new SeccompProgram(code) : Errno.EINVAL;
    }

    /// <summary>What the program answers to a call.</summary>
    public uint Run(in SeccompData data)
    {
        Span<uint> scratch = stackalloc uint[ScratchWords];
        scratch.Clear();
        uint a = 0, x = 0;
        for (int at = 0; ; at++)
        {
            ref readonly BpfInstruction now = ref _code[at];
            uint k = now.Operand;
            switch (now.Code & 0x07)
            {
                case Bpf.Load:
                    a = Load(now, data, scratch);
                    break;
                case Bpf.LoadIndex:
                    x = Load(now, data, scratch);
                    break;
                case Bpf.Store:
                    scratch[(int)k] = a;
                    break;
                case Bpf.StoreIndex:
                    scratch[(int)k] = x;
                    break;
                case Bpf.Compute:
                    a = Compute(now.Code & 0xF0, a, (now.Code & Bpf.FromIndex) != 0 ? x : k);
                    break;
                case Bpf.Jump:
                    uint operand = (now.Code & Bpf.FromIndex) != 0 ? x : k;
                    at += (now.Code & 0xF0) == Bpf.Always
                        ? (int)k
                        : Holds(now.Code & 0xF0, a, operand) ? now.JumpTrue : now.JumpFalse;
                    break;
                case Bpf.Return:
                    return (now.Code & 0x18) == Bpf.ReturnAccumulator ? a : k;
                default:
                    (a, x) = now.Code == Bpf.IndexToAccumulator ? (x, x) : (a, a);
                    break;
            }
        }
    }

    /// <summary>
    /// True if the answer to call <paramref name="number"/> is "allow" whatever its arguments and address are: found by
    /// running the program as long as it looks at nothing but the number and the architecture.
    /// </summary>
    public bool AlwaysAllows(int number)
    {
        uint a = 0;
        for (int at = 0; ; at++)
        {
            ref readonly BpfInstruction now = ref _code[at];
            switch (now.Code)
            {
                case Bpf.LoadWord when now.Operand is 0 or 4:
                    a = now.Operand == 0 ? (uint)number : SeccompData.ArchX64;
                    break;
                case Bpf.Compute | Bpf.And:
                    a &= now.Operand;
                    break;
                case Bpf.Jump | Bpf.Always:
                    at += (int)now.Operand;
                    break;
                case Bpf.Jump | Bpf.IfEqual or Bpf.Jump | Bpf.IfGreater or Bpf.Jump | Bpf.IfAtLeast
                    or Bpf.Jump | Bpf.IfAnyBit:
                    at += Holds(now.Code & 0xF0, a, now.Operand) ? now.JumpTrue : now.JumpFalse;
                    break;
                case Bpf.Return:
                    return (now.Operand & SeccompAnswer.ActionMask) == SeccompAnswer.Allow;
                default:
                    return false;
            }
        }
    }

    private static bool IsValid(BpfInstruction[] code, int at)
    {
        BpfInstruction now = code[at];
        int left = code.Length - at - 1;
        switch (now.Code)
        {
            case Bpf.LoadWord:
                return now.Operand < SeccompData.Bytes && now.Operand % sizeof(uint) == 0;
            case Bpf.Load | Bpf.Length or Bpf.LoadIndex | Bpf.Length or Bpf.Load | Bpf.Immediate
                or Bpf.LoadIndex | Bpf.Immediate:
            case Bpf.IndexToAccumulator or Bpf.AccumulatorToIndex:
            case Bpf.Return or Bpf.Return | Bpf.ReturnAccumulator:
                return true;
            case Bpf.Load | Bpf.Scratch or Bpf.LoadIndex | Bpf.Scratch or Bpf.Store or Bpf.StoreIndex:
                return now.Operand < ScratchWords;
            case Bpf.Compute | Bpf.Divide:
                return now.Operand != 0;
            case Bpf.Compute | Bpf.ShiftLeft or Bpf.Compute | Bpf.ShiftRight:
                return now.Operand < 32;
            case Bpf.Jump | Bpf.Always:
                return now.Operand < (uint)left;
            case Bpf.Jump | Bpf.IfEqual or Bpf.Jump | Bpf.IfGreater or Bpf.Jump | Bpf.IfAtLeast
                or Bpf.Jump | Bpf.IfAnyBit:
            case Bpf.Jump | Bpf.IfEqual | Bpf.FromIndex or Bpf.Jump | Bpf.IfGreater | Bpf.FromIndex:
            case Bpf.Jump | Bpf.IfAtLeast | Bpf.FromIndex or Bpf.Jump | Bpf.IfAnyBit | Bpf.FromIndex:
                return now.JumpTrue < left && now.JumpFalse < left;
            default:
                return Bpf.IsComputation(now.Code);
        }
    }

    // As the kernel's check_load_and_stores: jumps only go forward, so one pass sees every way to an instruction.
    private static bool ReadsOnlyWhatItWrote(BpfInstruction[] code)
    {
        ushort[] masks = new ushort[code.Length];
        Array.Fill(masks, ushort.MaxValue);
        ushort valid = 0;
        for (int at = 0; at < code.Length; at++)
        {
            BpfInstruction now = code[at];
            valid &= masks[at];
            switch (now.Code)
            {
                case Bpf.Store or Bpf.StoreIndex:
                    valid |= (ushort)(1 << (int)now.Operand);
                    break;
                case Bpf.Load | Bpf.Scratch or Bpf.LoadIndex | Bpf.Scratch:
                    if ((valid & (1 << (int)now.Operand)) == 0)
                        return false;
                    break;
                case Bpf.Jump | Bpf.Always:
                    masks[at + 1 + (int)now.Operand] &= valid;
                    valid = ushort.MaxValue;
                    break;
                default:
                    if ((now.Code & 0x07) != Bpf.Jump)
                        break;
                    masks[at + 1 + now.JumpTrue] &= valid;
                    masks[at + 1 + now.JumpFalse] &= valid;
                    valid = ushort.MaxValue;
                    break;
            }
        }

        return true;
    }

    private static uint Load(in BpfInstruction now, in SeccompData data, ReadOnlySpan<uint> scratch) =>
        (now.Code & 0xE0) switch
    {
        Bpf.Absolute => data[(int)(now.Operand / sizeof(uint))],
        Bpf.Scratch => scratch[(int)now.Operand],
        Bpf.Length => SeccompData.Bytes,
        _ => now.Operand,
    };

    private static uint Compute(int operation, uint a, uint operand) => operation switch
    {
        Bpf.Add => a + operand,
        Bpf.Subtract => a - operand,
        Bpf.Multiply => a * operand,
        Bpf.Divide => operand == 0 ? 0 : a / operand,
        Bpf.Or => a | operand,
        Bpf.And => a & operand,
        Bpf.ShiftLeft => a << (int)(operand & 31),
        Bpf.ShiftRight => a >> (int)(operand & 31),
        Bpf.Xor => a ^ operand,
        _ => (uint)-(int)a,
    };

    private static bool Holds(int comparison, uint a, uint operand) => comparison switch
    {
        Bpf.IfEqual => a == operand,
        Bpf.IfGreater => a > operand,
        Bpf.IfAtLeast => a >= operand,
        _ => (a & operand) != 0,
    };
}
