using Sandbox.Linux;
using Sandbox.Platform;

namespace Sandbox.Sentry.Control;

/// <summary>
/// Answers the operator's commands on a listening socket that the Sentry inherited. One thread per connection: commands
/// are few, and a wait may last as long as the container.
/// </summary>
internal sealed class ControlServer(HostFd listener, ISandboxControl control)
{
    private const int ConnectionsMax = 256, StackBytes = 256 << 10;
    private int _connections;
    private int _busy;

    /// <summary>Starts to accept.</summary>
    public void Start()
    {
        if (!HostThread.TryStart("control", StackBytes, Accept))
            throw new InvalidOperationException("the host has no room for the control thread");
    }

    /// <summary>
    /// Waits a moment for answers that are being written: the container's end must not cut off who waits for it, or who
    /// has just killed it.
    /// </summary>
    public void Drain()
    {
        const int attempts = 1000, pauseMilliseconds = 2; // A loaded machine may need them all.
        for (int attempt = 0; attempt < attempts && Volatile.Read(ref _busy) > 0; attempt++)
            Thread.Sleep(pauseMilliseconds);
    }

    private void Accept()
    {
        const int closeOnExec = 0x80000, pauseMilliseconds = 10;
        while (true)
        {
            long accepted = HostSyscall.CallRetrying(Sys.accept4, listener.Number, 0, 0, closeOnExec);
            if (HostSyscall.ErrorOf(accepted) is Errno.EBADF or Errno.EINVAL)
                return;
            if (accepted < 0)
            {
                Thread.Sleep(pauseMilliseconds); // Out of descriptors or memory: not a reason to spin.
                continue;
            }

            HostFd socket = new((int)accepted);
            if (Interlocked.Increment(ref _connections) > ConnectionsMax)
            {
                Interlocked.Decrement(ref _connections);
                socket.Dispose();
                continue;
            }

            if (!HostThread.TryStart("control", StackBytes, () => Serve(socket)))
                HostThread.Guard("control", () => ServeHere(socket));
        }
    }

    /// <summary>
    /// The host has no room for a thread: one request is answered here, so that a sandbox at that limit can still be
    /// ended. Who does not ask at once, or would wait, is sent away.
    /// </summary>
    private void ServeHere(HostFd socket)
    {
        const int limitMilliseconds = 1000;
        using ControlChannel channel = new(socket);
        List<int> fds = [];
        PollFd entry = new(socket.Number, PollEvents.In);
        if (!HostPoll.Wait(new Span<PollFd>(ref entry), limitMilliseconds).Failed(out int ready, out _) && ready > 0
            && !channel.Receive(ControlJson.Default.ControlRequest, fds).Failed(out ControlRequest? request, out _))
        {
            ControlReply reply = request.Method == ControlMethod.Wait
                ? new ControlReply { Error = ControlError.NoThread }
                : Answer(request, fds);
            _ = channel.Send(reply, ControlJson.Default.ControlReply);
        }

        CloseAll(fds);
        Interlocked.Decrement(ref _connections);
    }

    private void Serve(HostFd socket)
    {
        using ControlChannel channel = new(socket);
        List<int> fds = [];
        while (!channel.Receive(ControlJson.Default.ControlRequest, fds).Failed(out ControlRequest? request, out _))
        {
            Interlocked.Increment(ref _busy);
            ControlReply reply = Answer(request, fds);
            CloseAll(fds);
            Errno sent = channel.Send(reply, ControlJson.Default.ControlReply);
            Interlocked.Decrement(ref _busy);
            if (sent != Errno.Ok)
                break;
        }

        CloseAll(fds);
        Interlocked.Decrement(ref _connections);
    }

