using System.Runtime.InteropServices;
using Sandbox.Linux;
using Sandbox.Platform.Shortcuts;
using Sandbox.Sentry.Vfs;

namespace Sandbox.Sentry.Kernel.Shortcuts;

/// <summary>
/// The kernel's side of a lease by which a guest thread reads an open file by itself: the thread has a copy of some
/// bytes, the attributes and the position. It loses them before anything happens that would make them wrong
/// (<see cref="IFileCopies.Recall"/>), and the position whenever somebody else needs it.
/// </summary>
/// <remarks>
/// Made and used by one open file, with its position locked. What others change is guarded by the lock of ReadLeases.
/// </remarks>
internal sealed class ReadLease(Inode inode, IFileLease room) : PositionOwner
{
    // For ReadLeases, guarded by its lock.
    internal ReadLease? Next;
    internal ReadLease? Previous;

    // Guarded by the lock of ReadLeases.
    private int _version;
    private bool _isPublished;
    private bool _hasPosition;
    private long _position;

    public Inode Inode => inode;

    public IFileLease Room => room;

    /// <summary>True once the lease is over, for good. Guarded by the lock of ReadLeases.</summary>
    public bool IsOver { get; private set; }

    /// <summary>True if the thread has read something by itself. Known when the lease is over.</summary>
    public bool WasUsed { get; private set; }

    /// <summary>
    /// Changes with the file: to be read before the bytes and attributes are looked up which are to be published (<see
    /// cref="TryPublish"/>).
    /// </summary>
    public int Version => Volatile.Read(ref _version);

    /// <summary>
    /// Lets the thread read the bytes in the room, which are of a version. False if the file has changed since.
    /// </summary>
    public bool TryPublish(int version, long position, long start, int count, in Stat stat)
    {
        using (ReadLeases.Lock.Enter())
        {
            bool isAtEnd = start + count == stat.SizeBytes;
            _isPublished = !IsOver && _version == version
                && room.Publish(
                    position, start, count, isAtEnd, MemoryMarshal.AsBytes(new ReadOnlySpan<Stat>(in stat)));
            _hasPosition |= _isPublished;
            return _isPublished;
        }
    }

    public override bool TryTake(out long position)
    {
        using (ReadLeases.Lock.Enter())
        {
            if (_hasPosition)
                Withdraw();
            position = _position;
            bool had = _hasPosition;
            _hasPosition = false;
            return had;
        }
    }

    /// <summary>The thread makes its calls again. With the lock of ReadLeases held.</summary>
    internal void Recall()
    {
        _version++;
        Withdraw();
    }

    public override void End() => ReadLeases.End(this);

    /// <summary>Ends the lease for good. With the lock of ReadLeases held, and once only.</summary>
    internal void EndLocked()
    {
        Withdraw();
        IsOver = true;
        WasUsed = room.End();
    }

    private void Withdraw()
    {
        if (!_isPublished)
            return;
        _isPublished = false;
        _position = room.Withdraw();
    }
}
