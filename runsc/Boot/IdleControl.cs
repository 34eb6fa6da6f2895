using Sandbox.Sentry.Control;

namespace Sandbox.Runsc.Boot;

/// <summary>Stands in for the kernel: containers that only wait for signals.</summary>
internal sealed class IdleControl : ISandboxControl
{
    private readonly Lock _lock = new();
    private readonly Dictionary<(string, int), (int? Status, List<Action<int>> Watchers)> _processes = [];
    private int _last;

    public string? Create(ContainerDescription container, ContainerDescriptors descriptors)
    {
        _processes[(container.Id, 0)] = (null, []);
        if (container.Process.Args[0] == "missing")
            return "exec: \"missing\": executable file not found in $PATH";
        return null;
    }

    public string? Start(string container)
    {
        Sandbox.Linux.HostFile.Write(1, "started\n"u8);
        return null;
    }

    public string? Execute(string container, ProcessDescription process, ProcessDescriptors descriptors, out int number)
    {
        number = ++_last;
        _processes[(container, number)] = (null, []);
        foreach (int fd in descriptors.Standard)
            Sandbox.Linux.HostFile.Write(fd, "exec\n"u8);
        return null;
    }

    public string? Signal(string container, int process, int signal, bool all)
    {
        if (signal != 0)
            End(container, process, signal);
        return null;
    }

    public void Kill(string container, int process) => End(container, process, 9);

    public void WindowChanged(string container, int process)
    {
    }

    public string? OnExit(string container, int process, Action<int> exited)
    {
        int status;
        lock (_lock)
        {
            if (!_processes.TryGetValue((container, process), out var entry))
                return "no such process";
            if (entry.Status is null)
            {
                entry.Watchers.Add(exited);
                return null;
            }

            status = entry.Status.Value;
        }

        exited(status);
        return null;
    }

    public string? ListProcesses(string container, List<ProcessEntry> processes)
    {
        processes.Add(new ProcessEntry { Id = 1, Command = "idle" });
        return null;
    }

    public string? Pause(string container) => null;

    public string? Resume(string container) => null;

    public string? Statistics(string container, out ContainerStatistics statistics)
    {
        statistics = new();
        return null;
    }

    private void End(string container, int process, int status)
    {
        List<Action<int>> watchers;
        lock (_lock)
        {
            if (!_processes.TryGetValue((container, process), out var entry) || entry.Status is not null)
                return;
            watchers = entry.Watchers;
            _processes[(container, process)] = (status, []);
        }

        foreach (Action<int> watcher in watchers)
            watcher(status);
    }
}
