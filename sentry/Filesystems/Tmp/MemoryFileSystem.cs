using Sandbox.Linux;
using Sandbox.Sentry.Memory;
using Sandbox.Sentry.Vfs;

namespace Sandbox.Sentry.Filesystems.Tmp;

/// <summary>A filesystem whose files live in memory: counts pages and inodes against its limits (tmpfs(5)).</summary>
/// <param name="maxPages">Limit in pages of 4096 bytes; 0 for none.</param>
/// <param name="maxInodes">Limit of inodes; 0 for none.</param>
/// <param name="account">Who is charged.</param>
internal abstract class MemoryFileSystem(long maxPages, long maxInodes, MemoryAccount account)
    : FileSystem(new CollectedCharge(account))
{
    /// <summary>Bytes of a page.</summary>
    public const int PageBytes = PageSize.Bytes;

    private long _pages;
    private long _inodes;
    private long _maxPages = maxPages;
    private long _maxInodes = maxInodes;
    private long _lastNumber;

    /// <summary>Who is charged for its pages, inodes, names and attributes.</summary>
    public MemoryAccount Account { get; } = account;

    public long UsedPages => Interlocked.Read(ref _pages);

    public long UsedInodes => Interlocked.Read(ref _inodes);

    public long MaxPages => _maxPages;

    public long MaxInodes => _maxInodes;

    /// <summary>Pages that may still be taken; without a limit as many as there is memory for.</summary>
    public long FreePages => _maxPages == 0
        ? MemoryAccount.Sandbox.FreeFileBytes / PageBytes
        : Math.Max(0, _maxPages - UsedPages);

    /// <summary>A number for a new inode; unique in the filesystem.</summary>
    public virtual ulong NextInodeNumber() => (ulong)Interlocked.Increment(ref _lastNumber);

    /// <summary>The pages that hold <paramref name="bytes"/>.</summary>
    public static long PagesOf(long bytes) => (long)(((ulong)bytes + PageBytes - 1) / PageBytes);

    /// <summary>Takes pages; false (ENOSPC) if they do not fit.</summary>
    public bool TryTakePages(long count)
    {
        // What was unmounted is given back when the collector finds it.
        if (count > FreePages && _maxPages == 0)
            CollectedCharge.Reclaim();
        if (Interlocked.Add(ref _pages, count) > _maxPages && _maxPages != 0 && count > 0)
        {
            Interlocked.Add(ref _pages, -count);
            return false;
        }

        Charge(count * PageBytes);
        return true;
    }

    /// <summary>Counts pages that are there already, or (negative) gone.</summary>
    public void AdjustPages(long count)
    {
        Interlocked.Add(ref _pages, count);
        Charge(count * PageBytes);
    }

    /// <summary>
    /// Takes an inode with a name and so many bytes of text in it; false (ENOSPC) if there are too many.
    /// </summary>
    public bool TryTakeInode(int textBytes = 0)
    {
        if (Interlocked.Increment(ref _inodes) <= _maxInodes || _maxInodes == 0)
        {
            if (DentryCharge!.TryAdd(ObjectCost.Inode + textBytes))
                return true;
        }

        Interlocked.Decrement(ref _inodes);
        return false;
    }

    /// <summary>An inode is gone.</summary>
    public void ReturnInode(int textBytes = 0)
    {
        Interlocked.Decrement(ref _inodes);
        DentryCharge!.Remove(ObjectCost.Inode + textBytes);
    }

    private void Charge(long bytes) => Account.Charge(MemoryKind.Files, bytes);

    /// <summary>Remount with other limits: EINVAL if more is in use already.</summary>
    protected Errno SetLimits(long maxPages, long maxInodes)
    {
        if ((maxPages != 0 && maxPages < UsedPages) || (maxInodes != 0 && maxInodes < UsedInodes))
            return Errno.EINVAL;
        (_maxPages, _maxInodes) = (maxPages, maxInodes);
        return Errno.Ok;
    }
}
