namespace Sandbox.Sentry.Kernel.Processes;

/// <summary>RLIMIT_* (getrlimit(2)).</summary>
internal enum Resource
{
    Cpu = 0,
    FileSize = 1,
    Data = 2,
    Stack = 3,
    Core = 4,
    ResidentSet = 5,
    Processes = 6,
    OpenFiles = 7,
    LockedMemory = 8,
    AddressSpace = 9,
    Locks = 10,
    PendingSignals = 11,
    MessageQueueBytes = 12,
    Nice = 13,
    RealTimePriority = 14,
    RealTimeTime = 15,
    Count = 16,
}

/// <summary>A soft and a hard limit; <see cref="Infinity"/> is RLIM_INFINITY.</summary>
[System.Runtime.InteropServices.StructLayout(System.Runtime.InteropServices.LayoutKind.Sequential)]
internal readonly record struct Limit(ulong Soft, ulong Hard)
{
    public const ulong Infinity = ulong.MaxValue;
}

/// <summary>All limits of a process. Immutable.</summary>
internal sealed class ResourceLimits
{
    private readonly Limit[] _limits;

    private ResourceLimits(Limit[] limits) => _limits = limits;

    /// <summary>What a process of a fresh container has when its config says nothing.</summary>
    public static ResourceLimits Default { get; } = new(
    [
        new(Limit.Infinity, Limit.Infinity), new(Limit.Infinity, Limit.Infinity), new(Limit.Infinity, Limit.Infinity),
        new(8 << 20, Limit.Infinity), new(0, Limit.Infinity), new(Limit.Infinity, Limit.Infinity),
        new(Limit.Infinity, Limit.Infinity), new(1024, 1048576), new(8 << 20, 8 << 20),
        new(Limit.Infinity, Limit.Infinity), new(Limit.Infinity, Limit.Infinity), new(32000, 32000),
        new(819200, 819200), new(0, 0), new(0, 0), new(Limit.Infinity, Limit.Infinity),
    ]);

    public Limit this[Resource resource] => _limits[(int)resource];

    /// <summary>RLIMIT_NOFILE as an int.</summary>
    public int OpenFiles => (int)Math.Min(_limits[(int)Resource.OpenFiles].Soft, 1 << 20);

    public ResourceLimits With(Resource resource, Limit limit)
    {
        Limit[] copy = (Limit[])_limits.Clone();
        copy[(int)resource] = limit;
        return new ResourceLimits(copy);
    }
}
