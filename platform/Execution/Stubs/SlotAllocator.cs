
namespace Sandbox.Platform.Stubs;

/// <summary>
/// Which slots of one address space are in use. The first is there from the start; more are mapped by the chunk.
/// </summary>
internal sealed class SlotAllocator
{
    public const int ChunkSlots = 8;
    private const int MaxSlots = 1 << 16;

    private readonly Lock _lock = new();
    private readonly Stack<int> _free = new();
    private int _mapped = 1;

    /// <summary>The slots of a fork: the same are mapped, only <paramref name="used"/> is in use.</summary>
    public static SlotAllocator Fork(SlotAllocator parent, ulong used)
    {
        SlotAllocator child = new();
        lock (parent._lock)
            child._mapped = parent._mapped;
        for (int index = child._mapped - 1; index >= 0; index--)
        {
            if (AddressOf(index) != used)
                child._free.Push(index);
        }

        return child;
    }

    /// <summary>A mapped slot, or 0 if a chunk must be mapped first.</summary>
    public ulong Take()
    {
        lock (_lock)
            return _free.TryPop(out int index) ? AddressOf(index) : 0;
    }

    /// <summary>Reserves addresses for the next chunk; false if there are too many.</summary>
    public bool TryReserveChunk(out ulong address)
    {
        lock (_lock)
        {
            address = AddressOf(_mapped);
            if (_mapped + ChunkSlots > MaxSlots)
                return false;
            _mapped += ChunkSlots;
            return true;
        }
    }

    /// <summary>The reserved chunk is mapped now.</summary>
    public void AddChunk(ulong address)
    {
        lock (_lock)
        {
            for (int i = ChunkSlots - 1; i >= 0; i--)
                _free.Push(IndexOf(address) + i);
        }
    }

    public void Return(ulong address)
    {
        lock (_lock)
            _free.Push(IndexOf(address));
    }

    private static ulong AddressOf(int index) => StubLayout.FirstSlot + ((ulong)index * StubLayout.SlotBytes);

    private static int IndexOf(ulong address) => (int)((address - StubLayout.FirstSlot) / StubLayout.SlotBytes);
}
