using Sandbox.Linux;
using Sandbox.Runsc.Cgroups;
using Sandbox.Runsc.CommandLine;
using Sandbox.Runsc.Spec;
using Sandbox.Runsc.State;
using Sandbox.Sentry.Control;

namespace Sandbox.Runsc.Launch;

/// <summary>One process of exec, with its monitor.</summary>
internal sealed class Execution(
    StateDirectory states, ContainerState state, ProcessSpec process, ConsolePair? console,
    int preserveFds) : IDisposable
{
    private const int FailedExitCode = 255;
    private MonitorProcess? _monitor;

    public int MonitorId => _monitor!.ProcessId;

    /// <summary>The monitor's pidfd.</summary>
    public HostFd Monitor => _monitor!.PidFd;

    /// <summary>Starts it; what fails leaves nothing.</summary>
    public void Start()
    {
        const OpenFlags flags = OpenFlags.ReadWrite | OpenFlags.CloseOnExec;
        if (HostFile.OpenAt(HostFile.CurrentDirectory, "/dev/null"u8, flags).Failed(out int nullFd, out Errno error))
            throw new Failure($"open /dev/null: {error}");
        using HostFd nullFile = new(nullFd);
        if (HostSocket.CreatePair(SocketType.SequencedPacket).Failed(
            out (HostFd Monitor, HostFd Sentry) pair, out error))
            throw new Failure($"socketpair: {error}");
        using HostFd monitorEnd = pair.Monitor, sentryEnd = pair.Sentry;
        _monitor = MonitorProcess.ForExecution(process.Args!, monitorEnd, nullFile, console?.Slave ?? -1);
        _monitor.Start();
        CgroupSet.Join(state.Cgroups, _monitor.ProcessId);
        Ask(sentryEnd);
        ContainerDirectory.RecordExecution(states.PathOf(state.Id), ProcessIdentity.Of(_monitor.ProcessId));
        _monitor.Release();
        _monitor.Finish();
    }

    public void Dispose()
    {
        _monitor?.PidFd?.Dispose();
        _monitor?.Dispose();
    }

    private void Ask(HostFd sentryEnd)
    {
        const int standardFds = 3;
        ProcessDescription description = DescriptionBuilder.Build(process);
        description.ExtraDescriptors = preserveFds;
        List<int> fds = [sentryEnd.Number];
        fds.AddRange(console is null ? [0, 1, 2] : [console.Slave]);
        for (int index = 0; index < preserveFds; index++)
            fds.Add(standardFds + index);
        try
        {
            using ControlClient client = ContainerLife.Connect(states, state);
            client.Ask(
                new ControlRequest { Method = ControlMethod.Execute, Container = state.Id, Execute = description },
                fds.ToArray());
        }
        catch (Failure failure)
        {
            throw new Failure(failure.Message, FailedExitCode);
        }
    }
}
