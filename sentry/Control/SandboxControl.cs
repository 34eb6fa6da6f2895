using Sandbox.Linux;
using Sandbox.Sentry.Filesystems.Gofer;
using Sandbox.Sentry.Kernel.Containers;
using Sandbox.Sentry.Kernel.Namespaces;
using Sandbox.Sentry.Kernel.Processes;
using Sandbox.Sentry.Kernel.Seccomp;
using Sandbox.Sentry.Kernel.Signals;
using Sandbox.Sentry.Kernel.Tasks;
using Sandbox.Sentry.Loader;
using Sandbox.Sentry.Security;
using Sandbox.Sentry.Vfs;

namespace Sandbox.Sentry.Control;

/// <summary>
/// Carries out the operator's commands on a kernel: containers and the processes started in them from outside.
/// </summary>
internal sealed class SandboxControl : ISandboxControl
{
    private readonly Kernel.Kernel _kernel;
    // Guarded by itself, as are the records in it.
    private readonly Dictionary<string, ContainerRecord> _containers = [];

    public SandboxControl(Kernel.Kernel kernel)
    {
        _kernel = kernel;
        kernel.ProcessExited = OnProcessExited;
    }

    /// <summary>What stands behind the network namespace of the sandbox's own container.</summary>
    public HostNetwork HostNetwork { get; init; }

    public string PlatformDescription => _kernel.Platform.Description;

    public string? Create(ContainerDescription container, ContainerDescriptors descriptors)
    {
        using ProcessDescriptors process = descriptors.Process;
        GoferSession gofer = new(
            new GoferClient(Array.ConvertAll(descriptors.GoferSockets, static fd => new HostFd(fd))));
        string? error = Make(container, descriptors, gofer);
        if (error is null)
            return null;
        gofer.Dispose();
        descriptors.Cgroup?.Dispose();
        return error;
    }

    public string? Delete(string container)
    {
        const int limitMilliseconds = 10_000, pauseMilliseconds = 1;
        ContainerRecord? record;
        lock (_containers)
        {
            if (!_containers.TryGetValue(container, out record))
                return ControlError.NoContainer;
        }

        using ManualResetEventSlim ended = new();
        record.Init.WhenExited(_ => ended.Set());
        Kill(container, 0);
        if (!ended.Wait(limitMilliseconds))
            return "the container's process does not end";
        // Its other processes were killed with the first, or are killed now: none of them may outlive this.
        bool hasEnded = ContainerEnd.IsOver(_kernel, record.Container);
        for (int waited = 0; !hasEnded && waited < limitMilliseconds; waited += pauseMilliseconds)
        {
            ContainerEnd.Kill(_kernel, record.Container, isOverdue: waited >= limitMilliseconds / 2);
            Thread.Sleep(pauseMilliseconds);
            hasEnded = ContainerEnd.IsOver(_kernel, record.Container);
        }

        if (!hasEnded)
            return "processes of the container do not end";
        lock (_containers)
            _containers.Remove(container);
        record.Gofer.Dispose();
        record.Container.Cgroup?.Dispose();
        return null;
    }

    public string? Start(string container)
    {
        ProcessRecord init;
        lock (_containers)
        {
            if (!_containers.TryGetValue(container, out ContainerRecord? record))
                return ControlError.NoContainer;
            if (record.IsStarted)
                return "cannot start a container that has run already";
            if (record.Init.Status is not null)
                return "container not running";
            record.IsStarted = true;
            init = record.Init;
        }

        init.Group.Leader.Thread.Start();
        return null;
    }

    public string? Execute(string container, ProcessDescription process, ProcessDescriptors descriptors, out int number)
    {
        number = 0;
        using ProcessDescriptors owned = descriptors;
        ContainerRecord? record;
        lock (_containers)
        {
            if (!_containers.TryGetValue(container, out record))
                return ControlError.NoContainer;
            if (record.IsStarted == process.IsHook || record.Init.Status is not null)
                return "container not running";
        }

        record.Gofer.OnOutsideCommand();
        ProcessRecord? started = StartProcess(record, process, descriptors, out string? error);
        if (started is null)
            return error;
        lock (_containers)
        {
            number = record.NextNumber++;
            record.Processes[number] = started;
        }

        started.Group.Leader.Thread.Start();
        return null;
    }

    public string? Signal(string container, int process, int signal, bool all)
    {
        if (signal is < 0 or > (int)Linux.Signal.Last)
            return $"unknown signal {signal}";
        lock (_containers)
        {
            if (!_containers.TryGetValue(container, out ContainerRecord? record))
                return ControlError.NoContainer;
            if (!record.Processes.TryGetValue(process, out ProcessRecord? target))
                return "no such process";
            if (all && record.IsStarted)
            {
                SignalAll(record.Container, signal);
                return null;
            }

            if (target.Status is not null)
                return process == 0 ? "container not running" : "process already finished";
            if (signal == 0)
                return null;
            if (!record.IsStarted && process == 0)
                return SignalCreated(record, (Signal)signal);
            SendTo(target.Group, (Signal)signal);
            return null;
        }
    }

