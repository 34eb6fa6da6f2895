using Sandbox.Linux;
using Sandbox.Sentry.Memory;

namespace Sandbox.Sentry.Filesystems.Tmp;

/// <summary>
/// The bytes of a file in memory. Up to 64 KiB they lie in the native arena; a longer or a mapped file has a memfd of
/// its own. Guarded by the file's lock, except what says otherwise.
/// </summary>
internal sealed class FileContent(MemoryFileSystem fileSystem) : IDisposable
{
    private const int PageBytes = MemoryFileSystem.PageBytes, MaxSmallBytes = 64 << 10;
    private NativeBlock _small; // Zero behind _smallEnd.
    private int _smallEnd; // Behind it there is a hole.
    private volatile HostFd? _memory; // Once set it stays until Dispose.
    private HostFd? _readOnly;
    private long _pages; // Taken from the filesystem.
    private long _denseEnd; // The memfd has no hole before it.
    private bool _isSparse; // Pages beyond _denseEnd may be there: only the host knows how many.

    /// <summary>st_size. Also read without the lock.</summary>
    public long Size { get; private set; }

    /// <summary>Pages in use.</summary>
    public long Pages
    {
        get
        {
            if (_isSparse)
                Recount();
            return _pages;
        }
    }

    /// <summary>
    /// Reads at an offset; 0 behind the end. False if the bytes are in the arena: then with the lock only.
    /// </summary>
    public bool TryReadWithoutLock(Span<byte> destination, long offset, out Result<int> result)
    {
        HostFd? memory = _memory;
        result = memory is null ? 0 : HostFile.ReadAt(memory.Number, destination, offset);
        return memory is not null;
    }

    public Result<int> Read(Span<byte> destination, long offset)
    {
        if (TryReadWithoutLock(destination, offset, out Result<int> result))
            return result;
        if (offset >= Size)
            return 0;
        int count = (int)Math.Min(destination.Length, Size - offset);
        int stored = (int)Math.Clamp(_smallEnd - offset, 0, count);
        if (stored > 0)
            _small.Span.Slice((int)offset, stored).CopyTo(destination);
        destination[stored..count].Clear();
        return count;
    }

    /// <summary>Writes at an offset; short when the filesystem fills up. ENOSPC, EFBIG, EPERM if sealed.</summary>
    public Result<int> Write(ReadOnlySpan<byte> source, long offset)
    {
        if (source.IsEmpty)
            return 0;
        if (offset > long.MaxValue - source.Length)
            return Errno.EFBIG;
        long end = offset + source.Length;
        if (_memory is null && end > MaxSmallBytes && MoveToMemory() is not Errno.Ok and Errno error)
            return error;
        return _memory is { } memory ? WriteMemory(memory, source, offset) : WriteSmall(source, (int)offset);
    }

    /// <summary>Cuts off or adds a hole (ftruncate(2)). EFBIG, EPERM if sealed.</summary>
    public Errno SetSize(long size)
    {
        if (_memory is { } memory)
        {
            if (HostFile.Truncate(memory.Number, size) is not Errno.Ok and Errno error)
                return error == Errno.EINVAL ? Errno.EFBIG : error;
            if (size < Size)
            {
                _denseEnd = Math.Min(_denseEnd, size);
                Recount();
            }
        }
        else if (size < _smallEnd)
        {
            CutSmall((int)size);
        }

        Size = size;
        return Errno.Ok;
    }

