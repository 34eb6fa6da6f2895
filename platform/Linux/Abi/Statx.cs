using System.Runtime.InteropServices;

namespace Sandbox.Linux;

/// <summary>struct statx_timestamp.</summary>
[StructLayout(LayoutKind.Sequential)]
public struct StatxTimestamp
{
    public long Seconds;
    public uint Nanoseconds;
    private readonly int _padding;

    public StatxTimestamp(Timespec time) =>
        (Seconds, Nanoseconds, _padding) = (time.Seconds, (uint)time.Nanoseconds, 0);

    public readonly Timespec ToTimespec() => new(Seconds, Nanoseconds);
}

/// <summary>struct statx, 256 bytes (include/uapi/linux/stat.h; statx(2)).</summary>
[StructLayout(LayoutKind.Sequential)]
public struct Statx
{
    /// <summary>Which fields are filled, STATX_*.</summary>
    public uint Mask;
    public uint BlockBytes;
    public ulong Attributes;
    public uint LinkCount;
    public uint UserId;
    public uint GroupId;
    public ushort Mode;
    private readonly ushort _padding0;
    public ulong Inode;
    public ulong SizeBytes;

    /// <summary>In units of 512 bytes.</summary>
    public ulong Blocks;
    public ulong AttributesMask;
    public StatxTimestamp AccessTime;
    public StatxTimestamp BirthTime;
    public StatxTimestamp ChangeTime;
    public StatxTimestamp ModifyTime;
    public uint RawDeviceMajor;
    public uint RawDeviceMinor;
    public uint DeviceMajor;
    public uint DeviceMinor;
    public ulong MountId;
    public uint DirectMemoryAlign;
    public uint DirectOffsetAlign;
    private readonly ulong _spare0;
    private readonly ulong _spare1;
    private readonly ulong _spare2;
    private readonly ulong _spare3;
    private readonly ulong _spare4;
    private readonly ulong _spare5;
    private readonly ulong _spare6;
    private readonly ulong _spare7;
    private readonly ulong _spare8;
    private readonly ulong _spare9;
    private readonly ulong _spare10;
    private readonly ulong _spare11;

    /// <summary>STATX_BASIC_STATS | STATX_BTIME.</summary>
    public const uint BasicAndBirth = 0xFFF;
}
