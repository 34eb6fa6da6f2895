using Sandbox.Linux;
using Sandbox.Sentry.Filesystems.Event;
using Sandbox.Sentry.Kernel.PosixQueues;
using Sandbox.Sentry.Kernel.Processes;
using Sandbox.Sentry.Kernel.Signals;
using Sandbox.Sentry.Sockets;
using Sandbox.Sentry.Syscalls;
using Sandbox.Sentry.Vfs;
using F = Sandbox.SyscallTables.Tracing.ArgumentFormat;

namespace Sandbox.SyscallTables.Tracing;

/// <summary>
/// How each argument of each call is written: from the type its row gives it, and for plain integers and structures that are
/// passed both ways from the list of calls below.
/// </summary>
internal static class Formats
{
    private static readonly Dictionary<Type, F> _ofType = new()
    {
        [typeof(int)] = F.Signed32,
        [typeof(uint)] = F.Unsigned32,
        [typeof(long)] = F.Signed64,
        [typeof(ulong)] = F.Unsigned64,
        [typeof(nuint)] = F.Unsigned64,
        [typeof(nint)] = F.Signed64,
        [typeof(Fd)] = F.Fd,
        [typeof(UserString)] = F.Text,
        [typeof(OpenFlags)] = F.DescriptorFlags,
        [typeof(AtFlags)] = F.AtFlags,
        [typeof(SeekWhence)] = F.SeekWhence,
        [typeof(MemoryProtection)] = F.Protection,
        [typeof(MapFlags)] = F.MapFlags,
        [typeof(WaitOptions)] = F.WaitOptions,
        [typeof(SocketFlags)] = F.MessageFlags,
        [typeof(RenameFlags)] = F.RenameFlags,
        [typeof(InotifyEvents)] = F.InotifyMask,
        [typeof(UserPtr<Stat>)] = F.Stat,
        [typeof(UserPtr<Statx>)] = F.Statx,
        [typeof(UserPtr<StatFs>)] = F.StatFs,
        [typeof(UserPtr<IoVector>)] = F.Vectors,
        [typeof(UserPtr<Timespec>)] = F.Time,
        [typeof(UserPtr<Timeval>)] = F.MicroTime,
        [typeof(UserPtr<IntervalTime>)] = F.TimerTime,
        [typeof(UserPtr<PosixTimerSyscalls.TimerValue>)] = F.TimerTime,
        [typeof(UserPtr<IntervalTimerSyscalls.IntervalValue>)] = F.TimerMicroTime,
        [typeof(UserPtr<SignalSet>)] = F.SignalSet,
        [typeof(UserPtr<SignalAction>)] = F.SignalAction,
        [typeof(UserPtr<SignalInfo>)] = F.SignalInfo,
        [typeof(UserPtr<MessageHeader>)] = F.Message,
        [typeof(UserPtr<PollDescriptor>)] = F.PollDescriptors,
        [typeof(UserPtr<EpollEvent>)] = F.EpollEvent,
        [typeof(UserPtr<FdPair>)] = F.FdPairOut,
        [typeof(UserPtr<ResourceUsage>)] = F.ResourceUsageOut,
        [typeof(UserPtr<Limit>)] = F.Limit,
        [typeof(UserPtr<OpenHow>)] = F.OpenHow,
        [typeof(UserPtr<QueueAttributes>)] = F.QueueAttributes,
        [typeof(UserPtr<SignalEvent>)] = F.SignalEvent,
    };

    /// <summary>The formats of a row's arguments.</summary>
    public static F[] Of(int number, Syscall row)
    {
        F[] formats = Special(number);
        if (formats.Length != 0 || row.Parameters.Length == 0)
            return formats;
        formats = new ArgumentFormat[row.Parameters.Length];
        for (int index = 0; index < formats.Length; index++)
            formats[index] = _ofType.GetValueOrDefault(row.Parameters[index], F.Address);
        if (row.Parameters[0] == typeof(Fd) && formats.Length > 1 && formats[1] == F.Text)
            formats[0] = F.DirectoryFd;
        return formats;
    }

    private static F[] Special(int number) => number switch
    {
        Sys.clone => [F.CloneFlags, F.Address, F.Address, F.Address, F.Hexadecimal],
        Sys.clone3 => [F.CloneArguments, F.Unsigned64],
        Sys.unshare => [F.CloneFlags],
        Sys.setns => [F.Fd, F.CloneFlags],
        Sys.execve => [F.Text, F.TextArray, F.Address],
        Sys.execveat => [F.DirectoryFd, F.Text, F.TextArray, F.Address, F.AtFlags],
        Sys.wait4 => [F.Signed32, F.WaitStatusOut, F.WaitOptions, F.ResourceUsageOut],
        Sys.waitid => [F.WaitKind, F.Signed32, F.SignalInfoOut, F.WaitOptions, F.ResourceUsageOut],
        Sys.prctl => [F.PrctlOption, F.Hexadecimal, F.Hexadecimal, F.Hexadecimal, F.Hexadecimal],
        Sys.arch_prctl => [F.ArchPrctlCode, F.Hexadecimal],
        Sys.futex => [F.Address, F.FutexOperation, F.Unsigned32, F.Time, F.Address, F.Unsigned32],
        Sys.getrlimit => [F.Resource, F.LimitOut],
        Sys.setrlimit => [F.Resource, F.Limit],
        Sys.prlimit64 => [F.Signed32, F.Resource, F.Limit, F.LimitOut],
        Sys.sched_setscheduler => [F.Signed32, F.SchedulePolicy, F.Address],
        Sys.rseq => [F.Address, F.Unsigned32, F.Hexadecimal, F.Hexadecimal],
        Sys.set_robust_list => [F.Address, F.Unsigned64],
        Sys.getrandom => [F.DataOut, F.Unsigned64, F.RandomFlags],
        Sys.sethostname or Sys.setdomainname => [F.Data, F.Signed32],
        _ => Files(number) is { Length: > 0 } formats ? formats : Rest(number),
    };

