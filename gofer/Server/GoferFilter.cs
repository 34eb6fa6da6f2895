using Sandbox.Gofer.Protocol;
using Sandbox.Linux;

namespace Sandbox.Gofer;

/// <summary>The system calls the Gofer may make once it serves; anything else kills it.</summary>
internal static class GoferFilter
{
    private const uint ProtectionExecute = 4, FileTypeMask = 0xF000, SetName = 15;

    /// <summary>CLONE_VM | CLONE_THREAD: a thread, and no namespace flag with it (CLONE_NEW*, 0x7E020080).</summary>
    private const uint ThreadBits = 0x00010100, NamespaceBits = 0x7E020080;

    /// <summary>The .NET runtime's and glibc's own needs after start-up.</summary>
    private static ReadOnlySpan<int> RuntimeCalls =>
    [
        Sys.read, Sys.write, Sys.close, Sys.munmap, Sys.madvise, Sys.futex, Sys.exit, Sys.exit_group,
        Sys.rt_sigprocmask, Sys.rt_sigreturn, Sys.sigaltstack, Sys.sched_yield, Sys.sched_getaffinity, Sys.getpid,
        Sys.gettid, Sys.tgkill, Sys.rseq, Sys.set_robust_list, Sys.membarrier, Sys.sysinfo, Sys.getrusage,
        Sys.clock_gettime, Sys.clock_nanosleep, Sys.nanosleep, Sys.getrandom, Sys.mremap, Sys.brk, Sys.getcpu,
        Sys.restart_syscall,
    ];

    /// <summary>What serving a read-only root takes.</summary>
    private static ReadOnlySpan<int> ReadCalls =>
    [
        Sys.recvmsg, Sys.sendmsg, Sys.openat2, Sys.statx, Sys.fstatfs, Sys.getdents64, Sys.lseek, Sys.readlinkat,
        Sys.fsync, Sys.syncfs, Sys.getxattr, Sys.listxattr,
    ];

    /// <summary>What a writable root takes besides; the filter lacks them if there is none.</summary>
    private static ReadOnlySpan<int> WriteCalls =>
    [
        Sys.mkdirat, Sys.symlinkat, Sys.linkat, Sys.unlinkat, Sys.renameat2, Sys.fchmodat, Sys.fchownat,
        Sys.utimensat, Sys.ftruncate, Sys.setxattr, Sys.removexattr,
    ];

    /// <summary>The filter for roots that together permit <paramref name="roots"/>.</summary>
    /// <param name="roots">The union of the roots' flags.</param>
    /// <param name="procSelfFd">The one directory openat(2), which follows links, may start from.</param>
    public static SeccompFilterBuilder Create(RootFlags roots, int procSelfFd)
    {
        SeccompFilterBuilder filter = new(SeccompAction.KillProcess, SeccompAction.KillProcess);
        filter.AllowAll(RuntimeCalls).AllowAll(ReadCalls)
            .Allow(Sys.mmap, SeccompTest.IntMasked(2, ProtectionExecute, 0))
            .Allow(Sys.mprotect, SeccompTest.IntMasked(2, ProtectionExecute, 0))
            .Allow(Sys.fcntl, SeccompTest.Int(1, 1030)) // F_DUPFD_CLOEXEC
            .Allow(Sys.prlimit64, SeccompTest.Equal(2, 0)) // to ask, not to set
            .Allow(Sys.prctl, SeccompTest.Int(0, SetName)) // the runtime's finalizer thread, whenever it first runs
            .Allow(Sys.openat, SeccompTest.Int(0, (uint)procSelfFd))
            // glibc and the collector look at /sys/devices/system/cpu and /proc/meminfo, and cope without.
            .Rule(Sys.openat, SeccompAction.Fail(Errno.EPERM))
            .Rule(Sys.clone3, SeccompAction.Fail(Errno.ENOSYS)) // Its flags are in memory; glibc falls back to clone.
            .Allow(Sys.clone, SeccompTest.IntMasked(0, ThreadBits | NamespaceBits, ThreadBits));
        if ((roots & RootFlags.Writable) != 0)
        {
            filter.AllowAll(WriteCalls)
                .Allow(Sys.mknodat, SeccompTest.IntMasked(2, FileTypeMask, (uint)FileType.Fifo))
                .Allow(Sys.mknodat, SeccompTest.IntMasked(2, FileTypeMask, (uint)FileType.Socket));
            if ((roots & RootFlags.DeviceNodes) != 0)
                filter.Allow(Sys.mknodat);
        }

        return filter;
    }
}
