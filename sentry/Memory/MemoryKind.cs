namespace Sandbox.Sentry.Memory;

/// <summary>
/// What memory that the Sentry holds for guests is counted by; what guests map themselves the host counts.
/// </summary>
internal enum MemoryKind
{
    /// <summary>Pages of files in memory: tmpfs, memfd, the overlay's upper layer, System V shared memory.</summary>
    Files,

    /// <summary>Bytes on their way, outside the garbage collected heap: pipes, sockets, messages.</summary>
    Buffers,

    /// <summary>Kernel objects on the garbage collected heap, at the prices of <see cref="ObjectCost"/>.</summary>
    Objects,

    Count,
}
