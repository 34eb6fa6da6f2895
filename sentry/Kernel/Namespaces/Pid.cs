using Sandbox.Sentry.Kernel.Processes;
using Sandbox.Sentry.Kernel.Tasks;

namespace Sandbox.Sentry.Kernel.Namespaces;

/// <summary>
/// A process or thread id: one number in each pid namespace from the root to the one it was made in (Linux's struct
/// pid). Thread groups, process groups and sessions named after a task share its Pid.
/// </summary>
internal sealed class Pid(PidNamespace owner, int[] numbers)
{
    /// <summary>The innermost namespace it has a number in.</summary>
    public PidNamespace Namespace { get; } = owner;

    /// <summary>The task with this id; null once it is reaped. Guarded by the kernel's Tree lock for writing.</summary>
    public Task? Task { get; set; }

    /// <summary>The thread group whose leader has this id. Guarded by Tree.</summary>
    public ThreadGroup? ThreadGroup { get; set; }

    /// <summary>The process group of this id. Guarded by Tree.</summary>
    public ProcessGroup? ProcessGroup { get; set; }

    /// <summary>The session of this id. Guarded by Tree.</summary>
    public Session? Session { get; set; }

    /// <summary>The number in the root namespace; for logs.</summary>
    public int RootNumber => numbers[0];

    /// <summary>The number as seen from a namespace, or 0 if it is not visible there.</summary>
    public int In(PidNamespace viewer) =>
        viewer.Level < numbers.Length && Namespace.IsSelfOrBelow(viewer) ? numbers[viewer.Level] : 0;

    /// <summary>The number in the namespace of this level above its own; 0 is the root.</summary>
    public int AtLevel(int level) => numbers[level];

    /// <summary>The number in its own namespace.</summary>
    public int Own => numbers[^1];

    /// <summary>True while a task, a group or a session still uses the number. With Tree held.</summary>
    public bool IsInUse =>
        Task is not null || ThreadGroup is not null || ProcessGroup is not null || Session is not null;
}
