using Sandbox.Linux;
using Sandbox.Sentry.Security;
using Sandbox.Sentry.Vfs;

namespace Sandbox.Sentry.Filesystems.Gofer;

/// <summary>An open regular file of the host: every operation is a host call on the donated descriptor.</summary>
internal sealed class GoferOpenFile(
    GoferFile file, DonatedFd fd, VfsPath path, OpenFlags flags, Credentials credentials)
    : SeekableFile(path, flags, credentials)
{
    private const OpenFlags SyncBit = OpenFlags.Sync & ~OpenFlags.DataSync;

    public override Inode Inode => file;

    public override Result<int> ReadAt(Span<byte> destination, long offset) =>
        offset < 0 ? Errno.EINVAL : HostFile.ReadAt(fd.Number, destination, offset);

    public override Errno Synchronize(bool dataOnly) => HostFileWrite.Synchronize(fd.Number, dataOnly);

    public override Errno Allocate(int mode, long offset, long length)
    {
        file.NotifyChange();
        Errno error = HostMemoryFile.Allocate(fd.Number, mode, offset, length);
        file.MarkWritten();
        return error;
    }

    public override Errno Truncate(long length)
    {
        file.NotifyChange();
        Errno error = HostFile.Truncate(fd.Number, length);
        file.MarkWritten();
        return error;
    }

    /// <summary>The descriptor's access is this file's: read-only, or read-write for anything that writes.</summary>
    public override Result<int> GetMappingFd(MapFlags flags, MemoryProtection protection)
    {
        // A private mapping, too: while the descriptor is in the stub, another thread may map it otherwise.
        if (fd.IsWritable)
            file.MarkMappedWritable();
        return fd.Number;
    }

    protected override Result<int> WriteAt(ReadOnlySpan<byte> source, ref long offset, bool isAppend)
    {
        Result<int> result = isAppend
            ? HostFileWrite.Append(fd.Number, source)
            : HostFile.WriteAt(fd.Number, source, offset);
        if (result.Failed(out int count, out Errno error))
            return error;
        file.MarkWritten();
        if (isAppend && GetSize().Failed(out offset, out _) is false)
            offset -= count; // Where it began, if nobody else on the host appended just now.
        if ((Flags & OpenFlags.DataSync) == 0)
            return count;
        error = HostFileWrite.Synchronize(fd.Number, dataOnly: (Flags & SyncBit) == 0);
        return error == Errno.Ok ? count : error;
    }

    protected override Result<long> GetSize() =>
        HostFile.Stat(fd.Number).Failed(out Stat stat, out Errno error) ? error : stat.SizeBytes;

    protected override Result<long> SeekExtent(long offset, SeekWhence whence) =>
        HostFile.Seek(fd.Number, offset, whence);

    protected override void OnRelease() => file.Release(fd);
}
