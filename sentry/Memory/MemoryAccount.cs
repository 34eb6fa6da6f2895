namespace Sandbox.Sentry.Memory;

/// <summary>
/// Bytes of files in memory that one container is charged for: its tmpfs mounts, the upper layer of its root, memfds it made. They
/// are the Sentry's memory, so the host does not count them to the container.
/// </summary>
internal sealed class MemoryAccount
{
    private const long StepBytes = 1 << 20;
    private long _bytes;
    private long _told;

    /// <summary>Bytes in use now.</summary>
    public long Bytes => Math.Max(0, Interlocked.Read(ref _bytes));

    /// <summary>Called when the bytes have changed by a step: by any thread, with locks held. It may only wake somebody.</summary>
    public Action? Changed { get; set; }

    /// <summary>The filesystem of memfds and the like; made at first use by the filesystems.</summary>
    public object? Files;

    /// <summary>Adds (or with a negative number takes off) bytes.</summary>
    public void Add(long bytes)
    {
        long now = Interlocked.Add(ref _bytes, bytes), told = Volatile.Read(ref _told);
        if (Math.Abs(now - told) >= StepBytes && Interlocked.CompareExchange(ref _told, now, told) == told)
            Changed?.Invoke();
    }
}
