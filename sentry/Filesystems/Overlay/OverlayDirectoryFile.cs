using Sandbox.Linux;
using Sandbox.Sentry.Security;
using Sandbox.Sentry.Vfs;

namespace Sandbox.Sentry.Filesystems.Overlay;

/// <summary>
/// An open directory with a lower layer. One that nobody changed lists the lower directory as it goes; a changed one is
/// listed from a merged list, made when the listing starts, whose indices are the offsets.
/// </summary>
internal sealed class OverlayDirectoryFile : OpenFile
{
    private readonly OverlayDirectory _directory;
    private OpenFile? _below; // The lower directory, while it is listed directly.
    private List<Entry>? _merged;
    private int _next;

    public OverlayDirectoryFile(OverlayDirectory directory, VfsPath path, OpenFlags flags, Credentials credentials)
        : base(path, flags, credentials)
    {
        _directory = directory;
        directory.AddOpen();
    }

    private readonly record struct Entry(FileName Name, ulong Inode, FileType Type);

    public override Inode Inode => _directory;

    private ulong ParentNumber =>
        Path.IsSome && Path.Dentry.Parent?.Inode is { } parent ? parent.Number : _directory.Number;

    public override Result<int> Read(Span<byte> destination) => Errno.EISDIR;

    public override Errno Synchronize(bool dataOnly) => Errno.Ok;

    public override Errno ReadDirectory(IDirectorySink sink)
    {
        if (_below is null && _merged is null && Begin() is not Errno.Ok and Errno error)
            return error;
        if (_below is not null)
            return _below.ReadDirectory(new VisibleSink(this, sink));
        while (_next < _merged!.Count)
        {
            Entry entry = _merged[_next];
            if (!sink.Add(entry.Name.Bytes, entry.Inode, entry.Type, _next + 1))
                break;
            _next++;
        }

        return Errno.Ok;
    }

    public override Result<long> Seek(long offset, SeekWhence whence)
    {
        if (whence is not (SeekWhence.Set or SeekWhence.Current))
            return Errno.EINVAL;
        if (whence == SeekWhence.Set && offset == 0)
        {
            Rewind();
            return 0;
        }

        if (_merged is null)
            return _below is null ? offset == 0 ? 0 : Errno.EINVAL : _below.Seek(offset, whence);
        long target = whence == SeekWhence.Set ? offset : _next + offset;
        if (target < 0)
            return Errno.EINVAL;
        _next = (int)Math.Min(target, _merged.Count);
        return _next;
    }

    protected override void OnRelease()
    {
        Rewind();
        _directory.DropOpen();
    }

    private void Rewind()
    {
        _below?.Release();
        _below = null;
        _merged = null;
        _next = 0;
    }

    private Errno Begin()
    {
        if (_directory.OpenLower().Failed(out OpenFile? lower, out Errno error))
            return error;
        if (_directory.IsUntouched)
        {
            _below = lower;
            return Errno.Ok;
        }

        MergeSink merge = new(this);
        merge.Entries.Add(new Entry(new FileName("."u8), _directory.Number, FileType.Directory));
        merge.Entries.Add(new Entry(new FileName(".."u8), ParentNumber, FileType.Directory));
        long position = 0;
        merge.IsLower = false;
        _directory.ListOwn(merge, ref position);
        merge.IsLower = true;
        int before;
        Errno result;
        do
        {
            before = merge.Seen;
            result = lower.ReadDirectory(merge);
        }
        while (result == Errno.Ok && merge.Seen != before);
        lower.Release();
        if (result == Errno.Ok)
            _merged = merge.Entries;
        return result;
    }

    /// <summary>
    /// Passes on what the lower directory lists, unless it was removed or replaced since the listing began.
    /// </summary>
    private sealed class VisibleSink(OverlayDirectoryFile file, IDirectorySink sink) : IDirectorySink
    {
        public bool Add(ReadOnlySpan<byte> name, ulong inode, FileType type, long nextOffset)
        {
            if (name.SequenceEqual("."u8))
                return sink.Add(name, file._directory.Number, type, nextOffset);
            if (name.SequenceEqual(".."u8))
                return sink.Add(name, file.ParentNumber, type, nextOffset);
            if (!file._directory.IsHidden(name))
                return sink.Add(name, inode, type, nextOffset);
            return file._directory.FindOwn(name) is not { } own || sink.Add(name, own.Number, own.Type, nextOffset);
        }
    }

    private sealed class MergeSink(OverlayDirectoryFile file) : IDirectorySink
    {
        public List<Entry> Entries { get; } = [];

        public bool IsLower { get; set; }

        public int Seen { get; private set; }

        public bool Add(ReadOnlySpan<byte> name, ulong inode, FileType type, long nextOffset)
        {
            if (!IsLower)
            {
                Entries.Add(new Entry(new FileName(name), inode, type));
                return true;
            }

            Seen++;
            if (!name.SequenceEqual("."u8) && !name.SequenceEqual(".."u8) && !file._directory.IsHidden(name))
                Entries.Add(new Entry(new FileName(name), inode, type));
            return true;
        }
    }
}
