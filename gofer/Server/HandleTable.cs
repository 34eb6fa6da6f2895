using Sandbox.Linux;

namespace Sandbox.Gofer;

/// <summary>
/// The handles given out, by number. Number 0 is never used. At most <paramref name="handlesMax"/> live at once: the client
/// keeps the working set within it and gives back what it used least (the server could not know which that is).
/// </summary>
internal sealed class HandleTable(int handlesMax) : IDisposable
{
    private readonly Lock _lock = new();

    // Guarded by _lock.
    private readonly Stack<uint> _free = new();
    private Handle?[] _slots = new Handle?[64];
    private uint _used = 1;

    public int HandlesMax => handlesMax;

    /// <summary>Gives a handle a number, and takes over the caller's reference. Errors: ENFILE (the reference stays).</summary>
    public Result<uint> Add(Handle handle)
    {
        lock (_lock)
        {
            if (!_free.TryPop(out uint number))
            {
                if (_used > handlesMax)
                    return Errno.ENFILE;
                number = _used++;
                if (number >= _slots.Length)
                    Array.Resize(ref _slots, _slots.Length * 2);
            }
            _slots[number] = handle;
            return number;
        }
    }

    /// <summary>The handle with a reference of the caller's own. Errors: EBADF.</summary>
    public Result<Handle> Borrow(uint number)
    {
        lock (_lock)
            return number < _used && _slots[number] is Handle handle ? handle.AddReference() : Errno.EBADF;
    }

    /// <summary>Forgets a number; its reference goes. Unknown numbers are skipped.</summary>
    public void Remove(uint number)
    {
        Handle? handle = null;
        lock (_lock)
        {
            if (number < _used)
                (handle, _slots[number]) = (_slots[number], null);
            if (handle is not null)
                _free.Push(number);
        }
        handle?.Dispose();
    }

    public void Dispose()
    {
        for (uint number = 1; number < _used; number++)
            Remove(number);
    }
}
