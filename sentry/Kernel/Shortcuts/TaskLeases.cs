using Sandbox.Linux;
using Sandbox.Sentry.Kernel.Seccomp;
using Sandbox.Sentry.Kernel.Tasks;
using Sandbox.Sentry.Vfs;

namespace Sandbox.Sentry.Kernel.Shortcuts;

/// <summary>
/// Decides which open files a task gets leases of: small ones when it opens them, and others where it reads a little at
/// a time. A task whose calls somebody wants to see gets none, as with its ids (<see cref="TaskIds"/>).
/// </summary>
internal static class TaskLeases
{
    /// <summary>
    /// Files up to here are read at once when they are opened; reads of more than half of it are calls.
    /// </summary>
    private const int SmallBytes = 16 << 10;

    /// <summary>The calling task has opened a file.</summary>
    public static void OnOpen(Task task, int number, OpenFile file)
    {
        if (!task.Shortcuts.MayReadFiles || !file.IsReadable || file is not SeekableFile seekable
            || !file.Inode.MayBeCopied
            || !task.LeaseUse.IsWorth())
        {
            return;
        }

        Stat stat = default;
        if (file.Inode.GetAttributes(ref stat) == Errno.Ok && stat.SizeBytes is > 0 and <= SmallBytes)
            Offer(task, number, seekable, 0);
    }

    /// <summary>The calling task has read a little of a file, by a call.</summary>
    /// <param name="task">The caller.</param>
    /// <param name="number">The descriptor.</param>
    /// <param name="file">What it was when the call began.</param>
    /// <param name="offset">Where it read, or -1: at the position.</param>
    /// <param name="count">How much.</param>
    public static void OnRead(Task task, int number, OpenFile file, long offset, long count)
    {
        if (count is <= 0 or > SmallBytes / 2 || file is not SeekableFile seekable || !task.Shortcuts.MayReadFiles)
            return;
        if (IsReadInPieces(seekable, offset, count, out long start) && file.Inode.MayBeCopied
            && !file.HasMoreReferences(2)
            && task.LeaseUse.IsWorth())
        {
            Offer(task, number, seekable, start);
        }
    }

    /// <summary>The calling task has closed a file.</summary>
    public static void OnClose(Task task, OpenFile file)
    {
        if (file is SeekableFile { PositionOwner: ReadLease { IsOver: true } lease })
            task.LeaseUse.OnEnd(lease.WasUsed);
    }

    /// <summary>
    /// True if another read close to this one came before: then the next bytes, from <paramref name="start"/> on (-1:
    /// the position), may be worth a lease. A guess: no lock.
    /// </summary>
    private static bool IsReadInPieces(SeekableFile file, long offset, long count, out long start)
    {
        const long near = 16 << 10, page = 4096;
        long from = offset >= 0 ? offset : file.PositionHint - count;
        start = offset >= 0 ? offset & -page : -1;
        long distance = from - file.ExchangeLastRead(from);
        return distance is >= 0 and <= near;
    }

    /// <summary>True if nobody wants to see the task's reads.</summary>
    private static bool MayRead(Task task)
    {
        return task.Trace is null && !task.Kernel.Syscalls.WantsEveryCall
            && (task.Seccomp is not { } seccomp || AllowsAll(seccomp));
    }

    private static void Offer(Task task, int number, SeekableFile file, long start)
    {
        if (!MayRead(task) || task.Shortcuts.OfferFile(number) is not { } room)
            return;
        bool isLeased = ReadLeases.TryBegin(file, room, start, task.Credentials);
        if (isLeased && task.Files.Has(number, file) && MayRead(task))
            return;
        file.PositionOwner?.End(); // Closed or watched meanwhile.
        room.End();
    }

    private static bool AllowsAll(SeccompState seccomp)
    {
        foreach (int number in (ReadOnlySpan<int>)[Sys.read, Sys.pread64, Sys.fstat, Sys.newfstatat])
        {
            if (!seccomp.AlwaysAllows(number))
                return false;
        }

        return true;
    }
}
