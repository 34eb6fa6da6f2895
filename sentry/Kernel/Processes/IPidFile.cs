namespace Sandbox.Sentry.Kernel.Processes;

/// <summary>An open file that stands for a process (pidfd_open(2)).</summary>
internal interface IPidFile
{
    ThreadGroup Process { get; }
}
