using Sandbox.Linux;
using Sandbox.Platform.Shortcuts;
using Sandbox.Sentry.Security;
using Sandbox.Sentry.Sync;
using Sandbox.Sentry.Vfs;

namespace Sandbox.Sentry.Kernel.Shortcuts;

/// <summary>
/// All leases of the sandbox's files: how one begins, and how those of a file that changes are recalled.
/// </summary>
internal static class ReadLeases
{
    private static readonly Recaller _recaller = new();
    private static ReadLease? _first; // Guarded by Lock.

    /// <summary>Guards the list and the leases. Only the platform's own locks are taken while it is held.</summary>
    public static RankedLock Lock { get; } = new(LockRank.Leaf);

    /// <summary>
    /// Lets a thread read a file by itself, from an offset on, as much as there is room for. Nothing happens if there
    /// can be no lease of it. True if there is one now.
    /// </summary>
    /// <param name="file">The open file.</param>
    /// <param name="room">The thread's room for this file.</param>
    /// <param name="start">Not negative; -1: the position.</param>
    /// <param name="credentials">Whose user namespace fstat(2) answers for.</param>
    public static bool TryBegin(SeekableFile file, IFileLease room, long start, Credentials credentials)
    {
        using (file.LockPosition(out long position))
        {
            if (file.PositionOwner is not ReadLease { IsOver: false } lease || lease.Room != room)
            {
                file.PositionOwner?.End();
                lease = new ReadLease(file.Inode, room);
                file.PositionOwner = lease;
                Add(lease);
            }

            if (TryFill(file, lease, position, start < 0 ? position : start, credentials))
                return true;
            End(lease);
            return false;
        }
    }

    /// <summary>A lease begins: from now on it hears of changes.</summary>
    private static void Add(ReadLease lease)
    {
        using (Lock.Enter())
        {
            lease.Next = _first;
            if (_first is not null)
                _first.Previous = lease;
            _first = lease;
            Inode.Copies ??= _recaller;
            lease.Inode.CountCopies(1);
        }
    }

    /// <summary>A lease is over; nothing happens if it was before.</summary>
    public static void End(ReadLease lease)
    {
        using (Lock.Enter())
        {
            if (lease.IsOver)
                return;
            lease.EndLocked();
            lease.Inode.CountCopies(-1);
            if (lease.Previous is null)
                _first = lease.Next;
            else
                lease.Previous.Next = lease.Next;
            if (lease.Next is not null)
                lease.Next.Previous = lease.Previous;
            lease.Next = lease.Previous = null;
        }
    }

    /// <summary>
    /// The bytes and attributes of one moment, or of moments between which nothing changed. The first read may itself
    /// change the access time, so there is a second try.
    /// </summary>
    private static bool TryFill(SeekableFile file, ReadLease lease, long position, long start, Credentials credentials)
    {
        for (int attempt = 0; attempt < 2; attempt++)
        {
            int version = lease.Version;
            if (!file.Inode.MayBeCopied || FileEvents.IsActive
                || StatOperations.GetStat(file.Inode, credentials, out Stat stat) != Errno.Ok
                || start >= stat.SizeBytes)
            {
                return false;
            }

            Span<byte> bytes = lease.Room.Bytes;
            bytes = bytes[..(int)Math.Min(bytes.Length, stat.SizeBytes - start)];
            if (file.ReadAt(bytes, start).Failed(out int count, out _) || count != bytes.Length)
                return false;
            if (lease.TryPublish(version, position, start, count, stat))
                return true;
        }

        return false;
    }

    private static void RecallWhere(Inode? inode)
    {
        using (Lock.Enter())
        {
            for (ReadLease? lease = _first; lease is not null; lease = lease.Next)
            {
                if (inode is null || lease.Inode == inode)
                    lease.Recall();
            }
        }
    }

    private sealed class Recaller : IFileCopies
    {
        public void Recall(Inode inode) => RecallWhere(inode);

        public void RecallAll() => RecallWhere(null);
    }
}
