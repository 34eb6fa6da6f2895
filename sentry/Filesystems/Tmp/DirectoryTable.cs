namespace Sandbox.Sentry.Filesystems.Tmp;

/// <summary>
/// The entries of a directory in memory: a hash table that also keeps the order of insertion, so that a listing
/// continues at the right place whatever was added or removed meanwhile. One array, no object per entry.
/// Guarded by the directory's lock.
/// </summary>
internal sealed class DirectoryTable
{
    private const int FirstCapacity = 4;
    private Slot[] _slots = [];
    private int[] _buckets = []; // Index of the first slot of a chain plus one.
    private int _used; // Slots handed out, removed ones included.
    private long _lastCookie = 2; // 1 and 2 are the positions after "." and "..".

    private struct Slot
    {
        public byte[]? Name; // Null for a removed entry, which keeps its cookie.
        public TmpInode? Inode;
        public long Cookie;
        public int Hash;
        public int Next; // Plus one.
    }

    public int Count { get; private set; }

    public TmpInode? Find(ReadOnlySpan<byte> name)
    {
        int index = IndexOf(name, HashOf(name));
        return index < 0 ? null : _slots[index].Inode;
    }

    /// <summary>Adds a name or makes it name another inode; a replaced name keeps its place.</summary>
    public void Set(ReadOnlySpan<byte> name, TmpInode inode)
    {
        int hash = HashOf(name);
        int index = IndexOf(name, hash);
        if (index >= 0)
        {
            _slots[index].Inode = inode;
            return;
        }

        if (_used == _slots.Length)
            MakeRoom();
        ref int bucket = ref _buckets[hash & (_buckets.Length - 1)];
        _slots[_used] = new Slot
        {
            Name = name.ToArray(),
            Inode = inode,
            Cookie = ++_lastCookie,
            Hash = hash,
            Next = bucket,
        };
        bucket = ++_used;
        Count++;
    }

    /// <summary>Removes a name; false if it is not there.</summary>
    public bool Remove(ReadOnlySpan<byte> name)
    {
        int hash = HashOf(name);
        if (_buckets.Length == 0)
            return false;
        ref int link = ref _buckets[hash & (_buckets.Length - 1)];
        while (link != 0)
        {
            ref Slot slot = ref _slots[link - 1];
            if (slot.Hash == hash && name.SequenceEqual(slot.Name))
            {
                link = slot.Next;
                slot.Name = null;
                slot.Inode = null;
                Count--;
                return true;
            }

            link = ref slot.Next;
        }

        return false;
    }

    /// <summary>
    /// The first entry behind a position; false at the end. <paramref name="position"/> moves behind it.
    /// </summary>
    public bool Next(ref long position, out ReadOnlySpan<byte> name, out TmpInode? inode)
    {
        for (int index = FirstBehind(position); index < _used; index++)
        {
            ref Slot slot = ref _slots[index];
            if (slot.Name is null)
                continue;
            position = slot.Cookie;
            name = slot.Name;
            inode = slot.Inode;
            return true;
        }

        name = default;
        inode = null;
        return false;
    }

    /// <summary>Removes all names; gives what they named.</summary>
    public List<TmpInode> TakeAll()
    {
        List<TmpInode> taken = new(Count);
        foreach (ref Slot slot in _slots.AsSpan(0, _used))
        {
            if (slot.Inode is { } inode)
                taken.Add(inode);
        }

        (_slots, _buckets, _used, Count) = ([], [], 0, 0);
        return taken;
    }

    private static int HashOf(ReadOnlySpan<byte> name)
    {
        HashCode hash = default; // Salted per process: a guest cannot aim for collisions.
        hash.AddBytes(name);
        return hash.ToHashCode();
    }

    private int IndexOf(ReadOnlySpan<byte> name, int hash)
    {
        if (_buckets.Length == 0)
            return -1;
        int link = _buckets[hash & (_buckets.Length - 1)];
        while (link != 0)
        {
            ref Slot slot = ref _slots[link - 1];
            if (slot.Hash == hash && name.SequenceEqual(slot.Name))
                return link - 1;
            link = slot.Next;
        }

        return -1;
    }

    // Cookies ascend with the index, so the place is found by halving.
    private int FirstBehind(long position)
    {
        int low = 0, high = _used;
        while (low < high)
        {
            int middle = (low + high) / 2;
            if (_slots[middle].Cookie <= position)
                low = middle + 1;
            else
                high = middle;
        }

        return low;
    }

    private void MakeRoom()
    {
        int capacity = Count > _slots.Length / 2
            ? Math.Max(FirstCapacity, _slots.Length * 2)
            : Math.Max(FirstCapacity, _slots.Length);
        Slot[] slots = new Slot[capacity];
        int[] buckets = new int[capacity];
        int end = 0;
        for (int index = 0; index < _used; index++)
        {
            if (_slots[index].Name is null)
                continue;
            ref int bucket = ref buckets[_slots[index].Hash & (capacity - 1)];
            slots[end] = _slots[index];
            slots[end].Next = bucket;
            bucket = ++end;
        }

        (_slots, _buckets, _used) = (slots, buckets, end);
    }
}
