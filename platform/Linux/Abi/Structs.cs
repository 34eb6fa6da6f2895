using System.Runtime.InteropServices;

namespace Sandbox.Linux;

/// <summary>struct timespec (64-bit).</summary>
[StructLayout(LayoutKind.Sequential)]
public readonly record struct Timespec(long Seconds, long Nanoseconds)
{
    private const long NanosecondsPerSecond = 1_000_000_000;

    /// <summary>True if tv_nsec is in range and the time is not negative, as nanosleep(2) demands.</summary>
    public bool IsValid => Seconds >= 0 && Nanoseconds is >= 0 and < NanosecondsPerSecond;

    /// <summary>The whole as nanoseconds, saturating at <see cref="long.MaxValue"/>.</summary>
    public long TotalNanoseconds =>
        Seconds >= long.MaxValue / NanosecondsPerSecond
            ? long.MaxValue
            : (Seconds * NanosecondsPerSecond) + Nanoseconds;

    public static Timespec FromNanoseconds(long nanoseconds)
    {
        (long seconds, long rest) = Math.DivRem(nanoseconds, NanosecondsPerSecond);
        return rest < 0 ? new Timespec(seconds - 1, rest + NanosecondsPerSecond) : new Timespec(seconds, rest);
    }
}

/// <summary>struct timeval (64-bit).</summary>
[StructLayout(LayoutKind.Sequential)]
public readonly record struct Timeval(long Seconds, long Microseconds)
{
    /// <summary>The whole as nanoseconds; not for what a guest may have written.</summary>
    public long TotalNanoseconds => (Seconds * 1_000_000_000) + (Microseconds * 1000);

    public static Timeval FromNanoseconds(long nanoseconds)
    {
        Timespec time = Timespec.FromNanoseconds(nanoseconds);
        return new Timeval(time.Seconds, time.Nanoseconds / 1000);
    }
}

/// <summary>struct iovec.</summary>
[StructLayout(LayoutKind.Sequential)]
public readonly record struct IoVector(UserAddress Base, ulong Length);

/// <summary>struct stat, x86-64 (arch/x86/include/uapi/asm/stat.h).</summary>
[StructLayout(LayoutKind.Sequential)]
public struct Stat
{
    public ulong Device;
    public ulong Inode;
    public ulong LinkCount;
    public uint Mode;
    public uint UserId;
    public uint GroupId;
    private readonly int _padding0;
    public ulong RawDevice;
    public long SizeBytes;
    public long BlockBytes;

    /// <summary>In units of 512 bytes.</summary>
    public long Blocks;
    public Timespec AccessTime;
    public Timespec ModifyTime;
    public Timespec ChangeTime;
    private readonly long _unused0;
    private readonly long _unused1;
    private readonly long _unused2;

    /// <summary>The file type bits of <see cref="Mode"/>.</summary>
    public readonly FileType Type => (FileType)Mode & FileType.Mask;
}
