using System.Buffers.Binary;
using Sandbox.Linux;
using Sandbox.Sentry.Memory;
using Sandbox.Sentry.Sync;

namespace Sandbox.Sentry.Vfs;

/// <summary>An inotify instance (inotify_init1(2)): its watches and the queue of what they saw.</summary>
internal sealed class InotifyFile : OpenFile
{
    private const int HeaderBytes = 16;

    private readonly RankedLock _lock = new(LockRank.Leaf);
    private readonly Queue<Event> _queue = new(); // Guarded by _lock.
    private readonly Dictionary<int, Watch> _watches = []; // Guarded by _lock.
    private readonly Dictionary<Inode, Watch> _byInode = []; // Guarded by _lock: the same.
    private readonly MemoryAccount _account;
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

    private InotifyFile(OpenFlags flags, ICaller maker)
        : base(default, flags, maker.Credentials) => _account = maker.Account;

    public override Inode Inode => AnonymousInode.Shared;

    public override WaitQueue? Waiters { get; } = new();

    public override bool SendsIoSignals => true;

    public override string AnonymousName => "anon_inode:inotify";

    /// <summary>A new instance. EMFILE if the user has too many (/proc/sys/fs/inotify/max_user_instances).</summary>
    public static Result<InotifyFile> Create(OpenFlags flags, ICaller maker)
    {
        MemoryAccount account = maker.Account;
        long limit = account.Limits[KernelLimit.InotifyInstances];
        return account.Users.TryTake(maker.Credentials.UserId, UserResource.InotifyInstances, 1, limit)
            ? new InotifyFile(flags, maker)
            : Errno.EMFILE;
    }

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
                Return(next);
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

    /// <summary>
    /// inotify_add_watch(2): a new watch, or a new mask for the one there is. ENOSPC, ENOMEM,
    /// EEXIST with IN_MASK_CREATE.
    /// </summary>
    public Result<int> AddWatch(Inode inode, InotifyEvents mask)
    {
        Watch made;
        using (_lock.Enter())
        {
            if (_byInode.TryGetValue(inode, out Watch? watch))
            {
                if ((mask & InotifyEvents.MaskCreate) != 0)
                    return Errno.EEXIST;
                watch.Mask = (mask & InotifyEvents.MaskAdd) != 0 ? watch.Mask | mask : mask;
                return watch.Descriptor;
            }

            if (ChargeWatch() is not Errno.Ok and Errno refused)
                return refused;
            made = new Watch(this, inode, ++_lastDescriptor) { Mask = mask };
            _watches.Add(made.Descriptor, made);
            _byInode.Add(inode, made);
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
            _byInode.Remove(watch.Inode);
            ReturnWatches(1);
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
            Event next = new(descriptor, events, cookie, name.IsEmpty ? null : name.ToArray());
            if (_queue.Count >= _account.Limits[KernelLimit.InotifyEvents] || !Charge(next))
                next = new Event(-1, InotifyEvents.QueueOverflow, 0, null);
            if (_queue.Count != 0 && next.IsSameAs(_last))
            {
                Return(next);
                return;
            }

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
            ReturnWatches(watches.Count);
            _watches.Clear();
            _byInode.Clear();
            foreach (Event queued in _queue)
                Return(queued);
            _queue.Clear();
        }

        foreach (Watch watch in watches)
        {
            if (WatchList.Remove(watch))
                watch.Inode.DropUse();
        }

        _account.Users.Return(Credentials.UserId, UserResource.InotifyInstances, 1);
    }

    private Errno ChargeWatch()
    {
        long limit = _account.Limits[KernelLimit.InotifyWatches];
        if (!_account.Users.TryTake(Credentials.UserId, UserResource.InotifyWatches, 1, limit))
            return Errno.ENOSPC;
        if (_account.TryChargeObject(ObjectCost.InotifyWatch))
            return Errno.Ok;
        _account.Users.Return(Credentials.UserId, UserResource.InotifyWatches, 1);
        return Errno.ENOMEM;
    }

    private void ReturnWatches(int count)
    {
        if (count == 0)
            return;
        _account.Users.Return(Credentials.UserId, UserResource.InotifyWatches, count);
        _account.ReturnObject(ObjectCost.InotifyWatch, count);
    }

    // The event that says that others are lost is free: there is at most one behind another.
    private bool Charge(in Event queued) => _account.TryChargeObject(CostOf(queued));

    private void Return(in Event queued)
    {
        if (queued.Events != InotifyEvents.QueueOverflow)
            _account.ReturnObject(CostOf(queued));
    }

    private static int CostOf(in Event queued) => ObjectCost.InotifyEvent + (queued.Name?.Length ?? 0);

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
