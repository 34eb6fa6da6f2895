using System.Diagnostics;
using Sandbox.Harness;
using Xunit;

namespace Sandbox.RuntimeTests.Containerd;

/// <summary>Containers and pods outlive the daemon, which finds them again: on an update, or after a crash.</summary>
public sealed class RestartTests
{
    private const int Terminate = 15, Kill = 9;

    [Theory]
    [InlineData(Terminate)]
    [InlineData(Kill)]
    public void A_task_runs_on_while_containerd_is_restarted(int signal)
    {
        using ContainerdDaemon daemon = new();
        daemon.Import(ContainerImage.Busybox);
        string stays = Start(daemon, "sleep 1000"), ends = Start(
            daemon, "until [ -e /end ]; do sleep 0.05; done; exit 7");
        daemon.Restart(signal);
        Assert.Contains("RUNNING", Line(daemon, stays));
        Assert.Equal("in\n", Succeeds(daemon.Ctr("task", "exec", "--exec-id", "e1", stays, "echo", "in")));
        Succeeds(daemon.Ctr("task", "exec", "--exec-id", "e2", ends, "touch", "/end"));
        for (Stopwatch clock = Stopwatch.StartNew(); !Line(daemon, ends).Contains("STOPPED"); Thread.Sleep(20))
            Assert.True(clock.Elapsed < TimeSpan.FromMinutes(1), Line(daemon, ends));
        Assert.Contains("exit code 7", daemon.Ctr("task", "rm", ends).Error);
        Succeeds(daemon.Ctr("task", "kill", "--signal", "SIGKILL", stays));
    }

    [Fact]
    public void A_pod_runs_on_while_containerd_is_restarted()
    {
        using CriFixture fixture = new();
        using Pod pod = new(fixture.Cri, fixture.Daemon.Folder["logs"]);
        string container = pod.Run(
            "one", "sh", "-c", "echo before; until [ -e /go ]; do sleep 0.05; done; echo after; exit 3");
        pod.WaitForLog("one", "before");
        fixture.Daemon.Restart(Kill);
        pod.WaitUntilReachable();
        Assert.True(pod.IsReady);
        pod.ExecOutput(container, "touch", "/go");
        Assert.Equal(3, pod.WaitForEnd(container).ExitCode);
        Assert.Equal("before\nafter\n", pod.Log("one"));
        pod.StopAll();
        pod.RemoveAll();
    }

    private static string Start(ContainerdDaemon daemon, string script)
    {
        string id = ContainerdDaemon.NewId();
        Succeeds(daemon.Ctr(
            ["run", "--detach", .. ContainerdDaemon.RunFlags, "localhost/busybox:latest", id, "sh", "-c", script]));
        return id;
    }

    private static string Line(ContainerdDaemon daemon, string id)
    {
        foreach (string line in Succeeds(daemon.Ctr("task", "ls")).Split('\n'))
        {
            if (line.StartsWith(id + " ", StringComparison.Ordinal))
                return line;
        }

        return "(no task)";
    }

    private static string Succeeds(HostResult result)
    {
        if (result.Status != 0 || result.IsTimedOut)
            Assert.Fail(result.ToString());
        return result.Output;
    }
}
