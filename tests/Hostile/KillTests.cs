using System.Diagnostics;
using System.Text.Json.Nodes;
using Sandbox.Harness;
using Xunit;

namespace Sandbox.HostileTests;

/// <summary>
/// What the operator asks for happens whatever the guest does: kill, pause, delete; and a refused exec leaves nothing.
/// </summary>
public sealed class KillTests
{
    private static readonly TimeSpan _limit = TimeSpan.FromMinutes(2);

    /// <summary>A container whose first process keeps the platform's signals blocked.</summary>
    [Theory]
    [InlineData("kill")]
    [InlineData("monitor")]
    [InlineData("delete")]
    public void A_deaf_container_ends(string way)
    {
        using Victim victim = new(SandboxVariant.All[0], "deaf", BeDeaf, "--overlay2=root:memory");
        List<int> processes = victim.Processes();
        Assert.NotEmpty(processes);
        switch (way)
        {
            case "kill":
                Assert.Equal(0, victim.Runsc.Run(_limit, "kill", victim.Id, "KILL").Status);
                break;
            case "monitor":
                using (Process monitor = Process.GetProcessById(victim.Monitor))
                    monitor.Kill();
                break;
            default:
                Assert.Equal(0, victim.Runsc.Run(_limit, "delete", "--force", victim.Id).Status);
                break;
        }

        Assert.True(Victim.AwaitEnd(processes), $"after {way} there still is {string.Join(' ', processes)}");
    }

    /// <summary>A pause either holds it or ends it.</summary>
    [Fact]
    public void A_deaf_container_does_not_run_through_a_pause()
    {
        using Victim victim = new(SandboxVariant.All[0], "deaf", BeDeaf, "--overlay2=root:memory");
        List<int> processes = victim.Processes();
        _ = victim.Runsc.Run(_limit, "pause", victim.Id);
        Assert.True(Victim.AwaitEnd(processes, atMostRunning: true), "it runs on in the paused container");
    }

    /// <summary>
    /// Descriptors that came with an exec that was refused are closed: those who read from it see the end.
    /// </summary>
    [Fact]
    public void A_refused_exec_leaves_no_descriptor_behind()
    {
        using Victim victim = new(SandboxVariant.All[0], "deaf", null, "--overlay2=root:memory");
        Refuse(); // What is made once is made.
        int before = victim.CountDescriptors();
        for (int attempt = 0; attempt < 5; attempt++)
            Refuse();
        Assert.InRange(victim.CountDescriptors(), 0, before + 1);

        void Refuse()
        {
            HostResult refused = victim.Runsc.Run(
                _limit, "exec", "--cwd", "/bin/busybox", victim.Id, "/program", "idle");
            Assert.False(refused.IsTimedOut || refused.Status == 0, refused.ToString());
        }
    }

    private static void BeDeaf(Bundle bundle) => bundle.Config["process"]!["args"] = new JsonArray("/program", "idle");
}
