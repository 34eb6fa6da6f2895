using Sandbox.Linux;
using Sandbox.Sentry.Memory;
using Sandbox.Sentry.Sync;

namespace Sandbox.Sentry.Vfs;

/// <summary>
/// A descriptor table, shared by tasks with CLONE_FILES. Holds one reference to each file per descriptor. Its account
/// pays for the table, and for each file that gets its first descriptor here, from when the number is reserved.
/// </summary>
internal sealed class FdTable(MemoryAccount account)
{
    private readonly RankedLock _lock = new(LockRank.FdTable);
    private const int FirstEntries = 16;
    private Entry[] _entries = new Entry[FirstEntries]; // Guarded by _lock. What is beyond the first ones is charged.
    private int _lowestFree; // Guarded by _lock: no free number below it.
    private int _users = 1;

    /// <summary>Who pays.</summary>
    public MemoryAccount Account => account;

    private struct Entry
    {
        public OpenFile? File;
        public bool CloseOnExec;
        public bool IsReserved; // A number promised to somebody who will publish a file.
        public readonly bool IsFree => File is null && !IsReserved;
    }

    /// <summary>
    /// The file behind a descriptor with a reference for the caller, who releases it; EBADF. O_PATH files too only if
    /// <paramref name="allowPathOnly"/>.
    /// </summary>
    public Result<OpenFile> Get(Fd fd, bool allowPathOnly = false)
    {
        using (_lock.Enter())
        {
            if ((uint)fd.Number >= (uint)_entries.Length || _entries[fd.Number].File is not { } file)
                return Errno.EBADF;
            if (file.IsPathOnly && !allowPathOnly)
                return Errno.EBADF;
            file.AddReference();
            return file;
        }
    }

    /// <summary>
    /// Installs a file at the lowest free number ≥ <paramref name="minimum"/>; the table takes over the caller's
    /// reference, also on failure (it is released then). EMFILE beyond <paramref name="limit"/> (RLIMIT_NOFILE), EINVAL
    /// if minimum is beyond it, ENOMEM.
    /// </summary>
    public Result<int> Install(OpenFile file, bool closeOnExec, int limit, int minimum = 0)
    {
        if (Reserve(limit, minimum).Failed(out int number, out Errno error))
        {
            file.Release();
            return error;
        }

        Publish(number, file, closeOnExec);
        return number;
    }

    /// <summary>
    /// Promises a number, which nobody sees before <see cref="Publish"/>; else give it back by <see cref="Unreserve"/>.
    /// EMFILE, EINVAL, ENOMEM; not the latter for what is the operator's (<paramref name="mayExceed"/>).
    /// </summary>
    public Result<int> Reserve(int limit, int minimum = 0, bool mayExceed = false)
    {
        if (minimum < 0 || minimum >= limit)
            return minimum > 0 || minimum < 0 ? Errno.EINVAL : Errno.EMFILE;
        using (_lock.Enter())
        {
            int number = Math.Max(minimum, _lowestFree);
            while (number < _entries.Length && !_entries[number].IsFree)
                number++;
            if (number >= limit)
                return Errno.EMFILE;
            if (EnsureRoom(number) is not Errno.Ok and Errno error)
                return error;
            if (!account.TryChargeObject(ObjectCost.OpenFile))
            {
                if (!mayExceed)
                    return Errno.ENOMEM;
                account.Charge(MemoryKind.Objects, ObjectCost.OpenFile);
            }

            _entries[number].IsReserved = true;
            if (number == _lowestFree)
                _lowestFree = number + 1;
            return number;
        }
    }

    /// <summary>
    /// Makes a reserved number a descriptor of <paramref name="file"/>, taking over the caller's reference.
    /// </summary>
    public void Publish(int number, OpenFile file, bool closeOnExec)
    {
        if (!file.AdoptCharge(account))
            account.ReturnObject(ObjectCost.OpenFile);
        using (_lock.Enter())
            _entries[number] = new Entry { File = file, CloseOnExec = closeOnExec };
    }

    /// <summary>True if that number is a descriptor of this very file.</summary>
    public bool Has(int number, OpenFile file)
    {
        using (_lock.Enter())
            return (uint)number < (uint)_entries.Length && _entries[number].File == file;
    }

    /// <summary>Gives a reserved number back.</summary>
    public void Unreserve(int number)
    {
        account.ReturnObject(ObjectCost.OpenFile);
        using (_lock.Enter())
            Free(number);
    }

    /// <summary>
    /// Puts a file at exactly that number, replacing what was there (dup2(2)); takes over the caller's reference.
    /// EBUSY if the number is reserved by an open in progress (as Linux), ENOMEM: with the reference released.
    /// </summary>
    public Errno Replace(int number, OpenFile file, bool closeOnExec)
    {
        OpenFile? old;
        Errno error;
        using (_lock.Enter())
        {
            error = EnsureRoom(number);
            if (error == Errno.Ok && _entries[number].IsReserved)
                error = Errno.EBUSY;
            old = error == Errno.Ok ? _entries[number].File : file;
            if (error == Errno.Ok)
            {
                old?.BeforeRemoval();
                _entries[number] = new Entry { File = file, CloseOnExec = closeOnExec };
            }
        }

        if (old is not null)
            Close(old, wasThere: error == Errno.Ok);
        return error;
    }

