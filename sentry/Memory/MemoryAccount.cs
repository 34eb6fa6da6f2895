using System.Runtime.CompilerServices;

namespace Sandbox.Sentry.Memory;

/// <summary>
/// The Sentry's memory that one container is charged for, by kind; all containers' accounts add up in
/// <see cref="Sandbox"/>. Whatever a guest can make more of is charged before it is made, and given back when it is
/// gone: what does not fit is ENOMEM (or what Linux says there) for the task that asked. Lock-free, never allocates,
/// any thread.
/// </summary>
internal sealed class MemoryAccount
{
    /// <summary>
    /// Kernel objects of the whole sandbox: half of the garbage collected heap (512 MiB), so that there is always room
    /// for what nobody is charged for, and for the collector.
    /// </summary>
    public const long MaxObjectBytes = 256L << 20;

    /// <summary>Kernel objects of one container, of a pod's several: one of them leaves the others something.</summary>
    public const long MaxObjectBytesOfContainer = 192L << 20;

    private const long StepBytes = 1 << 20;

    private readonly MemoryAccount? _parent;
    private Amounts _used;
    private Amounts _limits;
    private long _total = long.MaxValue;
    private long _told;
    private long _descriptors;
    private long _descriptorLimit;

    private MemoryAccount(MemoryAccount? parent, long objects)
    {
        _parent = parent;
        _limits[(int)MemoryKind.Files] = long.MaxValue;
        _limits[(int)MemoryKind.Buffers] = parent is null
            ? long.MaxValue
            : parent._limits[(int)MemoryKind.Buffers] / 4 * 3;
        _limits[(int)MemoryKind.Objects] = objects;
        _descriptorLimit = parent is null ? long.MaxValue : parent._descriptorLimit / 4 * 3;
    }

    /// <summary>The account of a new container.</summary>
    public MemoryAccount()
        : this(Sandbox, MaxObjectBytesOfContainer)
    {
    }

    [InlineArray((int)MemoryKind.Count)]
    private struct Amounts
    {
        private long _first;
    }

    /// <summary>All containers of the sandbox, and what is no container's.</summary>
    public static MemoryAccount Sandbox { get; } = new(null, MaxObjectBytes);

    /// <summary>What each user of the container has of what /proc/sys bounds by user.</summary>
    public UserUsage Users { get; } = new();

    /// <summary>How much a user may have.</summary>
    public KernelLimits Limits { get; } = new();

    /// <summary>
    /// Called when the bytes have changed by a step: by any thread, with locks held. It may only wake somebody.
    /// </summary>
    public Action? Changed { get; set; }

    /// <summary>The filesystem of memfds and the like; made at first use by the filesystems.</summary>
    public object? Files;

    /// <summary>Bytes of all kinds in use now.</summary>
    public long Bytes => BytesOf(MemoryKind.Files) + BytesOf(MemoryKind.Buffers) + BytesOf(MemoryKind.Objects);

    /// <summary>Bytes of one kind in use now.</summary>
    public long BytesOf(MemoryKind kind) => Math.Max(0, Volatile.Read(ref _used[(int)kind]));

    /// <summary>Bytes of files that still fit, where no filesystem's own limit says less.</summary>
    public long FreeFileBytes =>
        Math.Max(0, Volatile.Read(ref _limits[(int)MemoryKind.Files]) - BytesOf(MemoryKind.Files));

    /// <summary>Bytes of objects that still fit, here and in what this is a part of.</summary>
    public long FreeObjectBytes
    {
        get
        {
            long own = Math.Min(
                Volatile.Read(ref _limits[(int)MemoryKind.Objects]) - BytesOf(MemoryKind.Objects),
                Volatile.Read(ref _total) - Bytes);
            return _parent is null ? own : Math.Min(own, _parent.FreeObjectBytes);
        }
    }

    /// <summary>
    /// Bounds buffers and objects by a container's memory limit: all kinds together stay below it, unless files alone
    /// are beyond (those are for the OOM killer, as on Linux).
    /// </summary>
    public void SetLimit(long bytes) => Volatile.Write(ref _total, bytes);

    /// <summary>Bounds one kind.</summary>
    public void SetLimit(MemoryKind kind, long bytes) => Volatile.Write(ref _limits[(int)kind], bytes);

    /// <summary>
    /// Charges for something that is about to be made. False, and nothing charged, if it does not fit.
    /// </summary>
    public bool TryCharge(MemoryKind kind, long bytes)
    {
        long used = Interlocked.Add(ref _used[(int)kind], bytes);
        if (used <= Volatile.Read(ref _limits[(int)kind])
            && Bytes <= Volatile.Read(ref _total)
            && (_parent is null || _parent.TryCharge(kind, bytes)))
        {
            Tell();
            return true;
        }

        Interlocked.Add(ref _used[(int)kind], -bytes);
        CollectedCharge.Look(); // Some of it may belong to what nobody has any more.
        return false;
    }

    /// <summary>Charges for what is there already.</summary>
    public void Charge(MemoryKind kind, long bytes)
    {
        for (MemoryAccount? account = this; account is not null; account = account._parent)
        {
            Interlocked.Add(ref account._used[(int)kind], bytes);
            account.Tell();
        }
    }

    /// <summary>Gives back what is gone.</summary>
    public void Return(MemoryKind kind, long bytes) => Charge(kind, -bytes);

    /// <summary>Charges for an object at one of the prices of <see cref="ObjectCost"/>, or several.</summary>
    public bool TryChargeObject(int cost, int count = 1) => TryCharge(MemoryKind.Objects, (long)cost * count);

    /// <summary>Gives back what <see cref="TryChargeObject"/> took.</summary>
    public void ReturnObject(int cost, int count = 1) => Return(MemoryKind.Objects, (long)cost * count);

    /// <summary>
    /// The Sentry's descriptors of the host that all containers together may make it hold: the rest is for its own
    /// work, which is above all one for each process, by which it is killed. A container gets three quarters of them.
    /// Before there is one.
    /// </summary>
    public void SetDescriptorLimit(long count) => Volatile.Write(ref _descriptorLimit, count);

    /// <summary>
    /// Counts a descriptor of the host that is about to be opened for a guest's file.
    /// False (ENFILE) if there are too many.
    /// </summary>
    public bool TryTakeDescriptor()
    {
        if (Interlocked.Increment(ref _descriptors) <= Volatile.Read(ref _descriptorLimit)
            && _parent?.TryTakeDescriptor() != false)
            return true;
        Interlocked.Decrement(ref _descriptors);
        return false;
    }

    /// <summary>Descriptors were closed that <see cref="TryTakeDescriptor"/> had counted.</summary>
    public void ReturnDescriptors(int count)
    {
        for (MemoryAccount? account = this; account is not null; account = account._parent)
            Interlocked.Add(ref account._descriptors, -count);
    }

    private void Tell()
    {
        if (Changed is not { } changed)
            return;
        long now = Bytes, told = Volatile.Read(ref _told);
        if (Math.Abs(now - told) >= StepBytes && Interlocked.CompareExchange(ref _told, now, told) == told)
            changed();
    }
}
