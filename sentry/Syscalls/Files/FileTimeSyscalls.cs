using System.Runtime.InteropServices;
using Sandbox.Linux;
using Sandbox.Sentry.Kernel.Tasks;
using Sandbox.Sentry.Vfs;

namespace Sandbox.Sentry.Syscalls;

/// <summary>utimensat(2), utimes(2), utime(2), futimesat(2).</summary>
internal static class FileTimeSyscalls
{
    private const long UtimeNow = (1 << 30) - 1, UtimeOmit = (1 << 30) - 2;

    /// <summary>Two times: access, then modification.</summary>
    [StructLayout(LayoutKind.Sequential)]
    internal readonly record struct TimePair(Timespec Access, Timespec Modify);

    /// <summary>struct utimbuf.</summary>
    [StructLayout(LayoutKind.Sequential)]
    internal readonly record struct SecondsPair(long Access, long Modify);

    public static SyscallResult SetTimesAt(
        Task task, Fd directory, UserString path, UserPtr<TimePair> times, AtFlags flags)
    {
        if ((flags & ~(AtFlags.SymlinkNoFollow | AtFlags.EmptyPath)) != 0)
            return Errno.EINVAL;
        (long access, long modify) = (AttributeOperations.Now, AttributeOperations.Now);
        if (!times.IsNull)
        {
            if (task.Memory.Read(times, out TimePair pair) is not Errno.Ok and Errno fault)
                return fault;
            if (!TryConvert(pair.Access, out access) || !TryConvert(pair.Modify, out modify))
                return Errno.EINVAL;
        }

        return Apply(task, directory, path, access, modify, flags, isDescriptorOnly: path.IsNull
            && directory != Fd.CurrentDirectory);
    }

    public static SyscallResult SetTimesOld(Task task, UserString path, UserPtr<TimePair> times) =>
        SetTimesOldAt(task, Fd.CurrentDirectory, path, times);

    // utimes(2): struct timeval has the same layout, with microseconds.
    public static SyscallResult SetTimesOldAt(Task task, Fd directory, UserString path, UserPtr<TimePair> times)
    {
        (long access, long modify) = (AttributeOperations.Now, AttributeOperations.Now);
        if (!times.IsNull)
        {
            if (task.Memory.Read(times, out TimePair pair) is not Errno.Ok and Errno fault)
                return fault;
            if (pair.Access.Nanoseconds is < 0 or >= 1_000_000 || pair.Modify.Nanoseconds is < 0 or >= 1_000_000)
                return Errno.EINVAL;
            access = Total(pair.Access.Seconds, pair.Access.Nanoseconds * 1000);
            modify = Total(pair.Modify.Seconds, pair.Modify.Nanoseconds * 1000);
        }

        return Apply(task, directory, path, access, modify, AtFlags.None, isDescriptorOnly: path.IsNull);
    }

    public static SyscallResult SetSeconds(Task task, UserString path, UserPtr<SecondsPair> times)
    {
        (long access, long modify) = (AttributeOperations.Now, AttributeOperations.Now);
        if (!times.IsNull)
        {
            if (task.Memory.Read(times, out SecondsPair pair) is not Errno.Ok and Errno fault)
                return fault;
            (access, modify) = (Total(pair.Access, 0), Total(pair.Modify, 0));
        }

        return Apply(task, Fd.CurrentDirectory, path, access, modify, AtFlags.None, isDescriptorOnly: false);
    }

    private static SyscallResult Apply(
        Task task, Fd directory, UserString path, long access, long modify, AtFlags flags, bool isDescriptorOnly)
    {
        if (isDescriptorOnly && flags != AtFlags.None)
            return Errno.EINVAL;
        FileTarget target;
        Errno error = isDescriptorOnly
            ? FileTarget.Of(task, directory, allowPathOnly: false, out target)
            : FileTarget.Find(task, directory, path, flags, out target);
        if (error != Errno.Ok)
            return error;
        using (target)
            return AttributeOperations.ChangeTimes(target.Path, target.Inode, access, modify, task.Credentials);
    }

    private static bool TryConvert(Timespec time, out long nanoseconds)
    {
        nanoseconds = time.Nanoseconds switch
        {
            UtimeNow => AttributeOperations.Now,
            UtimeOmit => AttributeOperations.Omit,
            _ => Total(time.Seconds, time.Nanoseconds),
        };
        return time.Nanoseconds is UtimeNow or UtimeOmit or (>= 0 and < 1_000_000_000);
    }

    // Times beyond what 64 bits of nanoseconds hold (the years 1678 to 2262) become the nearest that fits.
    private static long Total(long seconds, long nanoseconds)
    {
        const long limit = 9_223_372_035;
        return (Math.Clamp(seconds, -limit, limit) * 1_000_000_000) + nanoseconds;
    }
}
