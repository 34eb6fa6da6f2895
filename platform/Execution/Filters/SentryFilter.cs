using Sandbox.Linux;

namespace Sandbox.Platform.Filters;

/// <summary>What the Sentry's filter must know about its process.</summary>
/// <param name="ProcDirectory">Descriptor of its procfs: the only directory it may open files below,
/// for reading.</param>
/// <param name="UsesHostNetwork">It makes internet and routing sockets in the network namespace it is in.</param>
/// <param name="TracesGuests">Its platform is ptrace.</param>
public readonly record struct SentryFilterOptions(
    int ProcDirectory, bool UsesHostNetwork = false, bool TracesGuests = false);

/// <summary>
/// The Sentry's own seccomp filter: what it may still ask of the host once it runs guests. Everything it works with
/// is a descriptor it was given; it opens no path but its own procfs, makes no socket and no process, and maps nothing
/// executable. A call that is not here kills the Sentry and with it the sandbox.
/// </summary>
public static class SentryFilter
{
    private const uint ProtectionExecute = 4;

    /// <summary>
    /// Puts the filter on every thread, for good. Platform, gofer connection and control socket must exist. ESRCH if a
    /// thread could not take it.
    /// </summary>
    public static Errno Install(SentryFilterOptions options) =>
        HostSeccomp.Install(Rules(options).Build(), SeccompFlags.ThreadSync).Error;

    /// <summary>The calls that are let through, some of them with certain arguments only, in ascending order.</summary>
    public static IReadOnlyCollection<int> AllowedCalls => Rules(default).AllowedCalls;

    internal static SeccompFilterBuilder Rules(SentryFilterOptions options)
    {
        SeccompFilterBuilder filter = new(SeccompAction.KillProcess, SeccompAction.KillProcess);
        AddRuntime(filter);
        AddFiles(filter, options);
        AddMessages(filter);
        AddGuests(filter);
        if (options.TracesGuests)
            AddTracing(filter);
        if (options.UsesHostNetwork)
            AddNetwork(filter);
        return filter;
    }

    /// <summary>What the .NET runtime and glibc do by themselves: memory, threads, waiting, time.</summary>
    private static void AddRuntime(SeccompFilterBuilder filter)
    {
        filter.Allow(Sys.mmap, SeccompTest.IntMasked(2, ProtectionExecute, 0));
        filter.Allow(Sys.mprotect, SeccompTest.IntMasked(2, ProtectionExecute, 0));
        filter.AllowAll(Sys.munmap, Sys.mremap, Sys.madvise, Sys.brk, Sys.mincore, Sys.mlock, Sys.munlock);

        // pthread_create's flags and no others: a thread, never a process or a namespace. clone3 hides its flags in
        // memory; glibc takes clone where clone3 does not exist.
        const ulong threadFlags = (ulong)(CloneFlags.Vm | CloneFlags.Fs | CloneFlags.Files | CloneFlags.SignalHandlers
            | CloneFlags.Thread | CloneFlags.SysVSemaphores | CloneFlags.SetTls | CloneFlags.ParentSetTid
            | CloneFlags.ChildClearTid);
        filter.Allow(Sys.clone, SeccompTest.Equal(0, threadFlags));
        filter.Rule(Sys.clone3, SeccompAction.Fail(Errno.ENOSYS));
        filter.AllowAll(
            Sys.exit, Sys.exit_group, Sys.futex, Sys.rt_sigprocmask, Sys.rt_sigreturn, Sys.rt_sigaction,
            Sys.sigaltstack,
            Sys.sched_yield, Sys.sched_getaffinity, Sys.sched_setaffinity, Sys.gettid, Sys.getpid, Sys.rseq,
            Sys.set_robust_list,
            Sys.membarrier, Sys.restart_syscall, Sys.getcpu);
        filter.Allow(Sys.sched_setattr, SeccompTest.Int(0, 0)); // The caller itself.
        filter.AllowAll(
            Sys.clock_gettime, Sys.clock_getres, Sys.clock_nanosleep, Sys.nanosleep, Sys.gettimeofday, Sys.getrandom,
            Sys.sysinfo, Sys.getrusage, Sys.times, Sys.uname);

        const uint setName = 15, nameMapping = 0x53564D41;
        filter.Allow(Sys.prctl, SeccompTest.Int(0, setName)).Allow(Sys.prctl, SeccompTest.Int(0, nameMapping));
    }

