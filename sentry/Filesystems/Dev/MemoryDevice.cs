using Sandbox.Linux;
using Sandbox.Sentry.Security;
using Sandbox.Sentry.Vfs;

namespace Sandbox.Sentry.Filesystems.Dev;

/// <summary>
/// What a device of major 1 does (mem(4), null(4), full(4), random(4)); the values are the minor numbers.
/// </summary>
internal enum MemoryDeviceKind
{
    Null = 3,
    Zero = 5,
    Full = 7,
    Random = 8,
    NonBlockingRandom = 9,
}

/// <summary>An open /dev/null, zero, full, random or urandom.</summary>
internal sealed class MemoryDevice(
    MemoryDeviceKind kind, Inode inode, VfsPath path, OpenFlags flags, Credentials credentials) : OpenFile(
        path, flags, credentials)
{
    // Private mappings of /dev/zero are of a memfd that is all hole; nothing is stored in it,
    // as shared ones are refused.
    private const long ZeroFileBytes = 1L << 46;
    private static readonly Lock _zerosLock = new();
    private int _zeros = -1; // Guarded by _zerosLock.

    public override Inode Inode => inode;

    public override bool IsSeekable => true;

    public override Result<int> Read(Span<byte> destination)
    {
        switch (kind)
        {
            case MemoryDeviceKind.Null:
                return 0;
            case MemoryDeviceKind.Zero or MemoryDeviceKind.Full:
                destination.Clear();
                return destination.Length;
            default:
                HostRandom.Fill(destination);
                return destination.Length;
        }
    }

    public override Result<int> ReadAt(Span<byte> destination, long offset) => Read(destination);

    public override Result<int> Write(ReadOnlySpan<byte> source) =>
        kind == MemoryDeviceKind.Full ? Errno.ENOSPC : source.Length;

    public override Result<int> WriteAt(ReadOnlySpan<byte> source, long offset) => Write(source);

    public override Result<long> Seek(long offset, SeekWhence whence) => 0L;

    public override Errno Truncate(long length) => Errno.EINVAL;

    public override SyscallResult Control(ICaller caller, uint request, ulong argument)
    {
        const uint entropyCount = 0x80045200; // RNDGETENTCNT
        if (kind is MemoryDeviceKind.Random or MemoryDeviceKind.NonBlockingRandom && request == entropyCount)
            return caller.Memory.Write(new UserPtr<int>(new UserAddress(argument)), 256);
        return Errno.ENOTTY;
    }

    public override Result<int> GetMappingFd(MapFlags flags, MemoryProtection protection)
    {
        if (kind != MemoryDeviceKind.Zero || (flags & MapFlags.TypeMask) != MapFlags.Private)
            return Errno.ENODEV;
        lock (_zerosLock)
        {
            if (_zeros >= 0)
                return _zeros;
            if (HostMemoryFile.Create().Failed(out int fd, out Errno error))
                return error;
            if (HostFile.Truncate(fd, ZeroFileBytes) is not Errno.Ok and Errno refused)
            {
                HostFile.Close(fd);
                return refused;
            }

            // Everybody maps the same file, so nobody may get at it for writing.
            Result<int> readOnly = HostSelfFds.ReopenReadOnly(fd);
            HostFile.Close(fd);
            if (readOnly.Failed(out int zeros, out error))
                return error == Errno.EMFILE ? Errno.ENFILE : error;
            return _zeros = zeros;
        }
    }

    protected override void OnRelease()
    {
        if (_zeros >= 0)
            HostFile.Close(_zeros);
    }
}
