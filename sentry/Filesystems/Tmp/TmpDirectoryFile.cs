using Sandbox.Linux;
using Sandbox.Sentry.Security;
using Sandbox.Sentry.Vfs;

namespace Sandbox.Sentry.Filesystems.Tmp;

/// <summary>An open directory in memory.</summary>
internal sealed class TmpDirectoryFile : OpenFile
{
    private readonly TmpDirectory _directory;
    private long _position;

    public TmpDirectoryFile(TmpDirectory directory, VfsPath path, OpenFlags flags, Credentials credentials)
        : base(path, flags, credentials)
    {
        _directory = directory;
        directory.AddOpen();
    }

    public override Inode Inode => _directory;

    public override Result<int> Read(Span<byte> destination) => Errno.EISDIR;

    public override Errno ReadDirectory(IDirectorySink sink)
    {
        Inode parent = Path.IsSome && Path.Dentry.Parent?.Inode is { } above ? above : _directory;
        if (_position == 0)
        {
            if (!sink.Add("."u8, _directory.Number, FileType.Directory, 1))
                return Errno.Ok;
            _position = 1;
        }

        if (_position == 1)
        {
            if (!sink.Add(".."u8, parent.Number, FileType.Directory, 2))
                return Errno.Ok;
            _position = 2;
        }

        _directory.ListOwn(sink, ref _position);
        _directory.MarkAccessed(Path);
        return Errno.Ok;
    }

    public override Result<long> Seek(long offset, SeekWhence whence)
    {
        long target = whence switch { SeekWhence.Set => offset, SeekWhence.Current => _position + offset, _ => -1 };
        if (target < 0)
            return Errno.EINVAL;
        return _position = target;
    }

    public override Errno Synchronize(bool dataOnly) => Errno.Ok;

    protected override void OnRelease() => _directory.DropOpen();
}
