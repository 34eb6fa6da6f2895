namespace Sandbox.Platform.Notify;

/// <summary>
/// Guest threads by host thread id. Lookups take no lock; a page is there as long as a thread of it is, so that the ids
/// the host counts up leave nothing behind.
/// </summary>
internal sealed class ThreadTable
{
    private const int PageBits = 10, MaxThreadId = 1 << 22; // PID_MAX_LIMIT
    private readonly Page?[] _pages = new Page?[MaxThreadId >> PageBits];
    private readonly Lock _lock = new();
    private Page? _spare; // Empty; a thread alone on its page shall not cost one each time. Guarded by _lock.

    /// <summary>Pages that hold a thread.</summary>
    internal int PageCount => Array.FindAll(_pages, static page => page is not null).Length;

    public GuestThread? Find(int tid) =>
        (uint)tid < MaxThreadId && Volatile.Read(ref _pages[tid >> PageBits]) is { } page
            ? Volatile.Read(ref page.Threads[tid & ((1 << PageBits) - 1)])
            : null;

    public void Add(int tid, GuestThread thread)
    {
        lock (_lock)
        {
            ref Page? place = ref _pages[tid >> PageBits];
            if (place is null)
            {
                Volatile.Write(ref place, _spare ?? new Page());
                _spare = null;
            }

            ref GuestThread? entry = ref place!.Threads[tid & ((1 << PageBits) - 1)];
            if (entry is null)
                place.Count++;
            Volatile.Write(ref entry, thread);
        }
    }

    /// <summary>
    /// Removes the entry if it still is <paramref name="thread"/>'s: the host may have given the id to another.
    /// </summary>
    public void Remove(int tid, GuestThread thread)
    {
        lock (_lock)
        {
            ref Page? place = ref _pages[tid >> PageBits];
            if (place is null)
                return;
            ref GuestThread? entry = ref place.Threads[tid & ((1 << PageBits) - 1)];
            if (entry != thread)
                return;
            Volatile.Write(ref entry, null);
            if (--place.Count != 0)
                return;
            _spare = place;
            Volatile.Write(ref place, null);
        }
    }

    private sealed class Page
    {
        public readonly GuestThread?[] Threads = new GuestThread?[1 << PageBits];

        /// <summary>Entries that are not null. Guarded by the table's lock.</summary>
        public int Count;
    }
}
