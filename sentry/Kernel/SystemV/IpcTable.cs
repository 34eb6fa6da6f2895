using Sandbox.Linux;
using Sandbox.Sentry.Security;

namespace Sandbox.Sentry.Kernel.SystemV;

/// <summary>
/// One kind of System V objects of a namespace, by id and by key. An id is a slot and how often ids were given out, so
/// that the id of a removed object does not name the next one. Guarded by the namespace's lock.
/// </summary>
/// <param name="limits">The namespace's sysctls.</param>
/// <param name="most">The most objects there may be; ENOSPC beyond.</param>
/// <param name="next">The id that somebody wants the next one to have.</param>
/// <param name="owner">The user namespace in which a capability stands above permissions.</param>
internal sealed class IpcTable<T>(IpcLimits limits, IpcLimit most, IpcLimit next, UserNamespace owner)
    where T : IpcObject
{
    private const int SlotBits = 15, SlotMask = (1 << SlotBits) - 1, SequenceMask = 0xFFFF;
    private const int Create = 0x200, Exclusive = 0x400;

    private readonly List<T?> _slots = [];
    private readonly Dictionary<int, T> _byKey = [];
    private int _sequence;

    public int Count { get; private set; }

    /// <summary>The highest slot in use, or 0: what the INFO commands answer.</summary>
    public int HighestSlot => Math.Max(_slots.FindLastIndex(static item => item is not null), 0);

    public IEnumerable<T> All
    {
        get
        {
            foreach (T? item in _slots)
            {
                if (item is not null)
                    yield return item;
            }
        }
    }

    /// <summary>
    /// What shmget and its like do with a key: null if an object is to be made, else the object that was found.
    /// EEXIST, ENOENT, EACCES, ENOSPC.
    /// </summary>
    public Result<T?> Find(int key, int flags, Credentials caller)
    {
        if (key != IpcObject.PrivateKey && _byKey.TryGetValue(key, out T? found))
        {
            if ((flags & (Create | Exclusive)) == (Create | Exclusive))
                return Errno.EEXIST;
            uint wanted = (uint)((flags >> 6) | (flags >> 3) | flags) & 7;
            return found.Check(wanted, caller, owner) is not Errno.Ok and Errno error ? error : found;
        }

        if (key != IpcObject.PrivateKey && (flags & Create) == 0)
            return Errno.ENOENT;
        return Count >= limits.Number(most) ? Errno.ENOSPC : (T?)null;
    }

    /// <summary>Gives a new object its id.</summary>
    public void Add(T item)
    {
        int wanted = limits.TakeNextId(next);
        int first = wanted < 0 ? 0 : wanted & SlotMask;
        while (_slots.Count <= first)
            _slots.Add(null);
        int slot = _slots.IndexOf(null, first);
        if (slot < 0 && _slots.Count <= SlotMask)
        {
            slot = _slots.Count;
            _slots.Add(null);
        }
        else if (slot < 0)
        {
            slot = _slots.IndexOf(null); // There is one: the limit is no higher than the slots are many.
        }

        _slots[slot] = item;
        item.Id = ((wanted < 0 ? _sequence : wanted >> SlotBits) << SlotBits) | slot;
        if (wanted < 0)
            _sequence = (_sequence + 1) & SequenceMask;
        Count++;
        if (item.Key != IpcObject.PrivateKey)
            _byKey[item.Key] = item;
    }

    /// <summary>The object of an id. EINVAL, and EIDRM where an id is of the past.</summary>
    public Result<T> Get(int id)
    {
        if (id < 0 || AtSlot(id & SlotMask) is not { } item)
            return Errno.EINVAL;
        return item.Id == id ? item : Errno.EIDRM;
    }

    /// <summary>The object of an id for a use (4 read, 2 write, 1 execute). EINVAL, EIDRM, EACCES.</summary>
    public Result<T> Get(int id, uint wanted, Credentials caller) => Checked(Get(id), wanted, caller);

    /// <summary>
    /// The object in a slot for a use, as the STAT commands that go through all slots name it. EINVAL, EACCES.
    /// </summary>
    public Result<T> GetSlot(int slot, uint wanted, Credentials caller) =>
        Checked(AtSlot(slot) is { } item ? item : Errno.EINVAL, wanted, caller);

    /// <summary>The object of an id for someone who may change and remove it. EINVAL, EIDRM, EPERM.</summary>
    public Result<T> GetOwned(int id, Credentials caller)
    {
        if (Get(id).Failed(out T? item, out Errno error))
            return error;
        return item.CheckOwner(caller, owner) is not Errno.Ok and Errno denied ? denied : item;
    }

    /// <summary>Nobody finds the object any more.</summary>
    public void Remove(T item)
    {
        item.IsRemoved = true;
        item.ReturnCharge();
        _slots[item.Id & SlotMask] = null;
        Count--;
        ForgetKey(item);
    }

    /// <summary>A segment that is to go stays until its last attachment, but its key is free at once.</summary>
    public void ForgetKey(T item)
    {
        if (item.Key != IpcObject.PrivateKey && _byKey.GetValueOrDefault(item.Key) == item)
            _byKey.Remove(item.Key);
        item.Key = IpcObject.PrivateKey;
    }

    private Result<T> Checked(Result<T> found, uint wanted, Credentials caller)
    {
        if (found.Failed(out T? item, out Errno error))
            return error;
        return item.Check(wanted, caller, owner) is not Errno.Ok and Errno denied ? denied : item;
    }

    private T? AtSlot(int slot) => (uint)slot < (uint)_slots.Count ? _slots[slot] : null;
}