    /// <summary>Files it holds descriptors of, and reading below its procfs.</summary>
    private static void AddFiles(SeccompFilterBuilder filter, SentryFilterOptions options)
    {
        filter.AllowAll(
            Sys.read, Sys.write, Sys.readv, Sys.writev, Sys.pread64, Sys.pwrite64, Sys.preadv, Sys.pwritev, Sys.preadv2,
            Sys.pwritev2, Sys.lseek, Sys.close, Sys.fstat, Sys.fstatfs, Sys.ftruncate, Sys.fallocate, Sys.fsync,
            Sys.fdatasync,
            Sys.sync_file_range, Sys.fadvise64, Sys.getdents64, Sys.copy_file_range, Sys.flock);
        filter.AllowAll(
            Sys.fgetxattr, Sys.fsetxattr, Sys.flistxattr, Sys.fremovexattr, Sys.fchmod, Sys.fchown);
        filter.AllowAll(
            Sys.dup, Sys.dup3, Sys.memfd_create, Sys.pipe2, Sys.eventfd2, Sys.epoll_create1, Sys.epoll_ctl,
            Sys.epoll_wait,
            Sys.epoll_pwait, Sys.poll, Sys.ppoll);

        // Read-only below the procfs (flags without access mode, O_CREAT, O_TRUNC, O_TMPFILE). Anything else the
        // runtime or libc try (/sys/devices/system/cpu/online, /proc/meminfo) they can do without. An absolute path
        // ends in our own root, which holds nothing but that procfs.
        const uint forbidden = (uint)(OpenFlags.AccessMode | OpenFlags.Create | OpenFlags.Truncate) | 0x400000;
        filter.Allow(
            Sys.openat, SeccompTest.Int(0, (uint)options.ProcDirectory), SeccompTest.IntMasked(2, forbidden, 0));
        filter.Rule(Sys.openat, SeccompAction.Fail(Errno.EPERM));
        foreach (int number in (ReadOnlySpan<int>)[
            Sys.open, Sys.access, Sys.stat, Sys.readlink, Sys.faccessat, Sys.unlink])
            filter.Rule(number, SeccompAction.Fail(Errno.EPERM));
        const uint emptyPath = 0x1000;
        filter.Allow(Sys.newfstatat, SeccompTest.IntMasked(3, emptyPath, emptyPath));
        filter.Rule(Sys.newfstatat, SeccompAction.Fail(Errno.EPERM));
        filter.Allow(Sys.statx, SeccompTest.IntMasked(2, emptyPath, emptyPath));
        filter.Rule(Sys.statx, SeccompAction.Fail(Errno.EPERM));

        // Descriptor flags, duplicates, pipe sizes, seals, record locks. Not F_SETOWN, F_SETSIG, F_NOTIFY.
        ReadOnlySpan<uint> commands = [0, 1, 2, 3, 4, 5, 6, 7, 36, 37, 38, 1030, 1031, 1032, 1033, 1034];
        foreach (uint command in commands)
            filter.Allow(Sys.fcntl, SeccompTest.Int(1, command));

        // Terminals that were passed in as stdio: attributes, window size, queue lengths; FIONBIO.
        ReadOnlySpan<uint> requests =
        [
            0x5401, 0x5402, 0x5403, 0x5404, 0x5405, 0x5409, 0x540B, 0x540F, 0x5410, 0x5411, 0x5413, 0x5414,
            0x541B, 0x5421,
        ];
        foreach (uint request in requests)
            filter.Allow(Sys.ioctl, SeccompTest.Int(1, request));
    }

    /// <summary>Connections it was given: the gofer's, the control socket, host sockets behind descriptors.</summary>
    private static void AddMessages(SeccompFilterBuilder filter)
    {
        filter.AllowAll(
            Sys.sendmsg, Sys.recvmsg, Sys.sendto, Sys.recvfrom, Sys.accept, Sys.accept4, Sys.shutdown, Sys.getsockopt,
            Sys.getsockname,
            Sys.getpeername);
        const uint unix = 1;
        filter.Allow(Sys.socketpair, SeccompTest.Int(0, unix));
    }

    /// <summary>
    /// The container's network: TCP, UDP and ping sockets, routing netlink, questions about interfaces.
    /// </summary>
    private static void AddNetwork(SeccompFilterBuilder filter)
    {
        const uint inet = 2, inet6 = 10, netlink = 16, stream = 1, datagram = 2, raw = 3, typeMask = 0xF, route = 0;
        foreach (uint domain in (ReadOnlySpan<uint>)[inet, inet6])
        {
            filter.Allow(Sys.socket, SeccompTest.Int(0, domain), SeccompTest.IntMasked(1, typeMask, stream));
            filter.Allow(Sys.socket, SeccompTest.Int(0, domain), SeccompTest.IntMasked(1, typeMask, datagram));
        }

        filter.Allow(Sys.socket, SeccompTest.Int(0, netlink), SeccompTest.IntMasked(1, typeMask, datagram),
            SeccompTest.Int(2, route));
        filter.Allow(Sys.socket, SeccompTest.Int(0, netlink), SeccompTest.IntMasked(1, typeMask, raw), SeccompTest.Int(
            2, route));
        filter.AllowAll(Sys.bind, Sys.connect, Sys.listen, Sys.setsockopt);
        // SIOCGIFNAME, CONF, FLAGS, ADDR, DSTADDR, BRDADDR, NETMASK, METRIC, MTU, HWADDR, INDEX, TXQLEN, MAP:
        // no changes.
        ReadOnlySpan<uint> questions =
            [0x8910, 0x8912, 0x8913, 0x8915, 0x8917, 0x8919, 0x891B, 0x891D, 0x8921, 0x8927, 0x8933, 0x8942, 0x8970];
        foreach (uint request in questions)
            filter.Allow(Sys.ioctl, SeccompTest.Int(1, request));
    }

    /// <summary>What the ptrace platform does to its stubs.</summary>
    private static void AddTracing(SeccompFilterBuilder filter)
    {
        foreach (uint request in HostPtrace.Requests)
            filter.Allow(Sys.ptrace, SeccompTest.Equal(0, request));
    }

    /// <summary>The stubs: their listeners, memory, signals, limits, ends.</summary>
    private static void AddGuests(SeccompFilterBuilder filter)
    {
        // The four requests of a seccomp listener, and PROCMAP_QUERY on a stub's maps.
        ReadOnlySpan<uint> requests = [0xC050_2100, 0xC018_2101, 0x4018_2103, 0x4008_2104, 0xC068_6611];
        foreach (uint request in requests)
            filter.Allow(Sys.ioctl, SeccompTest.Int(1, request));
        filter.AllowAll(
            Sys.process_vm_readv, Sys.process_vm_writev, Sys.pidfd_open, Sys.pidfd_getfd, Sys.pidfd_send_signal,
            Sys.waitid,
            Sys.kill, Sys.tgkill, Sys.prlimit64);
    }
}
