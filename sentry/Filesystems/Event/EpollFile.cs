using System.Globalization;
using Sandbox.Linux;
using Sandbox.Sentry.Memory;
using Sandbox.Sentry.Sync;
using Sandbox.Sentry.Vfs;

namespace Sandbox.Sentry.Filesystems.Event;

/// <summary>
/// An epoll instance (epoll(7)). Files announce themselves on their wait queues; what was announced stands on a ready
/// list, so that a wait looks at those alone. Nothing is allocated after epoll_ctl.
/// </summary>
internal sealed class EpollFile : OpenFile
{
    /// <summary>Reported whether asked for or not.</summary>
    private const PollEvents Always = PollEvents.Error | PollEvents.HangUp;

    private readonly RankedLock _lock = new(LockRank.Epoll);
    private readonly Dictionary<(int Fd, OpenFile File), EpollItem> _items = []; // Guarded by _lock.

    private readonly RankedLock _readyLock = new(LockRank.ReadyList);
    private EpollItem? _firstReady; // The list and its count: guarded by _readyLock.
    private EpollItem? _lastReady;
    private int _readyCount;

    private readonly MemoryAccount _account; // Who is charged for the items; their number is the user's.

    public EpollFile(ICaller maker)
        : base(default, OpenFlags.ReadWrite, maker.Credentials) => _account = maker.Account;

    public override Inode Inode => AnonymousInode.Shared;

    public override string AnonymousName => "anon_inode:[eventpoll]";

    public override WaitQueue Waiters { get; } = new();

    /// <summary>The instances that watch this one. Guarded by <see cref="EpollNesting"/>'s lock.</summary>
    internal List<EpollFile> Parents { get; } = [];

    /// <summary>
    /// EPOLL_CTL_ADD. EEXIST, EPERM for files that are always ready, EINVAL for itself, ELOOP for circles and deep
    /// nesting, ENOSPC, ENOMEM.
    /// </summary>
    public Errno Add(int fd, OpenFile file, PollEvents events, ulong data)
    {
        if (file == this)
            return Errno.EINVAL;
        if (file.Waiters is not { } queue)
            return Errno.EPERM;
        if (file is not EpollFile inner)
            return AddItem(fd, file, queue, events, data);

        using (EpollNesting.Lock.Enter())
        {
            if (EpollNesting.Check(this, inner) is not Errno.Ok and Errno error)
                return error;
            if (AddItem(fd, file, queue, events, data) is not Errno.Ok and Errno failure)
                return failure;
            inner.Parents.Add(this);
            return Errno.Ok;
        }
    }

    /// <summary>EPOLL_CTL_MOD. ENOENT; EINVAL for exclusive watches, which cannot be changed.</summary>
    public Errno Modify(int fd, OpenFile file, PollEvents events, ulong data)
    {
        using (_lock.Enter())
        {
            if (!_items.TryGetValue((fd, file), out EpollItem? item))
                return Errno.ENOENT;
            if ((item.Events & PollEvents.Exclusive) != 0)
                return Errno.EINVAL;
            file.Waiters!.Remove(item.Node);
            (item.Events, item.Data) = (events | Always, data);
            file.Waiters.Add(item.Node, item, item.Interest);
            if ((file.Poll() & item.Interest) != 0)
                MakeReady(item);
            return Errno.Ok;
        }
    }

    /// <summary>EPOLL_CTL_DEL. ENOENT.</summary>
    public Errno Remove(int fd, OpenFile file)
    {
        using (_lock.Enter())
        {
            if (!_items.TryGetValue((fd, file), out EpollItem? item))
                return Errno.ENOENT;
            RemoveItem(item);
        }

        if (file is EpollFile inner)
            EpollNesting.Unlink(this, inner);
        return Errno.Ok;
    }

    /// <summary>The watched file is gone.</summary>
    internal void Forget(EpollItem item)
    {
        if (item.File is EpollFile inner)
            EpollNesting.Unlink(this, inner);
        using (_lock.Enter())
        {
            if (_items.TryGetValue((item.Fd, item.File), out EpollItem? found) && found == item)
                RemoveItem(item);
        }
    }

    /// <summary>
    /// Takes what is ready, at most as much as fits: EAGAIN if nothing is. Level-triggered files stay on the list,
    /// behind the others, until a later look finds them idle.
    /// </summary>
    public Result<int> Collect(Span<EpollEvent> events)
    {
        if (Volatile.Read(ref _firstReady) is null)
            return Errno.EAGAIN;
        int count = 0;
        bool isMoreReady;
        using (_lock.Enter())
        {
            for (int budget = Volatile.Read(ref _readyCount); count < events.Length && budget > 0; budget--)
            {
                if (TakeReady() is not { } item)
                    break;
                PollEvents ready = item.File.Poll() & item.Interest;
                if (ready == 0)
                    continue;
                events[count++] = new EpollEvent(ready, item.Data);
                if (item.IsOneShot)
                    item.Disarm();
                else if (!item.IsEdgeTriggered)
                    Append(item);
            }

            isMoreReady = _firstReady is not null;
        }

        if (isMoreReady)
            Waiters.Notify(PollEvents.Readable); // Somebody may have slept while the list stood empty for a moment.
        return count == 0 ? Errno.EAGAIN : count;
    }

