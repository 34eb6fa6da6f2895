using System.Buffers.Text;
using Sandbox.Linux;

namespace Sandbox.Sentry.Memory;

/// <summary>
/// Sysctls of /proc/sys/fs that bound what a user may have (proc_sys_fs(5)), in the order of their names.
/// </summary>
internal enum KernelLimit
{
    /// <summary>The largest pipe a user without CAP_SYS_RESOURCE may ask for, bytes.</summary>
    PipeMaxBytes,

    /// <summary>Pages of a user's pipes beyond which new ones are small. 0 for no limit.</summary>
    PipePagesSoft,

    /// <summary>Pages of a user's pipes beyond which there are no new ones. 0 for no limit.</summary>
    PipePagesHard,

    /// <summary>inotify instances of a user.</summary>
    InotifyInstances,

    /// <summary>inotify watches of a user.</summary>
    InotifyWatches,

    /// <summary>Events that wait in one inotify instance.</summary>
    InotifyEvents,

    /// <summary>Files that the epoll instances of a user watch.</summary>
    EpollWatches,

    /// <summary>Mounts of one mount namespace.</summary>
    Mounts,
}

/// <summary>
/// The limits of /proc/sys/fs of one container: the defaults of Linux, or what was written there. Any thread.
/// </summary>
internal sealed class KernelLimits
{
    private const int PageBytes = 4096;

    private static readonly (string Name, long Default, long Least, long Most)[] _rows =
    [
        ("pipe-max-size", 1 << 20, PageBytes, 1 << 20),
        ("pipe-user-pages-soft", 16384, 0, long.MaxValue),
        ("pipe-user-pages-hard", 0, 0, long.MaxValue),
        ("inotify/max_user_instances", 128, 0, int.MaxValue),
        ("inotify/max_user_watches", 65536, 0, int.MaxValue),
        ("inotify/max_queued_events", 16384, 0, 1 << 20),
        ("epoll/max_user_watches", 262144, 0, int.MaxValue),
        ("mount-max", 10000, 1, 10000),
    ];

    // Single words, written without a lock: the last writer wins.
    private readonly long[] _values = Array.ConvertAll(_rows, static row => row.Default);

    /// <summary>The names below /proc/sys/fs.</summary>
    public static string[] Names { get; } = Array.ConvertAll(_rows, static row => row.Name);

    public long this[KernelLimit limit] => Volatile.Read(ref _values[(int)limit]);

    /// <summary>Sets one from the text that was written: a number, and white space around it. EINVAL.</summary>
    public Errno Set(KernelLimit limit, ReadOnlySpan<byte> text)
    {
        ReadOnlySpan<byte> number = text.Trim(" \t\n\0"u8);
        if (!Utf8Parser.TryParse(number, out long value, out int used) || used != number.Length)
            return Errno.EINVAL;
        if (value < _rows[(int)limit].Least || value > _rows[(int)limit].Most)
            return Errno.EINVAL;
        Volatile.Write(ref _values[(int)limit], value);
        return Errno.Ok;
    }
}