    private static F[] Files(int number) => number switch
    {
        Sys.read => [F.Fd, F.DataOut, F.Unsigned64],
        Sys.write => [F.Fd, F.Data, F.Unsigned64],
        Sys.pread64 => [F.Fd, F.DataOut, F.Unsigned64, F.Signed64],
        Sys.pwrite64 => [F.Fd, F.Data, F.Unsigned64, F.Signed64],
        Sys.readv => [F.Fd, F.VectorsOut, F.Unsigned64],
        Sys.preadv => [F.Fd, F.VectorsOut, F.Unsigned64, F.Signed64],
        Sys.open => [F.Text, F.OpenFlags, F.Octal],
        Sys.openat => [F.DirectoryFd, F.Text, F.OpenFlags, F.Octal],
        Sys.creat or Sys.chmod or Sys.mkdir => [F.Text, F.Octal],
        Sys.mknod => [F.Text, F.Octal, F.Hexadecimal],
        Sys.mkdirat or Sys.fchmodat => [F.DirectoryFd, F.Text, F.Octal],
        Sys.mknodat => [F.DirectoryFd, F.Text, F.Octal, F.Hexadecimal],
        Sys.fchmodat2 => [F.DirectoryFd, F.Text, F.Octal, F.AtFlags],
        Sys.fchmod => [F.Fd, F.Octal],
        Sys.umask => [F.Octal],
        Sys.access => [F.Text, F.AccessMode],
        Sys.faccessat => [F.DirectoryFd, F.Text, F.AccessMode],
        Sys.faccessat2 => [F.DirectoryFd, F.Text, F.AccessMode, F.AtFlags],
        Sys.statx => [F.DirectoryFd, F.Text, F.AtFlags, F.Hexadecimal, F.Statx],
        Sys.readlink => [F.Text, F.DataOut, F.Signed32],
        Sys.readlinkat => [F.DirectoryFd, F.Text, F.DataOut, F.Signed32],
        Sys.getcwd => [F.DataOut, F.Unsigned64],
        Sys.fcntl => [F.Fd, F.FcntlCommand, F.Hexadecimal],
        Sys.ioctl => [F.Fd, F.IoctlRequest, F.Hexadecimal],
        Sys.flock => [F.Fd, F.LockOperation],
        Sys.fallocate => [F.Fd, F.FallocateMode, F.Signed64, F.Signed64],
        Sys.linkat => [F.DirectoryFd, F.Text, F.DirectoryFd, F.Text, F.AtFlags],
        Sys.renameat => [F.DirectoryFd, F.Text, F.DirectoryFd, F.Text],
        Sys.renameat2 => [F.DirectoryFd, F.Text, F.DirectoryFd, F.Text, F.RenameFlags],
        Sys.symlinkat => [F.Text, F.DirectoryFd, F.Text],
        Sys.getxattr or Sys.lgetxattr => [F.Text, F.Text, F.DataOut, F.Unsigned64],
        Sys.setxattr or Sys.lsetxattr => [F.Text, F.Text, F.Data, F.Unsigned64, F.Hexadecimal],
        Sys.fgetxattr => [F.Fd, F.Text, F.DataOut, F.Unsigned64],
        Sys.fsetxattr => [F.Fd, F.Text, F.Data, F.Unsigned64, F.Hexadecimal],
        Sys.listxattr or Sys.llistxattr => [F.Text, F.DataOut, F.Unsigned64],
        Sys.mount => [F.Text, F.Text, F.Text, F.MountFlags, F.Text],
        Sys.umount2 => [F.Text, F.UnmountFlags],
        Sys.sendfile => [F.Fd, F.Fd, F.LongIn, F.Unsigned64],
        Sys.splice => [F.Fd, F.LongIn, F.Fd, F.LongIn, F.Unsigned64, F.SpliceFlags],
        Sys.tee => [F.Fd, F.Fd, F.Unsigned64, F.SpliceFlags],
        Sys.vmsplice => [F.Fd, F.Vectors, F.Unsigned64, F.SpliceFlags],
        Sys.copy_file_range => [F.Fd, F.LongIn, F.Fd, F.LongIn, F.Unsigned64, F.Hexadecimal],
        Sys.memfd_create => [F.Text, F.MemFdFlags],
        _ => [],
    };