    /// <summary>Readable if something in it is ready: an epoll can be watched by an epoll.</summary>
    public override void Describe(ICaller reader, ByteBuilder text)
    {
        using (_lock.Enter())
        {
            foreach (EpollItem item in _items.Values)
            {
                text.AppendLine(string.Create(
                    CultureInfo.InvariantCulture,
                    $"tfd: {item.Fd,8} events: {(uint)item.Events,8:x} data: {item.Data,16:x}  pos:{item.File.Position} "
                    + $"ino:{item.File.Inode.Number:x} sdev:{item.File.Inode.FileSystem.Device:x}"));
            }
        }
    }

    public override PollEvents Poll()
    {
        if (Volatile.Read(ref _firstReady) is null)
            return PollEvents.None;
        using (_lock.EnterNested()) // The outer instance holds its own: nesting has no circles.
        {
            for (int budget = Volatile.Read(ref _readyCount); budget > 0; budget--)
            {
                if (TakeReady() is not { } item)
                    break;
                if ((item.File.Poll() & item.Interest) == 0)
                    continue;
                Append(item);
                return PollEvents.Readable;
            }
        }

        return PollEvents.None;
    }

    /// <summary>A file announced something that its item waits for.</summary>
    internal void MakeReady(EpollItem item)
    {
        if (Append(item))
            Waiters.Notify(PollEvents.Readable);
    }

    /// <summary>The instances this one watches, appended; with the nesting lock held.</summary>
    internal void ListInner(List<EpollFile> inner)
    {
        using (_lock.EnterNested())
        {
            foreach (EpollItem item in _items.Values)
            {
                if (item.File is EpollFile epoll)
                    inner.Add(epoll);
            }
        }
    }

    protected override void OnRelease()
    {
        List<EpollFile> inner = [];
        using (_lock.Enter())
        {
            foreach (EpollItem item in _items.Values)
            {
                if (item.File is EpollFile epoll)
                    inner.Add(epoll);
                Detach(item);
            }

            Return(_items.Count);
            _items.Clear();
        }

        foreach (EpollFile epoll in inner)
            EpollNesting.Unlink(this, epoll);
    }

    private Errno AddItem(int fd, OpenFile file, WaitQueue queue, PollEvents events, ulong data)
    {
        using (_lock.EnterNested())
        {
            if (_items.ContainsKey((fd, file)))
                return Errno.EEXIST;
            if (Charge() is not Errno.Ok and Errno refused)
                return refused;
            EpollItem item = new(this, fd, file) { Events = events | Always, Data = data };
            _items.Add((fd, file), item);
            file.AddObserver(item);
            queue.Add(item.Node, item, item.Interest);
            if ((file.Poll() & item.Interest) != 0)
                MakeReady(item);
            return Errno.Ok;
        }
    }

    private void RemoveItem(EpollItem item)
    {
        _items.Remove((item.Fd, item.File));
        Return(1);
        Detach(item);
    }

    private Errno Charge()
    {
        long limit = _account.Limits[KernelLimit.EpollWatches];
        if (!_account.Users.TryTake(Credentials.UserId, UserResource.EpollWatches, 1, limit))
            return Errno.ENOSPC;
        if (_account.TryChargeObject(ObjectCost.EpollItem))
            return Errno.Ok;
        _account.Users.Return(Credentials.UserId, UserResource.EpollWatches, 1);
        return Errno.ENOMEM;
    }

    private void Return(int items)
    {
        if (items == 0)
            return;
        _account.Users.Return(Credentials.UserId, UserResource.EpollWatches, items);
        _account.ReturnObject(ObjectCost.EpollItem, items);
    }

    private void Detach(EpollItem item)
    {
        item.File.Waiters!.Remove(item.Node); // After this no event can put it back on the list.
        item.File.RemoveObserver(item);
        using (_readyLock.Enter())
            Unlink(item);
    }

    private bool Append(EpollItem item)
    {
        using (_readyLock.Enter())
        {
            if (item.IsReady)
                return false;
            item.IsReady = true;
            item.PreviousReady = _lastReady;
            if (_lastReady is null)
                Volatile.Write(ref _firstReady, item);
            else
                _lastReady.NextReady = item;
            _lastReady = item;
            _readyCount++;
            return true;
        }
    }

    private EpollItem? TakeReady()
    {
        using (_readyLock.Enter())
        {
            EpollItem? item = _firstReady;
            if (item is not null)
                Unlink(item);
            return item;
        }
    }

    private void Unlink(EpollItem item)
    {
        if (!item.IsReady)
            return;
        if (item.PreviousReady is null)
            _firstReady = item.NextReady;
        else
            item.PreviousReady.NextReady = item.NextReady;
        if (item.NextReady is null)
            _lastReady = item.PreviousReady;
        else
            item.NextReady.PreviousReady = item.PreviousReady;
        (item.NextReady, item.PreviousReady, item.IsReady) = (null, null, false);
        _readyCount--;
    }
}