    public void Kill(string container, int process)
    {
        ProcessRecord? target;
        lock (_containers)
        {
            if (!_containers.TryGetValue(container, out ContainerRecord? record)
                || !record.Processes.TryGetValue(process, out target) || target.Status is not null)
                return;
            if (process == 0 && !record.IsStarted)
            {
                _ = SignalCreated(record, Linux.Signal.Kill);
                return;
            }
        }

        SendTo(target.Group, Linux.Signal.Kill);
    }

    public void WindowChanged(string container, int process)
    {
        lock (_containers)
        {
            if (_containers.TryGetValue(container, out ContainerRecord? record)
                && record.Processes.TryGetValue(process, out ProcessRecord? target))
            {
                target.Console?.WindowSizeChanged();
            }
        }
    }

    public string? OnExit(string container, int process, Action<int> exited)
    {
        ContainerRecord? record;
        ProcessRecord? target;
        lock (_containers)
        {
            if (!_containers.TryGetValue(container, out record)
                || !record.Processes.TryGetValue(process, out target))
                return "no such process";
        }

        target.WhenExited(status =>
        {
            exited(status);
            lock (_containers)
            {
                if (process != 0)
                    // An exec is over, and known to be: health checks must not add up.
                    record.Processes.Remove(process);
            }
        });
        return null;
    }

    public void Forget(string container, int process)
    {
        lock (_containers)
        {
            if (process == 0 || !_containers.TryGetValue(container, out ContainerRecord? record)
                || !record.Processes.TryGetValue(process, out ProcessRecord? target))
                return;
            target.IsForgotten = true;
            if (target.Status is not null)
                record.Processes.Remove(process);
        }
    }

    public string? ListProcesses(string container, List<ProcessEntry> processes)
    {
        Container? target = FindContainer(container);
        if (target is null)
            return ControlError.NoContainer;
        ProcessListing.Add(_kernel, target, processes);
        return null;
    }

    public string? Pause(string container)
    {
        const int attempts = 10_000, pauseMilliseconds = 1, overdue = attempts / 2;
        Container? target = FindContainer(container);
        if (target is null)
            return ControlError.NoContainer;
        if (!ContainerPause.Begin(_kernel, target))
            return "container is already paused";
        for (int attempt = 0; attempt < attempts; attempt++)
        {
            if (ContainerPause.IsComplete(_kernel, target))
                return null;
            if (attempt == overdue)
                ContainerPause.KillThoseThatRun(_kernel, target);
            Thread.Sleep(pauseMilliseconds);
        }

        ContainerPause.End(_kernel, target);
        return "a task of the container does not stop";
    }

    public string? Resume(string container)
    {
        Container? target = FindContainer(container);
        if (target is null)
            return ControlError.NoContainer;
        return ContainerPause.End(_kernel, target) ? null : "container is not paused";
    }

    public string? Update(string container, LimitsDescription limits)
    {
        Container? target = FindContainer(container);
        if (target is null)
            return ControlError.NoContainer;
        lock (target)
            target.Limits = limits.ToKernel(target.Limits);
        target.Memory.Changed?.Invoke();
        return null;
    }

    public string? Statistics(string container, out ContainerStatistics statistics)
    {
        statistics = new ContainerStatistics();
        Container? target = FindContainer(container);
        if (target is null)
            return ControlError.NoContainer;
        using (_kernel.Tree.Enter())
            statistics.Tasks = target.TaskCount;
        (statistics.UserTime, statistics.SystemTime) = ContainerProcesses.TimeOf(_kernel, target);
        ContainerMemory memory = ContainerMemory.Measure(_kernel, target);
        statistics.MemoryBytes = memory.Used;
        statistics.CacheBytes = memory.Files;
        statistics.MemoryLimitBytes = target.Limits.Memory;
        statistics.TasksMax = target.Limits.Tasks;
        statistics.OutOfMemoryKills = MemoryLimiter.OutOfMemoryKills(target);
        return null;
    }

    public CounterReport ReadCounters() => SandboxGauges.Report(_kernel);

    public string? ListTasks(string container, bool withStacks, List<TaskEntry> tasks)
    {
        Container? target = FindContainer(container);
        if (target is null)
            return ControlError.NoContainer;
        TaskListing.List(_kernel, target, withStacks, tasks);
        return null;
    }

