using Sandbox.Linux;

namespace Sandbox.Gofer;

/// <summary>
/// The handles given out, by number. At most <paramref name="handlesMax"/> live at once: the client keeps its working
/// set within that and gives back what it used least (the server could not know which that is). A number is a slot and
/// how often the slot was used before, so that one thread of a client which uses a number another thread has just given
/// back gets EBADF, not somebody else's file. Number 0 is never used.
/// </summary>
internal sealed class HandleTable(int handlesMax) : IDisposable
{
    /// <summary>Most handles a table can have.</summary>
    public const int Ceiling = 1 << SlotBits;

    private const int SlotBits = 18;
    private const uint SlotMask = Ceiling - 1;

    private struct Slot
    {
        public Handle? Handle;
        public uint Number; // The last one given out for this slot.
    }

    private readonly Lock _lock = new();

    // Guarded by _lock.
    private readonly Stack<uint> _free = new();
    private Slot[] _slots = new Slot[64];
    private uint _used = 1;

    public int HandlesMax => handlesMax;

    /// <summary>
    /// Gives a handle a number, and takes over the caller's reference. Errors: ENFILE (the reference stays).
    /// </summary>
    public Result<uint> Add(Handle handle)
    {
        lock (_lock)
        {
            if (!_free.TryPop(out uint slot))
            {
                if (_used > handlesMax || _used >= Ceiling)
                    return Errno.ENFILE;
                slot = _used++;
                if (slot >= _slots.Length)
                    Array.Resize(ref _slots, _slots.Length * 2);
                _slots[slot].Number = slot;
            }

            _slots[slot].Handle = handle;
            return _slots[slot].Number;
        }
    }

    /// <summary>The handle with a reference of the caller's own. Errors: EBADF.</summary>
    public Result<Handle> Borrow(uint number)
    {
        lock (_lock)
            return IsLive(number) ? _slots[number & SlotMask].Handle!.AddReference() : Errno.EBADF;
    }

    /// <summary>Forgets a number; its reference goes. Unknown numbers are skipped.</summary>
    public void Remove(uint number)
    {
        Handle handle;
        lock (_lock)
        {
            if (!IsLive(number))
                return;
            ref Slot slot = ref _slots[number & SlotMask];
            handle = slot.Handle!;
            slot.Handle = null;
            slot.Number = number + Ceiling; // The next generation; wraps within the upper bits.
            _free.Push(number & SlotMask);
        }

        handle.Dispose();
    }

    public void Dispose()
    {
        for (uint slot = 1; slot < _used; slot++)
            Remove(_slots[slot].Number);
    }

    private bool IsLive(uint number)
    {
        uint slot = number & SlotMask;
        return slot < _used && _slots[slot].Handle is not null && _slots[slot].Number == number;
    }
}
