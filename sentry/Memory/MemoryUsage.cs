namespace Sandbox.Sentry.Memory;

/// <summary>What memory is counted by, for /proc/meminfo and the sandbox's limit.</summary>
internal enum MemoryKind
{
    /// <summary>Files of memory: tmpfs, memfd, the overlay's upper layer, System V shared memory.</summary>
    Shared,

    /// <summary>Buffers the guest makes the Sentry hold: pipes, sockets, terminals.</summary>
    Kernel,

    Count,
}

/// <summary>Memory the Sentry holds on behalf of guests, by kind. What guests map themselves the host counts.</summary>
internal static class MemoryUsage
{
    private static readonly long[] _bytes = new long[(int)MemoryKind.Count];

    /// <summary>
    /// All the memory there is for the sandbox: files that no filesystem's own limit holds back end here (ENOSPC), for behind
    /// it only the host's OOM killer waits. Set at start.
    /// </summary>
    public static long MostBytes { get; set; } = long.MaxValue;

    /// <summary>Adds (or with a negative number takes off) bytes.</summary>
    public static void Add(MemoryKind kind, long bytes) => Interlocked.Add(ref _bytes[(int)kind], bytes);

    public static long Get(MemoryKind kind) => Interlocked.Read(ref _bytes[(int)kind]);
}