    /// <summary>
    /// fallocate(2) with mode 0, FALLOC_FL_KEEP_SIZE or FALLOC_FL_PUNCH_HOLE. ENOSPC, EOPNOTSUPP, EPERM if sealed.
    /// </summary>
    public Errno Allocate(int mode, long offset, long length)
    {
        const int keepSize = 1, punchHole = 2;
        if (mode is not (0 or keepSize or (keepSize | punchHole)))
            return Errno.EOPNOTSUPP;
        bool isPunch = (mode & punchHole) != 0;
        long end = offset + length;
        if (_memory is null && isPunch)
        {
            PunchSmall(offset, end);
            return Errno.Ok;
        }

        long most = MemoryFileSystem.PagesOf(end) - (offset / PageBytes);
        if (!isPunch && most - _pages > fileSystem.FreePages)
            return Errno.ENOSPC;
        if (_memory is null && MoveToMemory() is not Errno.Ok and Errno error)
            return error;
        Errno result = HostMemoryFile.Allocate(_memory!.Number, mode, offset, length);
        _isSparse = true;
        if (isPunch)
            _denseEnd = Math.Min(_denseEnd, offset);
        Recount();
        if (result == Errno.Ok && mode == 0)
            Size = Math.Max(Size, end);
        return result;
    }

    /// <summary>SEEK_DATA, SEEK_HOLE (lseek(2)). ENXIO at or behind the end.</summary>
    public Result<long> SeekExtent(long offset, SeekWhence whence)
    {
        if (offset < 0 || offset >= Size)
            return Errno.ENXIO;
        if (_memory is { } memory)
            return HostFile.Seek(memory.Number, offset, whence);
        long dataEnd = Math.Min(MemoryFileSystem.PagesOf(_smallEnd) * PageBytes, Size);
        if (whence == SeekWhence.Data)
            return offset < dataEnd ? offset : Errno.ENXIO;
        return Math.Max(offset, dataEnd);
    }

    /// <summary>
    /// The host descriptor of the bytes, for mapping: read-only unless <paramref name="isWritable"/>. ENFILE, ENOMEM,
    /// EACCES.
    /// </summary>
    /// <remarks>
    /// It is lent under a number the guest chose, which another thread may use at the same moment for a mapping of
    /// another file: so it may never allow more than the guest may do with this one.
    /// </remarks>
    public Result<int> GetFd(bool isWritable)
    {
        if (_memory is null && MoveToMemory() is not Errno.Ok and Errno error)
            return error;
        if (isWritable)
        {
            _isSparse = true; // What is stored through the mapping, only the host sees.
            return _memory!.Number;
        }

        if (_readOnly is null)
        {
            if (!fileSystem.Account.TryTakeDescriptor())
                return Errno.ENFILE;
            if (HostSelfFds.ReopenReadOnly(_memory!.Number).Failed(out int fd, out Errno refused))
            {
                fileSystem.Account.ReturnDescriptors(1);
                return refused == Errno.EMFILE ? Errno.ENFILE : Errno.EACCES;
            }

            _readOnly = new HostFd(fd);
        }

        return _readOnly.Number;
    }

    // For a file that was made and then never opened (O_TMPFILE at the limit of descriptors): it has no end of its own.
    ~FileContent() => Dispose();

    /// <summary>Gives everything back. The content is not used afterwards.</summary>
    public void Dispose()
    {
        GC.SuppressFinalize(this);
        NativeArena.Free(_small);
        _small = default;
        _smallEnd = 0;
        fileSystem.Account.ReturnDescriptors((_memory is null ? 0 : 1) + (_readOnly is null ? 0 : 1));
        _memory?.Dispose();
        _readOnly?.Dispose();
        (_memory, _readOnly) = (null, null);
        fileSystem.AdjustPages(-_pages);
        (_pages, Size, _denseEnd, _isSparse) = (0, 0, 0, false);
    }

    private Result<int> WriteSmall(ReadOnlySpan<byte> source, int offset)
    {
        int end = offset + source.Length;
        if (end > _smallEnd)
        {
            long added = MemoryFileSystem.PagesOf(end) - _pages;
            if (added > 0 && !fileSystem.TryTakePages(added))
                return Errno.ENOSPC;
            if (end > _small.Capacity && GrowSmall(end) is not Errno.Ok and Errno error)
            {
                fileSystem.AdjustPages(-Math.Max(added, 0));
                return error;
            }

            _pages += Math.Max(added, 0);
            _smallEnd = end;
        }

        source.CopyTo(_small.Span[offset..]);
        Size = Math.Max(Size, end);
        return source.Length;
    }

