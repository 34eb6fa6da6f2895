using Sandbox.Linux;
using Sandbox.Sentry.Security;

namespace Sandbox.Sentry.Vfs;

/// <summary>
/// What stat(2), statx(2) and statfs(2) say of a file, with ids as the caller's user namespace names them.
/// </summary>
internal static class StatOperations
{
    private const uint StatxBasic = 0x7FF, StatxMountId = 0x1000;
    private const ulong StatxMountRoot = 0x2000;

    /// <summary>All attributes.</summary>
    public static Errno GetStat(Inode inode, Credentials credentials, out Stat stat)
    {
        stat = new Stat
        {
            Device = inode.FileSystem.Device,
            Inode = inode.Number,
            LinkCount = 1,
            Mode = inode.Mode,
            UserId = inode.UserId,
            GroupId = inode.GroupId,
            RawDevice = inode.RawDevice,
            BlockBytes = 4096,
        };
        if (inode.GetAttributes(ref stat) is not Errno.Ok and Errno error)
            return error;
        UserNamespace space = credentials.UserNamespace;
        if (space != UserNamespace.Root)
        {
            stat.UserId = space.UserFromKernel(stat.UserId);
            stat.GroupId = space.GroupFromKernel(stat.GroupId);
        }

        return Errno.Ok;
    }

    /// <summary>The same as struct statx, with the mount of the place.</summary>
    public static Statx Extend(in Stat stat, VfsPath path)
    {
        Statx extended = new()
        {
            Mask = StatxBasic,
            BlockBytes = (uint)stat.BlockBytes,
            LinkCount = (uint)stat.LinkCount,
            UserId = stat.UserId,
            GroupId = stat.GroupId,
            Mode = (ushort)stat.Mode,
            Inode = stat.Inode,
            SizeBytes = (ulong)stat.SizeBytes,
            Blocks = (ulong)stat.Blocks,
            AttributesMask = StatxMountRoot,
            AccessTime = new StatxTimestamp(stat.AccessTime),
            ChangeTime = new StatxTimestamp(stat.ChangeTime),
            ModifyTime = new StatxTimestamp(stat.ModifyTime),
            RawDeviceMajor = DeviceNumber.Major(stat.RawDevice),
            RawDeviceMinor = DeviceNumber.Minor(stat.RawDevice),
            DeviceMajor = DeviceNumber.Major(stat.Device),
            DeviceMinor = DeviceNumber.Minor(stat.Device),
        };
        if (path.IsSome)
        {
            extended.Mask |= StatxMountId;
            extended.MountId = (ulong)path.Mount.Id;
            extended.Attributes = path.Dentry == path.Mount.Root ? StatxMountRoot : 0;
        }

        return extended;
    }

    /// <summary>statfs(2): the filesystem's figures with the mount's flags.</summary>
    public static Errno GetFileSystem(FileSystem fileSystem, VfsPath path, out StatFs statistics)
    {
        if (fileSystem.GetStatistics(out statistics) is not Errno.Ok and Errno error)
            return error;
        const long valid = 0x20; // ST_VALID: the flags are to be believed.
        statistics.Flags = valid | (path.IsSome ? FlagsOf(path.Mount.Flags) : 0);
        return Errno.Ok;
    }

    // ST_* of include/linux/statfs.h.
    private static long FlagsOf(MountFlags flags)
    {
        ReadOnlySpan<(MountFlags Flag, long Bit)> table =
        [
            (MountFlags.ReadOnly, 1), (MountFlags.NoSetUserId, 2), (MountFlags.NoDevices, 4), (MountFlags.NoExecute, 8),
            (MountFlags.NoAccessTime, 1024), (MountFlags.NoDirectoryAccessTime, 2048),
            (MountFlags.RelativeAccessTime, 4096),
            (MountFlags.NoSymbolicFollow, 8192),
        ];
        long bits = 0;
        foreach ((MountFlags flag, long bit) in table)
            bits |= (flags & flag) != 0 ? bit : 0;
        return bits;
    }
}
