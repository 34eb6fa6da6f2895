using System.Runtime.InteropServices;

namespace Sandbox.Linux;

/// <summary>struct sock_filter (include/uapi/linux/filter.h).</summary>
[StructLayout(LayoutKind.Sequential)]
public readonly record struct BpfInstruction(ushort Code, byte JumpTrue, byte JumpFalse, uint Operand);

/// <summary>
/// The place a jump goes to; made by <see cref="BpfProgram.NewLabel"/>, set once by <see cref="BpfProgram.Mark"/>.
/// </summary>
public readonly record struct BpfLabel(int Index);

/// <summary>
/// Assembles a classic BPF program with labels. Conditional jumps reach 255 instructions; one that has to go further
/// becomes a short jump around a long one, so no program is wrong because it grew.
/// </summary>
public sealed class BpfProgram
{
    private const ushort LoadWordAbsolute = 0x20, AndConstant = 0x54, JumpAlways = 0x05, ReturnConstant = 0x06;
    private const ushort JumpEqual = 0x15, JumpGreater = 0x25, JumpGreaterOrEqual = 0x35, JumpBitsSet = 0x45;
    private const int MaxInstructions = 4096; // BPF_MAXINSNS
    private const int Next = -1;

    private readonly record struct Item(ushort Code, uint Operand, int WhenTrue, int WhenFalse);

    private readonly List<Item> _items = [];
    private readonly List<int> _labels = [];

    public BpfLabel NewLabel()
    {
        _labels.Add(Next);
        return new BpfLabel(_labels.Count - 1);
    }

    /// <summary>The next instruction is where <paramref name="label"/> points.</summary>
    public void Mark(BpfLabel label)
    {
        if (_labels[label.Index] != Next)
            throw new InvalidOperationException("label set twice");
        _labels[label.Index] = _items.Count;
    }

    /// <summary>A = the 32-bit word at <paramref name="offset"/> of the data.</summary>
    public void Load(uint offset) => _items.Add(new Item(LoadWordAbsolute, offset, Next, Next));

    /// <summary>A &amp;= <paramref name="mask"/>.</summary>
    public void And(uint mask) => _items.Add(new Item(AndConstant, mask, Next, Next));

    public void Return(uint value) => _items.Add(new Item(ReturnConstant, value, Next, Next));

    public void Jump(BpfLabel target) => _items.Add(new Item(JumpAlways, 0, target.Index, Next));

    public void IfEqual(uint value, BpfLabel target) => Branch(JumpEqual, value, target.Index, Next);

    public void IfNotEqual(uint value, BpfLabel target) => Branch(JumpEqual, value, Next, target.Index);

    /// <summary>Unsigned.</summary>
    public void IfGreater(uint value, BpfLabel target) => Branch(JumpGreater, value, target.Index, Next);

    /// <summary>Unsigned.</summary>
    public void IfAtLeast(uint value, BpfLabel target) => Branch(JumpGreaterOrEqual, value, target.Index, Next);

    /// <summary>Unsigned.</summary>
    public void IfBelow(uint value, BpfLabel target) => Branch(JumpGreaterOrEqual, value, Next, target.Index);

    public void IfAnyBit(uint mask, BpfLabel target) => Branch(JumpBitsSet, mask, target.Index, Next);

    private void Branch(ushort code, uint operand, int whenTrue, int whenFalse) =>
        _items.Add(new Item(code, operand, whenTrue, whenFalse));

    /// <summary>
    /// The program with every jump resolved. Throws on a backward or unset label: a bug, never input.
    /// </summary>
    public BpfInstruction[] Assemble()
    {
        bool[] isLong = new bool[_items.Count];
        int[] positions = new int[_items.Count + 1];
        bool changed = true;
        while (changed) // Making one jump long can push another out of reach; each round makes at least one more long.
        {
            for (int i = 0; i < _items.Count; i++)
                positions[i + 1] = positions[i] + (isLong[i] ? 2 : 1);
            changed = false;
            for (int i = 0; i < _items.Count; i++)
            {
                if (isLong[i] || !IsConditional(_items[i]) || Distance(i, positions) <= byte.MaxValue)
                    continue;
                isLong[i] = true;
                changed = true;
            }
        }

        List<BpfInstruction> output = new(positions[^1]);
        for (int i = 0; i < _items.Count; i++)
            Emit(i, isLong[i], positions, output);
        if (output.Count > MaxInstructions)
            throw new InvalidOperationException("BPF program too long");
        return [.. output];
    }

    private static bool IsConditional(Item item) =>
        item.Code is JumpEqual or JumpGreater or JumpGreaterOrEqual or JumpBitsSet;

    private int Distance(int index, int[] positions)
    {
        Item item = _items[index];
        int target = _labels[item.WhenTrue != Next ? item.WhenTrue : item.WhenFalse];
        if (target <= index || target >= _items.Count)
            throw new InvalidOperationException("BPF jump backwards, out of the program or to a label never set");
        return positions[target] - positions[index] - 1;
    }

    private void Emit(int index, bool isLong, int[] positions, List<BpfInstruction> output)
    {
        Item item = _items[index];
        if (item.Code == JumpAlways)
        {
            output.Add(new BpfInstruction(JumpAlways, 0, 0, (uint)Distance(index, positions)));
            return;
        }

        if (!IsConditional(item))
        {
            output.Add(new BpfInstruction(item.Code, 0, 0, item.Operand));
            return;
        }

        int distance = Distance(index, positions);
        bool onTrue = item.WhenTrue != Next;
        if (!isLong)
        {
            output.Add(new BpfInstruction(
                item.Code, onTrue ? (byte)distance : (byte)0, onTrue ? (byte)0 : (byte)distance, item.Operand));
            return;
        }

        output.Add(new BpfInstruction(item.Code, onTrue ? (byte)0 : (byte)1, onTrue ? (byte)1 : (byte)0, item.Operand));
        output.Add(new BpfInstruction(JumpAlways, 0, 0, (uint)(distance - 1)));
    }
}
