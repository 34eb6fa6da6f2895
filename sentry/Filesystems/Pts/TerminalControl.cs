using Sandbox.Linux;
using Sandbox.Sentry.Vfs;

namespace Sandbox.Sentry.Filesystems.Pts;

/// <summary>ioctl(2) of terminals (ioctl_tty(2)), for both sides.</summary>
internal static class TerminalControl
{
    private const uint SendBreak = 0x5409, Flow = 0x540A, FlushQueues = 0x540B, SetExclusive = 0x540C,
        ClearExclusive = 0x540D,
        SetControlling = 0x540E, GetForeground = 0x540F, SetForeground = 0x5410, OutputCount = 0x5411,
        GetWindow = 0x5413,
        SetWindow = 0x5414, PacketMode = 0x5420, GiveUpControlling = 0x5422, GetDiscipline = 0x5424,
        SendBreakPosix = 0x5425,
        GetSession = 0x5429, GetNumber = 0x80045430, SetLock = 0x40045431, GetPacketMode = 0x80045438,
        GetLock = 0x80045439,
        SendSignal = 0x40045436;

    public static SyscallResult Control(Terminal terminal, bool isMaster, ICaller caller, uint request, ulong argument)
    {
        UserPtr<int> number = new(new UserAddress(argument));
        if (TermiosForms.IsGet(request))
            return TermiosForms.Write(caller, request, new UserAddress(argument), terminal.Attributes);
        if (TermiosForms.IsSet(request))
            return Change(terminal, isMaster, caller, request, argument);
        return request switch
        {
            GetWindow => caller.Memory.Write(new UserPtr<WindowSize>(new UserAddress(argument)), terminal.Size),
            SetWindow => SetSize(terminal, caller, argument),
            GetForeground => Answer(caller, number, JobControl.GetForeground(terminal, caller, isMaster)),
            SetForeground => caller.Memory.Read(number, out int group) is not Errno.Ok and Errno fault
                ? fault
                : JobControl.SetForeground(terminal, caller, group),
            GetSession => Answer(caller, number, JobControl.GetSession(terminal, caller, isMaster)),
            Ioctl.BytesReadable => caller.Memory.Write(number, terminal.ReadableBytes(isMaster)),
            OutputCount => caller.Memory.Write(number, 0),
            GetDiscipline => caller.Memory.Write(number, 0),
            FlushQueues => Flush(terminal, isMaster, argument),
            Flow => SetFlow(terminal, argument),
            SendBreak or SendBreakPosix or SetExclusive or ClearExclusive => 0,
            _ => isMaster ? ControlMaster(terminal, caller, request, argument) : ControlSlave(
                terminal, caller, request, argument),
        };
    }

    private static SyscallResult ControlSlave(Terminal terminal, ICaller caller, uint request, ulong argument) =>
        request switch
    {
        SetControlling => JobControl.Acquire(terminal, caller, argument == 1),
        GiveUpControlling => JobControl.GiveUp(terminal, caller),
        _ => Errno.ENOTTY,
    };

    private static SyscallResult ControlMaster(Terminal terminal, ICaller caller, uint request, ulong argument)
    {
        UserPtr<int> number = new(new UserAddress(argument));
        switch (request)
        {
            case GetNumber:
                return caller.Memory.Write(number, terminal.Index);
            case GetLock:
                return caller.Memory.Write(number, terminal.IsLocked ? 1 : 0);
            case GetPacketMode:
                return caller.Memory.Write(number, terminal.IsPacketMode ? 1 : 0);
            case SendSignal:
                if (argument is not (2 or 3 or 20))
                    return Errno.EINVAL;
                terminal.SendToForeground((Signal)(int)argument);
                return 0;
            case SetLock or PacketMode:
                if (caller.Memory.Read(number, out int value) is not Errno.Ok and Errno fault)
                    return fault;
                if (request == SetLock)
                    terminal.IsLocked = value != 0;
                else
                    terminal.SetPacketMode(value != 0);
                return 0;
            default:
                return Errno.ENOTTY;
        }
    }

    private static SyscallResult Answer(ICaller caller, UserPtr<int> place, Result<int> result) =>
        result.Failed(out int value, out Errno error) ? error : caller.Memory.Write(place, value);

    private static SyscallResult Change(Terminal terminal, bool isMaster, ICaller caller, uint request, ulong argument)
    {
        if (!isMaster && JobControl.CheckChange(terminal, caller) is not Errno.Ok and Errno refused)
            return refused;
        const int flushing = 2;
        Termios2 wanted = terminal.Attributes;
        if (TermiosForms.Read(caller, request, new UserAddress(argument), ref wanted) is not Errno.Ok and Errno fault)
            return fault;
        terminal.SetAttributes(wanted, TermiosForms.ManyOf(request) == flushing);
        return 0;
    }

    private static SyscallResult SetSize(Terminal terminal, ICaller caller, ulong argument)
    {
        UserPtr<WindowSize> place = new(new UserAddress(argument));
        if (caller.Memory.Read(place, out WindowSize size) is not Errno.Ok and Errno fault)
            return fault;
        terminal.SetSize(size);
        return 0;
    }

    // What is input for the slave is output for the master.
    private static SyscallResult Flush(Terminal terminal, bool isMaster, ulong queues)
    {
        if (queues > 2)
            return Errno.EINVAL;
        bool input = queues is 0 or 2, output = queues is 1 or 2;
        terminal.Flush(isMaster ? output : input, isMaster ? input : output);
        return 0;
    }

    private static SyscallResult SetFlow(Terminal terminal, ulong action)
    {
        if (action > 3)
            return Errno.EINVAL;
        if (action < 2)
            terminal.SetStopped(action == 0);
        return 0;
    }
}
