using Sandbox.Linux;
using Sandbox.Platform;

namespace Sandbox.Sentry.Control;

/// <summary>
/// What the operator's commands ask of the virtual kernel. Implemented where the kernel is put together; called from
/// the control server's threads, several at a time. Errors are one line of text for the operator, null for success.
/// </summary>
internal interface ISandboxControl
{
    /// <summary>
    /// Makes a container's mounts and finds its program, without running any of it. Takes the descriptors.
    /// "exec: \"x\": executable file not found in $PATH" and the like when its process could not run.
    /// </summary>
    string? Create(ContainerDescription container, ContainerDescriptors descriptors);

    /// <summary>
    /// Ends a container of several, if it still runs, and forgets it. "container does not exist" if there is none.
    /// </summary>
    string? Delete(string container);

    /// <summary>Lets a created container's first process run.</summary>
    string? Start(string container);

    /// <summary>
    /// Starts a further process in a running container; its number is for the other calls. Takes the descriptors.
    /// </summary>
    string? Execute(string container, ProcessDescription process, ProcessDescriptors descriptors, out int number);

    /// <summary>
    /// Sends a signal to a process (<paramref name="process"/> 0: the container's first), or to all of the container.
    /// Signal 0 only asks. A created container dies of a signal that would end it.
    /// "container not running" when it is over.
    /// </summary>
    string? Signal(string container, int process, int signal, bool all);

    /// <summary>Ends the container, or a process started by Execute, whatever it does.</summary>
    void Kill(string container, int process);

    /// <summary>The size of the host's terminal behind a process changed: TIOCGWINSZ says to what.</summary>
    void WindowChanged(string container, int process);

    /// <summary>
    /// Calls <paramref name="exited"/> once with the wait status (wait(2)) when the process is over and its output is
    /// written; at once if it is over already. "no such process" if there is none.
    /// </summary>
    string? OnExit(string container, int process, Action<int> exited);

    /// <summary>Nobody will ask for a process started by Execute any more: it is forgotten at its end.</summary>
    void Forget(string container, int process);

    /// <summary>The container's processes, by their ids inside.</summary>
    string? ListProcesses(string container, List<ProcessEntry> processes);

    /// <summary>Stops all tasks of the container where they are.</summary>
    string? Pause(string container);

    string? Resume(string container);

    /// <summary>Changes what a container may use.</summary>
    string? Update(string container, LimitsDescription limits);

    /// <summary>What <c>events --stats</c> shows.</summary>
    string? Statistics(string container, out ContainerStatistics statistics);

    /// <summary>What the whole sandbox has counted.</summary>
    CounterReport ReadCounters();

    /// <summary>What runs guest code, for people.</summary>
    string PlatformDescription { get; }

    /// <summary>
    /// The container's threads and what each of them does; with stacks, its registers and return addresses.
    /// </summary>
    string? ListTasks(string container, bool withStacks, List<TaskEntry> tasks);
}

/// <summary>Host descriptors that come with a new container.</summary>
/// <param name="Process">Its first process's.</param>
/// <param name="GoferSockets">The container's Gofer; each socket can carry one request at a time.</param>
/// <param name="Cgroup">Where the host charges what its guests use, or null.</param>
internal sealed record ContainerDescriptors(ProcessDescriptors Process, int[] GoferSockets, HostCgroup? Cgroup = null);

/// <summary>
/// Host descriptors that come with a new process, owned:
/// what the process's table has not taken over is closed with this, on every path.
/// </summary>
/// <param name="Standard">Standard input, output and error; empty with a console.</param>
/// <param name="Console">The slave of the host's terminal, or -1.</param>
/// <param name="Extra">Descriptors for the process's numbers from 3 on.</param>
internal sealed record ProcessDescriptors(int[] Standard, int Console, int[] Extra) : IDisposable
{
    private int _console = Console;

    /// <summary>The console's descriptor, the caller's from now on; -1 if there is none.</summary>
    public int TakeConsole() => Interlocked.Exchange(ref _console, -1);

    /// <summary>Closes what nobody took; a number that was taken is -1.</summary>
    public void Dispose()
    {
        Close(ref _console);
        foreach (ref int fd in Standard.AsSpan())
            Close(ref fd);
        foreach (ref int fd in Extra.AsSpan())
            Close(ref fd);
    }

    private static void Close(ref int fd)
    {
        if (fd >= 0)
            HostFile.Close(fd);
        fd = -1;
    }
}

/// <summary>One line of <c>ps</c>.</summary>
internal sealed class ProcessEntry
{
    public int Id { get; set; }
    public int ParentId { get; set; }
    public uint UserId { get; set; }

    /// <summary>CPU time used, nanoseconds.</summary>
    public long CpuTime { get; set; }

    /// <summary>Wall clock, seconds since the epoch.</summary>
    public long StartTime { get; set; }
    public string Terminal { get; set; } = "?";
    public string Command { get; set; } = string.Empty;
}

/// <summary>Use of resources by a container.</summary>
internal sealed class ContainerStatistics
{
    /// <summary>CPU time, nanoseconds.</summary>
    public long UserTime { get; set; }
    public long SystemTime { get; set; }
    public long MemoryBytes { get; set; }

    /// <summary>The part of it that is files in memory.</summary>
    public long CacheBytes { get; set; }

    /// <summary><see cref="long.MaxValue"/> without a limit.</summary>
    public long MemoryLimitBytes { get; set; }
    public long Tasks { get; set; }

    /// <summary><see cref="long.MaxValue"/> without a limit.</summary>
    public long TasksMax { get; set; }
    public long OutOfMemoryKills { get; set; }
}
