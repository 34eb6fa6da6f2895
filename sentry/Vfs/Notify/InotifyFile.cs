using System.Buffers.Binary;
using Sandbox.Linux;
using Sandbox.Sentry.Security;
using Sandbox.Sentry.Sync;

namespace Sandbox.Sentry.Vfs;

/// <summary>An inotify instance (inotify_init1(2)): its watches and the queue of what they saw.</summary>
internal sealed class InotifyFile(OpenFlags flags, Credentials credentials) : OpenFile(default, flags, credentials)
{
    // /proc/sys/fs/inotify.
    private const int MaxQueuedEvents = 16384, MaxWatches = 65536;
    private const int HeaderBytes = 16;

    private readonly RankedLock _lock = new(LockRank.Leaf);
    private readonly Queue<Event> _queue = new(); // Guarded by _lock.
    private readonly Dictionary<int, Watch> _watches = []; // Guarded by _lock.
    private int _lastDescriptor; // Guarded by _lock.
    private Event _last; // The newest queued event, to leave out repetitions; guarded by _lock.

    private readonly record struct Event(int Descriptor, InotifyEvents Events, uint Cookie, byte[]? Name)
    {
        // The name ends in a NUL and is padded to a multiple of the header, as Linux pads it.
        public int Bytes => HeaderBytes + (Name is null ? 0 : (Name.Length + HeaderBytes) / HeaderBytes * HeaderBytes);

        public bool IsSameAs(in Event other) =>
            Descriptor == other.Descriptor && Events == other.Events && Cookie == other.Cookie
            && Name.AsSpan().SequenceEqual(other.Name) && (Name is null) == (other.Name is null);
    }

    public override Inode Inode => AnonymousInode.Shared;

    public override WaitQueue? Waiters { get; } = new();

    public override bool SendsIoSignals => true;

    public override string AnonymousName => "anon_inode:inotify";

    public override PollEvents Poll()
    {
        using (_lock.Enter())
            return _queue.Count == 0 ? PollEvents.None : PollEvents.Readable;
    }

    /// <summary>Whole events, as many as fit. EINVAL if not even the first does.</summary>
    public override Result<int> Read(Span<byte> destination)
    {
        int done = 0;
        using (_lock.Enter())
        {
            if (_queue.Count == 0)
                return Errno.EAGAIN;
            while (_queue.TryPeek(out Event next))
            {
                if (next.Bytes > destination.Length - done)
                    break;
                _queue.Dequeue();
                Encode(next, destination.Slice(done, next.Bytes));
                done += next.Bytes;
            }

            if (_queue.Count == 0)
                _last = default;
        }

        return done == 0 ? Errno.EINVAL : done;
    }

    /// <summary>FIONREAD: bytes of all queued events.</summary>
    public override SyscallResult Control(ICaller caller, uint request, ulong argument)
    {
        if (request != Ioctl.BytesReadable)
            return Errno.ENOTTY;
        int bytes = 0;
        using (_lock.Enter())
        {
            foreach (Event queued in _queue)
                bytes += queued.Bytes;
        }

        return caller.Memory.Write(new UserPtr<int>(new UserAddress(argument)), bytes);
    }

    /// <summary>inotify_add_watch(2): a new watch, or a new mask for the one there is. ENOSPC, EEXIST with IN_MASK_CREATE.</summary>
    public Result<int> AddWatch(Inode inode, InotifyEvents mask)
    {
        Watch made;
        using (_lock.Enter())
        {
            if (FindWatch(inode) is { } watch)
            {
                if ((mask & InotifyEvents.MaskCreate) != 0)
                    return Errno.EEXIST;
                watch.Mask = (mask & InotifyEvents.MaskAdd) != 0 ? watch.Mask | mask : mask;
                return watch.Descriptor;
            }

            if (_watches.Count >= MaxWatches)
                return Errno.ENOSPC;
            made = new Watch(this, inode, ++_lastDescriptor) { Mask = mask };
            _watches.Add(made.Descriptor, made);
        }

        inode.AddUse();
        WatchList.Add(made);
        return made.Descriptor;
    }

    /// <summary>inotify_rm_watch(2). EINVAL.</summary>
    public Errno RemoveWatch(int descriptor)
    {
        Watch? watch;
        using (_lock.Enter())
        {
            if (!_watches.TryGetValue(descriptor, out watch))
                return Errno.EINVAL;
        }

        Forget(watch);
        return Errno.Ok;
    }

    /// <summary>A watch ends; the guest learns of it (IN_IGNORED).</summary>
    public void Forget(Watch watch)
    {
        using (_lock.Enter())
        {
            if (!_watches.Remove(watch.Descriptor))
                return;
        }

        if (WatchList.Remove(watch))
            watch.Inode.DropUse();
        Enqueue(watch.Descriptor, InotifyEvents.Ignored, 0, default);
    }

    /// <summary>Queues an event unless it repeats the newest one.</summary>
    public void Enqueue(int descriptor, InotifyEvents events, uint cookie, ReadOnlySpan<byte> name)
    {
        using (_lock.Enter())
        {
            Event next = _queue.Count >= MaxQueuedEvents
                ? new Event(-1, InotifyEvents.QueueOverflow, 0, null)
                : new Event(descriptor, events, cookie, name.IsEmpty ? null : name.ToArray());
            if (_queue.Count != 0 && next.IsSameAs(_last))
                return;
            _queue.Enqueue(next);
            _last = next;
        }

        Waiters!.Notify(PollEvents.Readable);
    }

    protected override void OnRelease()
    {
        List<Watch> watches;
        using (_lock.Enter())
        {
            watches = [.. _watches.Values];
            _watches.Clear();
        }

        foreach (Watch watch in watches)
        {
            if (WatchList.Remove(watch))
                watch.Inode.DropUse();
        }
    }

    // Few enough per instance in practice; only inotify_add_watch looks.
    private Watch? FindWatch(Inode inode)
    {
        if (inode.Watches is null)
            return null;
        foreach (Watch watch in _watches.Values)
        {
            if (watch.Inode == inode)
                return watch;
        }

        return null;
    }

    private static void Encode(in Event queued, Span<byte> target)
    {
        target.Clear();
        BinaryPrimitives.WriteInt32LittleEndian(target, queued.Descriptor);
        BinaryPrimitives.WriteUInt32LittleEndian(target[4..], (uint)queued.Events);
        BinaryPrimitives.WriteUInt32LittleEndian(target[8..], queued.Cookie);
        BinaryPrimitives.WriteInt32LittleEndian(target[12..], queued.Bytes - HeaderBytes);
        queued.Name.CopyTo(target[HeaderBytes..]);
    }
}