    private ControlReply Answer(ControlRequest request, List<int> fds)
    {
        switch (request.Method)
        {
            case ControlMethod.Create:
                return Create(request, fds);
            case ControlMethod.Start:
                return new ControlReply { Error = control.Start(request.Container) };
            case ControlMethod.Delete:
                return new ControlReply { Error = control.Delete(request.Container) };
            case ControlMethod.Execute:
                return Execute(request, fds);
            case ControlMethod.Signal:
                return new ControlReply
                {
                    Error = control.Signal(request.Container, request.Process, request.Signal, request.All),
                };
            case ControlMethod.Wait:
                return Wait(request);
            case ControlMethod.Processes:
                List<ProcessEntry> processes = [];
                return new ControlReply { Error = control.ListProcesses(request.Container, processes), Processes =
                    processes };
            case ControlMethod.Pause:
                return new ControlReply { Error = control.Pause(request.Container) };
            case ControlMethod.Resume:
                return new ControlReply { Error = control.Resume(request.Container) };
            case ControlMethod.Update:
                return new ControlReply { Error = control.Update(
                    request.Container, request.Limits ?? new LimitsDescription()) };
            case ControlMethod.Statistics:
                string? error = control.Statistics(request.Container, out ContainerStatistics statistics);
                return new ControlReply { Error = error, Statistics = statistics };
            case ControlMethod.Counters:
                return new ControlReply { Counters = control.ReadCounters() };
            case ControlMethod.Tasks:
                List<TaskEntry> tasks = [];
                return new ControlReply
                {
                    Error = control.ListTasks(request.Container, request.WithStacks, tasks), Tasks = tasks,
                    Platform = control.PlatformDescription,
                };
            default:
                return new ControlReply { Error = $"the sandbox knows no request \"{request.Method}\"" };
        }
    }

    private ControlReply Wait(ControlRequest request)
    {
        using ManualResetEventSlim ended = new();
        int status = 0;
        string? error = control.OnExit(request.Container, request.Process, exitStatus =>
        {
            status = exitStatus;
            ended.Set();
        });
        if (error is null)
            ended.Wait();
        return new ControlReply { Error = error, Status = status };
    }

    private ControlReply Execute(ControlRequest request, List<int> fds)
    {
        if (request.Execute is not { } process || TakeDescriptors(process, fds) is not { } taken)
            return new ControlReply { Error = "exec: the request's descriptors do not fit" };
        string? error = control.Execute(request.Container, process, taken.Descriptors, out int number);
        if (error is null)
            error = MonitorLink.Attach(control, request.Container, number, process.HasTerminal, taken.Monitor);
        else
            taken.Monitor.Dispose();
        return new ControlReply { Error = error, Process = number };
    }

    private ControlReply Create(ControlRequest request, List<int> fds)
    {
        if (request.Create is not { } container || TakeDescriptors(container.Process, fds) is not { } taken)
            return new ControlReply { Error = "create: the request's descriptors do not fit" };
        int gofers = Math.Max(0, fds.Count - container.CgroupFiles.Length);
        int[] gofer = [.. fds.GetRange(0, gofers)], files = [.. fds.GetRange(gofers, fds.Count - gofers)];
        fds.Clear();
        HostCgroup? cgroup = files.Length > 0 ? new HostCgroup(container.CgroupFiles, files) : null;
        string? error = control.Create(container, new ContainerDescriptors(taken.Descriptors, gofer, cgroup));
        if (error is null)
            error = MonitorLink.Attach(control, container.Id, 0, container.Process.HasTerminal, taken.Monitor);
        else
            taken.Monitor.Dispose();
        return new ControlReply { Error = error };
    }

    /// <summary>
    /// Takes monitor, console or standard descriptors, and extra ones off the list; null if there are too few.
    /// </summary>
    private static (HostFd Monitor, ProcessDescriptors Descriptors)? TakeDescriptors(
        ProcessDescription process, List<int> fds)
    {
        const int standard = 3;
        int terminal = process.HasTerminal ? 1 : standard;
        if (process.ExtraDescriptors < 0 || fds.Count < 1 + terminal + process.ExtraDescriptors)
            return null;
        HostFd monitor = new(fds[0]);
        int[] first = [.. fds.GetRange(1, terminal)];
        int[] extra = [.. fds.GetRange(1 + terminal, process.ExtraDescriptors)];
        fds.RemoveRange(0, 1 + terminal + extra.Length);
        return (monitor, new ProcessDescriptors(
            process.HasTerminal ? [] : first, process.HasTerminal ? first[0] : -1, extra));
    }

    private static void CloseAll(List<int> fds)
    {
        foreach (int fd in fds)
            HostFile.Close(fd);
        fds.Clear();
    }
}