    private string? Make(ContainerDescription container, ContainerDescriptors descriptors, GoferSession gofer)
    {
        Container made = new(container.Id)
        {
            Cgroup = descriptors.Cgroup,
            Sysctls = ProcessAttributes.SysctlsOf(container),
            Limits = container.Limits.ToKernel(ContainerLimits.None),
        };
        bool isFirst;
        lock (_containers)
            isFirst = _containers.Count == 0;
        HostNetwork network = isFirst ? HostNetwork : HostNetwork.Never;
        made.Namespaces = new ContainerNamespaces(_kernel, network, FindContainer).Make(
            container, made, out string? error);
        if (made.Namespaces is null)
            return error;
        made.Fs = ContainerMounts.Build(_kernel, container, gofer, made.Namespaces, made, out error);
        if (made.Fs is null)
            return error;
        MemoryLimiter.Watch(_kernel, made);
        if (ProcessAttributes.SeccompOf(container).Failed(out SeccompState? seccomp, out Errno invalid))
        {
            made.LeaveMounts();
            return $"linux.seccomp: {ErrnoText.Of(invalid)}";
        }

        ContainerRecord record = new(made) { Gofer = gofer, Seccomp = seccomp };
        ProcessRecord? init = StartProcess(record, container.Process, descriptors.Process, out error);
        if (init is null)
        {
            made.LeaveMounts();
            return error;
        }

        record.Processes[0] = init;
        lock (_containers)
        {
            if (!_containers.TryAdd(container.Id, record))
                error = "container already exists";
        }

        return error;
    }

    private ProcessRecord? StartProcess(
        ContainerRecord record, ProcessDescription process, ProcessDescriptors descriptors, out string? error)
    {
        Container container = record.Container;
        Credentials credentials = ProcessAttributes.CredentialsOf(process);
        error = "container not running";
        if (container.Fs is not { } places || !places.TryClone(out FsContext? fs))
            return null;
        fs.Umask = process.Umask ?? 0x12;
        error = WorkingDirectory.Enter(fs, credentials, process.Cwd, createMissing: container.Init is null);
        if (error is not null)
        {
            fs.Release();
            return null;
        }

        ProcessFiles files = ProcessFiles.Open(_kernel, container.Memory, fs, credentials, descriptors);
        ProcessRequest request = new()
        {
            Container = container,
            Program = process.Program is { } program ? System.Text.Encoding.UTF8.GetBytes(program) : null,
            Arguments = ProcessAttributes.Bytes(process.Args),
            Environment = ProcessAttributes.Bytes(HomeVariable.AddTo(process.Env, fs, credentials)),
            Credentials = credentials,
            Limits = ProcessAttributes.LimitsOf(process),
            Namespaces = container.Namespaces!,
            Fs = fs,
            Files = files.Table,
            Terminal = files.Terminal,
            OomScoreAdjustment = process.OomScoreAdjust,
            Seccomp = record.Seccomp,
            Scheduling = ProcessAttributes.SchedulingOf(process),
        };
        if (ProcessStarter.Create(_kernel, request, ExecutableOpener.Instance).Failed(
            out ThreadGroup? group, out Errno failed))
        {
            files.Table.RemoveUser();
            fs.Release();
            error = DescribeExec(process.Program ?? process.Args[0], failed);
            return null;
        }

        return new ProcessRecord(group) { Console = files.Console };
    }

    // The words callers look for (runc's).
    private static string DescribeExec(string program, Errno error) =>
        error == Errno.ENOENT && !program.Contains('/')
            ? $"exec: \"{program}\": executable file not found in $PATH"
            : $"exec: \"{program}\": {ErrnoText.Of(error)}";

    private void OnProcessExited(ThreadGroup group, int status)
    {
        ProcessRecord? record = null;
        lock (_containers)
        {
            foreach (ContainerRecord container in _containers.Values)
            {
                foreach ((int number, ProcessRecord process) in container.Processes)
                {
                    if (process.Group != group)
                        continue;
                    record = process;
                    if (process.IsForgotten)
                        container.Processes.Remove(number);
                    break;
                }
            }
        }

        record?.SetExited(status);
    }

    // In `created` there is no program yet to handle the signal: what would end it ends it.
    private string? SignalCreated(ContainerRecord record, Signal signal)
    {
        if (signal is Linux.Signal.Child or Linux.Signal.Urgent or Linux.Signal.WindowChange or Linux.Signal.Continue)
            return null;
        record.IsStarted = true;
        ThreadGroup group = record.Init.Group;
        using (_kernel.Tree.Enter())
            TaskExit.BeginGroupExit(group, (int)signal);
        TaskExit.Run(group.Leader);
        return null;
    }

    private void SendTo(ThreadGroup group, Signal signal)
    {
        using (_kernel.Tree.Enter())
            SignalSender.SendToGroup(group, SignalInfo.FromKernel(signal));
    }

    private void SignalAll(Container container, int signal)
    {
        if (signal == 0)
            return;
        using (_kernel.Tree.Enter())
        {
            foreach (ThreadGroup group in ContainerProcesses.Of(_kernel, container))
                SignalSender.SendToGroup(group, SignalInfo.FromKernel((Signal)signal));
        }
    }

    private Container? FindContainer(string id)
    {
        lock (_containers)
            return _containers.TryGetValue(id, out ContainerRecord? record) ? record.Container : null;
    }
}
