using Sandbox.Linux;
using Sandbox.Sentry.Memory;
using Sandbox.Sentry.Sync;

namespace Sandbox.Sentry.Filesystems.Gofer;

/// <summary>A host descriptor of a regular file, which all open files of the same access share.</summary>
internal sealed class DonatedFd(HostFd fd, GoferFile file, bool isWritable)
{
    /// <summary>Open files that use it. Guarded by the cache's lock.</summary>
    public int Users { get; set; } = 1;

    /// <summary>Its place among those nobody uses. Guarded by the cache's lock.</summary>
    public LinkedListNode<DonatedFd>? IdleNode { get; set; }

    /// <summary>Valid as long as the caller is a user.</summary>
    public int Number => fd.Number;

    public GoferFile File => file;

    /// <summary>Opened read-write; else read-only.</summary>
    public bool IsWritable => isWritable;

    /// <summary>Counted by whoever had it opened (<see cref="TryCount"/>).</summary>
    public bool IsCounted { get; init; }

    /// <summary>Counts a descriptor that is about to be asked for. False (ENFILE) if there are too many.</summary>
    public static bool TryCount() => MemoryAccount.Sandbox.TryTakeDescriptor();

    /// <summary>It was not got.</summary>
    public static void Uncount() => MemoryAccount.Sandbox.ReturnDescriptors(1);

    public void Close()
    {
        fd.Dispose();
        if (IsCounted)
            Uncount();
    }
}

/// <summary>
/// Which descriptors the files of a session have. Read-only ones of exclusive trees stay open for a while when nobody
/// uses them: a shell script opens the same programs and libraries again and again.
/// </summary>
internal sealed class DonatedFdCache
{
    private const int IdleMax = 512;

    private readonly RankedLock _lock = new(LockRank.Leaf);
    private readonly LinkedList<DonatedFd> _idle = new(); // Guarded by _lock; the most recently used first.

    /// <summary>The descriptor of that access a file already has, with the caller as a user.</summary>
    public DonatedFd? Find(GoferFile file, bool isWritable)
    {
        using (_lock.Enter())
            return file.Slot(isWritable) is { } found ? Use(found) : null;
    }

    /// <summary>True if a file has any.</summary>
    public bool HasAny(GoferFile file)
    {
        using (_lock.Enter())
            return file.Slot(true) is not null || file.Slot(false) is not null;
    }

    /// <summary>Any descriptor of a file, for attributes, with the caller as a user.</summary>
    public DonatedFd? FindAny(GoferFile file)
    {
        using (_lock.Enter())
            return (file.Slot(true) ?? file.Slot(false)) is { } found ? Use(found) : null;
    }

    /// <summary>
    /// Makes a descriptor the file's, with the caller as a user; if it has one of that access by now, that one is
    /// answered.
    /// </summary>
    public DonatedFd Add(DonatedFd made)
    {
        DonatedFd used;
        using (_lock.Enter())
        {
            ref DonatedFd? slot = ref made.File.Slot(made.IsWritable);
            used = slot is null ? slot = made : Use(slot);
        }

        if (used != made)
            made.Close();
        return used;
    }

    /// <summary>A user is gone. With <paramref name="keepIdle"/> the last one leaves it open for the next.</summary>
    public void Release(DonatedFd fd, bool keepIdle)
    {
        DonatedFd? unused = null;
        using (_lock.Enter())
        {
            if (--fd.Users > 0)
                return;
            if (keepIdle)
            {
                fd.IdleNode = _idle.AddFirst(fd);
                if (_idle.Count > IdleMax)
                    unused = Detach(_idle.Last!.Value);
            }
            else
            {
                unused = Detach(fd);
            }
        }

        unused?.Close();
    }

    /// <summary>Closes what a file has and nobody uses: it was removed, its space is to be free.</summary>
    public void CloseIdle(GoferFile file)
    {
        DonatedFd? reader, writer;
        using (_lock.Enter())
        {
            reader = file.Slot(false) is { Users: 0 } idleReader ? Detach(idleReader) : null;
            writer = file.Slot(true) is { Users: 0 } idleWriter ? Detach(idleWriter) : null;
        }

        reader?.Close();
        writer?.Close();
    }

    /// <summary>Closes all that nobody uses.</summary>
    public void CloseIdle()
    {
        while (true)
        {
            DonatedFd last;
            using (_lock.Enter())
            {
                if (_idle.Last is null)
                    return;
                last = Detach(_idle.Last.Value);
            }

            last.Close();
        }
    }

    // With _lock held.
    private DonatedFd Use(DonatedFd fd)
    {
        fd.Users++;
        if (fd.IdleNode is not null)
            _idle.Remove(fd.IdleNode);
        fd.IdleNode = null;
        return fd;
    }

    // With _lock held.
    private DonatedFd Detach(DonatedFd fd)
    {
        if (fd.IdleNode is not null)
            _idle.Remove(fd.IdleNode);
        fd.IdleNode = null;
        fd.File.Slot(fd.IsWritable) = null;
        return fd;
    }
}
