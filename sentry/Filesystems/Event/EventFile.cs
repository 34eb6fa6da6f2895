using System.Buffers.Binary;
using System.Globalization;
using Sandbox.Linux;
using Sandbox.Sentry.Security;
using Sandbox.Sentry.Sync;
using Sandbox.Sentry.Vfs;

namespace Sandbox.Sentry.Filesystems.Event;

/// <summary>An eventfd: a counter to wait for (eventfd(2)).</summary>
internal sealed class EventFile(ulong initial, bool isSemaphore, OpenFlags flags, Credentials credentials)
    : OpenFile(default, flags, credentials)
{
    private const ulong Full = ulong.MaxValue - 1;

    private readonly RankedLock _lock = new(LockRank.Leaf);
    private ulong _count = initial; // Guarded by _lock.

    public override Inode Inode => AnonymousInode.Shared;

    public override string AnonymousName => "anon_inode:[eventfd]";

    public override WaitQueue Waiters { get; } = new();

    /// <summary>The value now, for /proc/PID/fdinfo.</summary>
    public ulong Count
    {
        get
        {
            using (_lock.Enter())
                return _count;
        }
    }

    public override void Describe(ICaller reader, ByteBuilder text) => text.Append("eventfd-count: "u8)
        .Append(Count.ToString("x", CultureInfo.InvariantCulture).PadLeft(16)).Append("\neventfd-semaphore: "u8)
        .Append(isSemaphore ? 1 : 0).Append((byte)'\n');

    public override PollEvents Poll()
    {
        ulong count = Count;
        return (count > 0 ? PollEvents.Readable : 0) | (count < Full ? PollEvents.Writable : 0);
    }

    public override Result<int> Read(Span<byte> destination)
    {
        if (destination.Length < sizeof(ulong))
            return Errno.EINVAL;
        ulong value;
        using (_lock.Enter())
        {
            if (_count == 0)
                return Errno.EAGAIN;
            value = isSemaphore ? 1 : _count;
            _count -= value;
        }

        BinaryPrimitives.WriteUInt64LittleEndian(destination, value);
        Waiters.Notify(PollEvents.Writable);
        return sizeof(ulong);
    }

    public override Result<int> Write(ReadOnlySpan<byte> source)
    {
        if (source.Length < sizeof(ulong))
            return Errno.EINVAL;
        ulong value = BinaryPrimitives.ReadUInt64LittleEndian(source);
        if (value == ulong.MaxValue)
            return Errno.EINVAL;
        using (_lock.Enter())
        {
            if (value > Full - _count)
                return Errno.EAGAIN;
            _count += value;
        }

        Waiters.Notify(PollEvents.Readable);
        return sizeof(ulong);
    }
}
