using Sandbox.Sentry.Kernel.Namespaces;

namespace Sandbox.Sentry.Kernel.Processes;

/// <summary>A process group (setpgid(2)). Guarded by the kernel's Tree lock.</summary>
internal sealed class ProcessGroup(Pid id, Session session)
{
    public Pid Id { get; } = id;
    public Session Session { get; } = session;
    public List<ThreadGroup> Members { get; } = [];

    /// <summary>
    /// True if no member has a parent in another group of the same session: nobody is left to continue a stopped job
    /// (POSIX, "orphaned process group"). <paramref name="ignoring"/> is treated as already gone.
    /// </summary>
    public bool IsOrphaned(ThreadGroup? ignoring = null)
    {
        foreach (ThreadGroup member in Members)
        {
            if (member == ignoring || member.IsZombie || member.Parent is not { } parent)
                continue;
            if (parent.ProcessGroup != this && parent.ProcessGroup.Session == Session && parent != ignoring)
                return false;
        }

        return true;
    }
}

/// <summary>A session (setsid(2)). Guarded by the kernel's Tree lock.</summary>
internal sealed class Session(Pid id)
{
    public Pid Id { get; } = id;
    public List<ProcessGroup> Groups { get; } = [];

    /// <summary>The leader, until it exits.</summary>
    public ThreadGroup? Leader { get; set; }

    /// <summary>The controlling terminal, or null.</summary>
    public ControllingTerminal? Terminal { get; set; }
}

/// <summary>A terminal as a session knows it; devpts derives from it.</summary>
internal abstract class ControllingTerminal
{
    /// <summary>The session it controls. Guarded by Tree.</summary>
    public Session? Session { get; set; }

    /// <summary>The foreground process group. Guarded by Tree.</summary>
    public ProcessGroup? Foreground { get; set; }

    /// <summary>tty_nr of /proc/PID/stat (makedev(136, N)).</summary>
    public abstract ulong DeviceNumber { get; }

    /// <summary>
    /// The session leader exits or the terminal is given up: hang up what uses it. Without Tree held.
    /// </summary>
    public abstract void Disassociate();
}