    private static F[] Rest(int number) => number switch
    {
        Sys.mmap => [F.Address, F.Unsigned64, F.Protection, F.MapFlags, F.Fd, F.Hexadecimal],
        Sys.munmap or Sys.mlock or Sys.munlock => [F.Address, F.Unsigned64],
        Sys.mprotect => [F.Address, F.Unsigned64, F.Protection],
        Sys.mremap => [F.Address, F.Unsigned64, F.Unsigned64, F.RemapFlags, F.Address],
        Sys.madvise => [F.Address, F.Unsigned64, F.Advice],
        Sys.msync => [F.Address, F.Unsigned64, F.SynchronizeFlags],
        Sys.brk => [F.Address],
        Sys.rt_sigaction => [F.Signal, F.SignalAction, F.SignalActionOut, F.Unsigned64],
        Sys.rt_sigprocmask => [F.SignalHow, F.SignalSet, F.SignalSetOut, F.Unsigned64],
        Sys.rt_sigpending => [F.SignalSetOut, F.Unsigned64],
        Sys.rt_sigtimedwait => [F.SignalSet, F.SignalInfoOut, F.Time, F.Unsigned64],
        Sys.kill or Sys.tkill => [F.Signed32, F.Signal],
        Sys.tgkill => [F.Signed32, F.Signed32, F.Signal],
        Sys.rt_sigqueueinfo => [F.Signed32, F.Signal, F.SignalInfo],
        Sys.pidfd_send_signal => [F.Fd, F.Signal, F.SignalInfo, F.Unsigned32],
        Sys.clock_gettime or Sys.clock_getres => [F.Clock, F.TimeOut],
        Sys.clock_settime => [F.Clock, F.Time],
        Sys.clock_nanosleep => [F.Clock, F.TimerFlags, F.Time, F.TimeOut],
        Sys.nanosleep => [F.Time, F.TimeOut],
        Sys.gettimeofday => [F.MicroTimeOut, F.Address],
        Sys.getitimer => [F.Signed32, F.TimerMicroTimeOut],
        Sys.setitimer => [F.Signed32, F.TimerMicroTime, F.TimerMicroTimeOut],
        Sys.timerfd_create => [F.Clock, F.DescriptorFlags],
        Sys.timerfd_settime => [F.Fd, F.TimerFlags, F.TimerTime, F.TimerTimeOut],
        Sys.timerfd_gettime => [F.Fd, F.TimerTimeOut],
        Sys.timer_create => [F.Clock, F.SignalEvent, F.IntegerOut],
        Sys.timer_settime => [F.Signed32, F.TimerFlags, F.TimerTime, F.TimerTimeOut],
        Sys.timer_gettime => [F.Signed32, F.TimerTimeOut],
        Sys.epoll_ctl => [F.Fd, F.EpollOperation, F.Fd, F.EpollEvent],
        Sys.epoll_wait => [F.Fd, F.EpollEventsOut, F.Signed32, F.Signed32],
        Sys.epoll_pwait => [F.Fd, F.EpollEventsOut, F.Signed32, F.Signed32, F.SignalSet, F.Unsigned64],
        Sys.epoll_pwait2 => [F.Fd, F.EpollEventsOut, F.Signed32, F.Time, F.SignalSet, F.Unsigned64],
        Sys.socket => [F.SocketDomain, F.SocketType, F.Signed32],
        Sys.socketpair => [F.SocketDomain, F.SocketType, F.Signed32, F.FdPairOut],
        Sys.bind or Sys.connect => [F.Fd, F.SocketAddress, F.Signed32],
        Sys.accept or Sys.getsockname or Sys.getpeername => [F.Fd, F.SocketAddressOut, F.IntegerOut],
        Sys.accept4 => [F.Fd, F.SocketAddressOut, F.IntegerOut, F.DescriptorFlags],
        Sys.shutdown => [F.Fd, F.ShutdownHow],
        Sys.setsockopt => [F.Fd, F.SocketLevel, F.SocketOption, F.Data, F.Signed32],
        Sys.getsockopt => [F.Fd, F.SocketLevel, F.SocketOption, F.LongOut, F.IntegerOut],
        Sys.sendto => [F.Fd, F.Data, F.Unsigned64, F.MessageFlags, F.SocketAddress, F.Signed32],
        Sys.recvfrom => [F.Fd, F.DataOut, F.Unsigned64, F.MessageFlags, F.SocketAddressOut, F.IntegerOut],
        Sys.recvmsg => [F.Fd, F.MessageOut, F.MessageFlags],
        Sys.mq_open => [F.Text, F.OpenFlags, F.Octal, F.QueueAttributes],
        Sys.mq_timedsend => [F.Fd, F.Data, F.Unsigned64, F.Unsigned32, F.Time],
        Sys.mq_timedreceive => [F.Fd, F.DataOut, F.Unsigned64, F.IntegerOut, F.Time],
        Sys.mq_getsetattr => [F.Fd, F.QueueAttributes, F.QueueAttributesOut],
        _ => [],
    };
}
