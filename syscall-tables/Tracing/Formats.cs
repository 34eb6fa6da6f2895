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
/// How each argument of a call is written: as its row says, or from the types that the row gives the arguments, where
/// those are no plain integers and no structures that are passed both ways.
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
    public static F[] Of(Syscall row)
    {
        if (row.Formats.Length != 0 || row.Parameters.Length == 0)
            return row.Formats;
        F[] formats = new ArgumentFormat[row.Parameters.Length];
        for (int index = 0; index < formats.Length; index++)
            formats[index] = _ofType.GetValueOrDefault(row.Parameters[index], F.Address);
        if (row.Parameters[0] == typeof(Fd) && formats.Length > 1 && formats[1] == F.Text)
            formats[0] = F.DirectoryFd;
        return formats;
    }
}