    /// <summary>
    /// Takes a descriptor out of the table and gives its file, with the table's reference, to the caller. EBADF.
    /// </summary>
    public Result<OpenFile> Remove(Fd fd)
    {
        using (_lock.Enter())
        {
            if ((uint)fd.Number >= (uint)_entries.Length || _entries[fd.Number].File is not { } file)
                return Errno.EBADF;
            file.BeforeRemoval();
            Free(fd.Number);
            return file;
        }
    }

    public Result<bool> IsCloseOnExec(Fd fd)
    {
        using (_lock.Enter())
        {
            return (uint)fd.Number < (uint)_entries.Length && _entries[fd.Number].File is not null
                ? _entries[fd.Number].CloseOnExec
                : Errno.EBADF;
        }
    }

    public Errno SetCloseOnExec(Fd fd, bool value)
    {
        using (_lock.Enter())
        {
            if ((uint)fd.Number >= (uint)_entries.Length || _entries[fd.Number].File is null)
                return Errno.EBADF;
            _entries[fd.Number].CloseOnExec = value;
            return Errno.Ok;
        }
    }

    /// <summary>The open numbers ≥ <paramref name="from"/>, appended in order (for /proc/PID/fd).</summary>
    public void ListNumbers(int from, List<int> numbers)
    {
        using (_lock.Enter())
        {
            for (int number = Math.Max(0, from); number < _entries.Length; number++)
            {
                if (_entries[number].File is not null)
                    numbers.Add(number);
            }
        }
    }

    /// <summary>Size of the table (FDSize of /proc/PID/status).</summary>
    public int Size
    {
        get
        {
            using (_lock.Enter())
                return _entries.Length;
        }
    }

    /// <summary>A copy for a child without CLONE_FILES, no larger than what is in it needs. ENOMEM.</summary>
    public Result<FdTable> Clone()
    {
        FdTable copy = new(account);
        using (_lock.Enter())
        {
            int end = Array.FindLastIndex(_entries, static entry => entry.File is not null) + 1;
            if (end > FirstEntries && copy.Resize(end) is not Errno.Ok and Errno error)
                return error;
            for (int number = 0; number < end; number++)
            {
                if (_entries[number].File is not { } file)
                    continue;
                file.AddReference();
                copy._entries[number] = new Entry { File = file, CloseOnExec = _entries[number].CloseOnExec };
            }
        }

        return copy;
    }

    /// <summary>Closes what execve(2) closes.</summary>
    public void CloseOnExecAll() => CloseWhere(0, int.MaxValue, onlyCloseOnExec: true);

    /// <summary>Closes a range (close_range(2)).</summary>
    public void CloseRange(int first, int last) => CloseWhere(first, last, onlyCloseOnExec: false);

    /// <summary>Marks a range close-on-exec (CLOSE_RANGE_CLOEXEC).</summary>
    public void SetCloseOnExecRange(int first, int last)
    {
        using (_lock.Enter())
        {
            for (int number = first; number < _entries.Length && number <= last; number++)
                _entries[number].CloseOnExec = true;
        }
    }

    /// <summary>True if only one task uses this table.</summary>
    public bool IsUnshared => Volatile.Read(ref _users) == 1;

    /// <summary>One more task uses this table (CLONE_FILES).</summary>
    public void AddUser() => Interlocked.Increment(ref _users);

    /// <summary>A task stopped using it; the last one closes everything.</summary>
    public void RemoveUser()
    {
        if (Interlocked.Decrement(ref _users) != 0)
            return;
        CloseWhere(0, int.MaxValue, onlyCloseOnExec: false);
        using (_lock.Enter())
        {
            account.ReturnObject(ObjectCost.TableEntry, _entries.Length - FirstEntries);
            _entries = new Entry[FirstEntries];
        }
    }

    private void CloseWhere(int first, int last, bool onlyCloseOnExec)
    {
        for (int number = Math.Max(0, first); number <= last; number++)
        {
            OpenFile? file;
            using (_lock.Enter())
            {
                if (number >= _entries.Length)
                    return;
                file = _entries[number].File;
                if (file is null || (onlyCloseOnExec && !_entries[number].CloseOnExec))
                    continue;
                file.BeforeRemoval();
                Free(number);
            }

            Close(file, wasThere: true);
        }
    }

    // Outside the lock: releasing may notify, close host descriptors or wait for a gofer.
    private void Close(OpenFile file, bool wasThere)
    {
        if (wasThere)
        {
            FileLocks.ReleaseOwner(file.Inode, this);
            file.Flush(this);
        }

        file.Release();
    }

    private void Free(int number)
    {
        _entries[number] = default;
        _lowestFree = Math.Min(_lowestFree, number);
    }

    private Errno EnsureRoom(int number) =>
        number < _entries.Length ? Errno.Ok : Resize(Math.Max(number + 1, _entries.Length * 2));

    private Errno Resize(int length)
    {
        if (!account.TryChargeObject(ObjectCost.TableEntry, length - _entries.Length))
            return Errno.ENOMEM;
        Array.Resize(ref _entries, length);
        return Errno.Ok;
    }
}
