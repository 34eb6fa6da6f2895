using Sandbox.Linux;
using Sandbox.Sentry.Memory;
using Sandbox.Sentry.Sync;

namespace Sandbox.Sentry.Vfs;

/// <summary>
/// An open <see cref="TextFile"/>: keeps the text it has produced, so that reads in pieces fit together.
/// </summary>
internal sealed class TextOpenFile : OpenFile
{
    private readonly RankedLock _lock = new(LockRank.Leaf);
    private readonly TextFile _file;
    private readonly ICaller _opener;
    private byte[]? _text; // Guarded by _lock for writing; replaced as a whole.
    private long _offset; // Guarded by _lock.

    public TextOpenFile(TextFile file, VfsPath path, OpenFlags flags, ICaller caller)
        : base(path, flags, caller.Credentials)
    {
        (_file, _opener) = (file, caller);
    }

    public override Inode Inode => _file;

    public override bool IsSeekable => true;

    public override long Position => Interlocked.Read(ref _offset);

    public override PollEvents Poll() => _file.Poll();

    public override Result<int> Read(Span<byte> destination)
    {
        long offset;
        using (_lock.Enter())
            offset = _offset;
        if (ReadAt(destination, offset).Failed(out int count, out Errno error))
            return error;
        using (_lock.Enter())
            _offset = offset + count;
        return count;
    }

    public override Result<int> ReadAt(Span<byte> destination, long offset)
    {
        if (offset < 0)
            return Errno.EINVAL;
        byte[]? text = Volatile.Read(ref _text);
        if (text is null || offset == 0)
        {
            ByteBuilder builder = new();
            if (_file.Produce(_opener, builder) is not Errno.Ok and Errno error)
                return error;
            text = builder.ToArray();
            if (!_opener.Account.TryCharge(MemoryKind.Objects, text.Length))
                return Errno.ENOMEM;
            byte[]? old;
            using (_lock.Enter())
                (old, _text) = (_text, text);
            _opener.Account.Return(MemoryKind.Objects, old?.Length ?? 0);
        }

        if (offset >= text.Length)
            return 0;
        int count = (int)Math.Min(destination.Length, text.Length - offset);
        text.AsSpan((int)offset, count).CopyTo(destination);
        return count;
    }

    protected override void OnRelease() =>
        _opener.Account.Return(MemoryKind.Objects, Interlocked.Exchange(ref _text, null)?.Length ?? 0);

    public override Result<int> Write(ReadOnlySpan<byte> source)
    {
        if (source.Length > TextFile.MaxWriteBytes)
            return Errno.EINVAL;
        if (_file.Consume(_opener, source) is not Errno.Ok and Errno error)
            return error;
        using (_lock.Enter())
            _offset += source.Length;
        return source.Length;
    }

    public override Result<int> WriteAt(ReadOnlySpan<byte> source, long offset)
    {
        if (source.Length > TextFile.MaxWriteBytes || offset < 0)
            return Errno.EINVAL;
        return _file.Consume(_opener, source) is not Errno.Ok and Errno error ? error : source.Length;
    }

    public override Result<long> Seek(long offset, SeekWhence whence)
    {
        using (_lock.Enter())
        {
            long target = whence switch
            {
                SeekWhence.Set => offset,
                SeekWhence.Current => _offset + offset,
                _ => -1, // seq_file knows no end.
            };
            return target < 0 ? Errno.EINVAL : _offset = target;
        }
    }
}
