namespace Sandbox.Platform.Notify;

/// <summary>Guest threads by host thread id. Lookups take no lock; pages are added and never removed.</summary>
internal sealed class ThreadTable
{
    private const int PageBits = 10, MaxThreadId = 1 << 22; // PID_MAX_LIMIT
    private readonly GuestThread?[]?[] _pages = new GuestThread?[MaxThreadId >> PageBits][];

    public GuestThread? Find(int tid) =>
        (uint)tid < MaxThreadId && Volatile.Read(ref _pages[tid >> PageBits]) is GuestThread?[] page
            ? Volatile.Read(ref page[tid & ((1 << PageBits) - 1)])
            : null;

    public void Add(int tid, GuestThread thread)
    {
        GuestThread?[]? page = Volatile.Read(ref _pages[tid >> PageBits]);
        if (page is null)
        {
            GuestThread?[] fresh = new GuestThread?[1 << PageBits];
            page = Interlocked.CompareExchange(ref _pages[tid >> PageBits], fresh, null) ?? fresh;
        }
        Volatile.Write(ref page[tid & ((1 << PageBits) - 1)], thread);
    }

    /// <summary>Removes the entry if it still is <paramref name="thread"/>'s: the host may have given the id to another.</summary>
    public void Remove(int tid, GuestThread thread)
    {
        if (_pages[tid >> PageBits] is GuestThread?[] page)
            Interlocked.CompareExchange(ref page[tid & ((1 << PageBits) - 1)], null, thread);
    }
}
