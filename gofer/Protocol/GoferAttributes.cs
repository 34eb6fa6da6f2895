using System.Runtime.InteropServices;
using Sandbox.Linux;

namespace Sandbox.Gofer.Protocol;

/// <summary>The attributes of a file as they travel: what statx(2) told the server. 128 bytes.</summary>
[StructLayout(LayoutKind.Sequential, Pack = 1)]
public struct GoferAttributes
{
    /// <summary>The host's device number, in the encoding of st_dev.</summary>
    public ulong Device;
    public ulong Inode;

    /// <summary>st_rdev of a device node.</summary>
    public ulong RawDevice;
    public long SizeBytes;

    /// <summary>In units of 512 bytes.</summary>
    public long Blocks;
    public Timespec AccessTime;
    public Timespec ModifyTime;
    public Timespec ChangeTime;
    public Timespec BirthTime;

    /// <summary>st_mode: type and permissions.</summary>
    public uint Mode;
    public uint LinkCount;
    public uint UserId;
    public uint GroupId;

    /// <summary>st_blksize.</summary>
    public uint BlockBytes;

    /// <summary>Zero.</summary>
    public uint Reserved;

    /// <summary>The file type bits of <see cref="Mode"/>.</summary>
    public readonly FileType Type => (FileType)Mode & FileType.Mask;

    public static GoferAttributes From(in Statx statx) => new()
    {
        Device = EncodeDevice(statx.DeviceMajor, statx.DeviceMinor),
        Inode = statx.Inode,
        RawDevice = EncodeDevice(statx.RawDeviceMajor, statx.RawDeviceMinor),
        SizeBytes = (long)statx.SizeBytes,
        Blocks = (long)statx.Blocks,
        AccessTime = statx.AccessTime.ToTimespec(),
        ModifyTime = statx.ModifyTime.ToTimespec(),
        ChangeTime = statx.ChangeTime.ToTimespec(),
        BirthTime = statx.BirthTime.ToTimespec(),
        Mode = statx.Mode,
        LinkCount = statx.LinkCount,
        UserId = statx.UserId,
        GroupId = statx.GroupId,
        BlockBytes = statx.BlockBytes,
    };

    /// <summary>The kernel's new_encode_dev: what st_dev holds.</summary>
    private static ulong EncodeDevice(uint major, uint minor) =>
        (minor & 0xFF) | ((ulong)(major & 0xFFF) << 8) | ((ulong)(minor & ~0xFFu) << 12)
            | ((ulong)(major & ~0xFFFu) << 32);
}
