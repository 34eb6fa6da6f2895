using Sandbox.Linux;

namespace Sandbox.Platform.Stub;

/// <summary>
/// The calls that may come by a shared page: frequent ones whose handlers need no registers and end with a value. All
/// others take the notified way even from a rewritten place.
/// </summary>
internal static class FastCalls
{
    private static readonly bool[] _isFast = Build();

    public static bool Contains(int number) => (uint)number < (uint)_isFast.Length && _isFast[number];

    private static bool[] Build()
    {
        bool[] isFast = new bool[512];
        ReadOnlySpan<int> numbers =
        [
            Sys.read, Sys.write, Sys.close, Sys.stat, Sys.fstat, Sys.lstat, Sys.lseek, Sys.pread64, Sys.pwrite64, Sys.readv,
            Sys.writev, Sys.access, Sys.getpid, Sys.sendto, Sys.recvfrom, Sys.sendmsg, Sys.recvmsg, Sys.fcntl, Sys.getcwd,
            Sys.readlink, Sys.getuid, Sys.getgid, Sys.geteuid, Sys.getegid, Sys.getppid, Sys.gettid, Sys.getdents64,
            Sys.openat, Sys.newfstatat, Sys.unlinkat, Sys.readlinkat, Sys.faccessat, Sys.statx, Sys.epoll_wait,
            Sys.epoll_ctl, Sys.rt_sigprocmask, Sys.rt_sigaction,
        ];
        foreach (int number in numbers)
            isFast[number] = true;
        return isFast;
    }
}
