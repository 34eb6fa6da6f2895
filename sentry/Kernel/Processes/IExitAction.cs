namespace Sandbox.Sentry.Kernel.Processes;

/// <summary>Does something when a process ends, such as to take back what it did with SEM_UNDO (semop(2)).</summary>
internal interface IExitAction
{
    /// <summary>The process ends. Called once for each time it was added, without locks.</summary>
    void OnExit(ThreadGroup group);
}