    private Errno GrowSmall(int bytes)
    {
        if (NativeArena.Allocate(bytes).Failed(out NativeBlock larger, out Errno error))
            return error;
        _small.Span[.._smallEnd].CopyTo(larger.Span);
        NativeArena.Free(_small);
        _small = larger;
        return Errno.Ok;
    }

    private void CutSmall(int size)
    {
        _small.Span[size.._smallEnd].Clear();
        _smallEnd = size;
        if (size == 0)
        {
            NativeArena.Free(_small);
            _small = default;
        }

        long pages = MemoryFileSystem.PagesOf(size);
        fileSystem.AdjustPages(pages - _pages);
        _pages = pages;
    }

    private void PunchSmall(long offset, long end)
    {
        if (offset >= _smallEnd)
            return;
        if (end >= _smallEnd)
            CutSmall((int)offset);
        else
            _small.Span[(int)offset..(int)end].Clear();
    }

    private Result<int> WriteMemory(HostFd memory, ReadOnlySpan<byte> source, long offset)
    {
        long end = offset + source.Length;
        if (end > _denseEnd)
        {
            long first = Math.Max(offset, _denseEnd);
            long most = MemoryFileSystem.PagesOf(end) - MemoryFileSystem.PagesOf(first);
            if (most > fileSystem.FreePages)
            {
                if (_isSparse)
                    Recount();
                long fits = (MemoryFileSystem.PagesOf(first) + fileSystem.FreePages) * PageBytes;
                if (fits <= offset)
                    return Errno.ENOSPC;
                source = source[..(int)Math.Min(source.Length, fits - offset)];
            }
        }

        if (HostFile.WriteAt(memory.Number, source, offset).Failed(out int count, out Errno error))
            return error == Errno.EINVAL ? Errno.EFBIG : error;
        end = offset + count;
        Size = Math.Max(Size, end);
        CountWritten(offset, end);
        return count;
    }

    private void CountWritten(long offset, long end)
    {
        if (end <= _denseEnd)
            return;
        if (offset > _denseEnd)
        {
            _isSparse = true;
            Recount();
            return;
        }

        _denseEnd = end;
        if (_isSparse)
        {
            Recount();
            return;
        }

        long pages = MemoryFileSystem.PagesOf(end);
        fileSystem.AdjustPages(pages - _pages);
        _pages = pages;
    }

    private void Recount()
    {
        if (_memory is not { } memory || HostFile.Stat(memory.Number).Failed(out Stat stat, out _))
            return;
        long pages = MemoryFileSystem.PagesOf(stat.Blocks * 512);
        fileSystem.AdjustPages(pages - _pages);
        _pages = pages;
    }

    private Errno MoveToMemory()
    {
        if (!fileSystem.Account.TryTakeDescriptor()
            && !(CollectedCharge.Reclaim() && fileSystem.Account.TryTakeDescriptor()))
            return Errno.ENFILE;
        Errno error = MakeMemory();
        if (error != Errno.Ok)
            fileSystem.Account.ReturnDescriptors(1);
        return error;
    }

    private Errno MakeMemory()
    {
        if (HostMemoryFile.Create().Failed(out int fd, out Errno error))
            return error == Errno.EMFILE ? Errno.ENFILE : error;
        HostFd memory = new(fd);
        if (_smallEnd > 0 && HostFile.WriteAt(fd, _small.Span[.._smallEnd], 0).Failed(out _, out Errno written))
        {
            memory.Dispose();
            return written;
        }

        if (HostFile.Truncate(fd, Size) is not Errno.Ok and Errno truncated)
        {
            memory.Dispose();
            return truncated == Errno.EINVAL ? Errno.EFBIG : truncated;
        }

        NativeArena.Free(_small);
        _small = default;
        _denseEnd = _smallEnd;
        _smallEnd = 0;
        _memory = memory;
        return Errno.Ok;
    }
}
