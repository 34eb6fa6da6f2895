using Sandbox.Linux;
using Sandbox.Sentry.Kernel.Processes;
using Sandbox.Sentry.Kernel.Signals;
using Sandbox.Sentry.Kernel.Tasks;
using Sandbox.Sentry.Security;
using Sandbox.Sentry.Vfs;

namespace Sandbox.Sentry.Filesystems.Pts;

/// <summary>
/// Sessions, foreground groups and what the others may do with their terminal (termios(3), ioctl_tty(2)).
/// </summary>
internal static class JobControl
{
    /// <summary>A background process reads: SIGTTIN, or EIO if it cannot be stopped.</summary>
    public static Errno CheckRead(Terminal terminal, ICaller caller) => Check(terminal, caller, Signal.TerminalInput);

    /// <summary>A background process writes: SIGTTOU if the terminal has TOSTOP.</summary>
    public static Errno CheckWrite(Terminal terminal, ICaller caller) =>
        (terminal.Termios.Local & LocalModes.StopBackgroundOutput) == 0 ? Errno.Ok : CheckChange(terminal, caller);

    /// <summary>A background process changes the terminal: SIGTTOU, unless it blocks or ignores that.</summary>
    public static Errno CheckChange(Terminal terminal, ICaller caller) =>
        Check(terminal, caller, Signal.TerminalOutput);

    /// <summary>
    /// TIOCSCTTY. EPERM unless the caller leads a session without a terminal; one that controls another session is
    /// taken away only with CAP_SYS_ADMIN and <paramref name="steals"/>.
    /// </summary>
    public static Errno Acquire(Terminal terminal, ICaller caller, bool steals)
    {
        if (caller is not Task task)
            return Errno.EPERM;
        using (terminal.Kernel.Tree.Enter())
        {
            Session session = task.Group.Session;
            if (session.Leader == task.Group && session.Terminal == terminal)
                return Errno.Ok;
            if (session.Leader != task.Group || session.Terminal is not null)
                return Errno.EPERM;
            if (terminal.Session is { } other)
            {
                if (!steals || !task.Credentials.Has(Capability.SysAdmin))
                    return Errno.EPERM;
                other.Terminal = null;
            }

            session.Terminal = terminal;
            terminal.Session = session;
            terminal.Foreground = task.Group.ProcessGroup;
            return Errno.Ok;
        }
    }

    /// <summary>
    /// TIOCNOTTY. ENOTTY if it is not the caller's terminal; a session leader gives it up for the whole session.
    /// </summary>
    public static Errno GiveUp(Terminal terminal, ICaller caller)
    {
        if (caller is not Task task)
            return Errno.ENOTTY;
        using (terminal.Kernel.Tree.Enter())
        {
            Session session = task.Group.Session;
            if (session.Terminal != terminal)
                return Errno.ENOTTY;
            if (session.Leader != task.Group)
                return Errno.Ok;
            if (terminal.Foreground is { } foreground)
            {
                SignalSender.SendToProcessGroup(foreground, SignalInfo.FromKernel(Signal.HangUp));
                SignalSender.SendToProcessGroup(foreground, SignalInfo.FromKernel(Signal.Continue));
            }

            session.Terminal = null;
            terminal.Session = null;
            terminal.Foreground = null;
            return Errno.Ok;
        }
    }

    /// <summary>TIOCGPGRP. ENOTTY if the slave is not the caller's terminal; the master may always ask.</summary>
    public static Result<int> GetForeground(Terminal terminal, ICaller caller, bool isMaster)
    {
        if (caller is not Task task)
            return Errno.ENOTTY;
        using (terminal.Kernel.Tree.Enter())
        {
            if (!isMaster && task.Group.Session.Terminal != terminal)
                return Errno.ENOTTY;
            return terminal.Foreground?.Id.In(task.PidNamespace) ?? 0;
        }
    }

    /// <summary>TIOCSPGRP. ENOTTY, EINVAL, ESRCH, EPERM if the group is of another session.</summary>
    public static Errno SetForeground(Terminal terminal, ICaller caller, int number)
    {
        if (caller is not Task task)
            return Errno.ENOTTY;
        if (CheckChange(terminal, caller) is not Errno.Ok and Errno refused)
            return refused;
        if (number < 0)
            return Errno.EINVAL;
        using (terminal.Kernel.Tree.Enter())
        {
            if (task.Group.Session.Terminal != terminal || terminal.Session != task.Group.Session)
                return Errno.ENOTTY;
            if (task.PidNamespace.Find(number)?.ProcessGroup is not { } group)
                return Errno.ESRCH;
            if (group.Session != task.Group.Session)
                return Errno.EPERM;
            terminal.Foreground = group;
            return Errno.Ok;
        }
    }

    /// <summary>TIOCGSID.</summary>
    public static Result<int> GetSession(Terminal terminal, ICaller caller, bool isMaster)
    {
        if (caller is not Task task)
            return Errno.ENOTTY;
        using (terminal.Kernel.Tree.Enter())
        {
            if (terminal.Session is not { } session || (!isMaster && task.Group.Session != session))
                return Errno.ENOTTY;
            return session.Id.In(task.PidNamespace);
        }
    }

    /// <summary>The caller's controlling terminal (/dev/tty), or null.</summary>
    public static Terminal? TerminalOf(ICaller caller)
    {
        if (caller is not Task task)
            return null;
        using (task.Kernel.Tree.Enter())
            return task.Group.Session.Terminal as Terminal;
    }

    private static Errno Check(Terminal terminal, ICaller caller, Signal signal)
    {
        if (caller is not Task task)
            return Errno.Ok;
        using (terminal.Kernel.Tree.Enter())
        {
            ProcessGroup group = task.Group.ProcessGroup;
            if (task.Group.Session.Terminal != terminal || terminal.Foreground is null || terminal.Foreground == group)
                return Errno.Ok;
            bool isDeaf = task.SignalMask.Has(signal) || task.Group.Handlers[signal].IsIgnore;
            if (isDeaf)
                return signal == Signal.TerminalInput ? Errno.EIO : Errno.Ok;
            if (group.IsOrphaned())
                return Errno.EIO;
            SignalSender.SendToProcessGroup(group, SignalInfo.FromKernel(signal));
            return Errno.ERESTARTSYS;
        }
    }
}
