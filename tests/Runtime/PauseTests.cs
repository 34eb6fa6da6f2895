using Sandbox.Harness;
using Xunit;

namespace Sandbox.RuntimeTests;

/// <summary>pause and resume: the container stands still, and can be killed and deleted meanwhile.</summary>
public sealed class PauseTests : ContainerTests
{
    [Fact]
    public void A_paused_container_stands_still_until_it_is_resumed()
    {
        string id = StartCounting("while :; do echo x >> /out/n; done");
        Succeeds(Runsc.Run("pause", id));
        Assert.Equal("paused", Status(id));
        long length = Counted;
        Thread.Sleep(300); // Long enough to see a container that runs on; a paused one passes however long it is.
        Assert.Equal(length, Counted);
        FailsNaming("paused", Runsc.Run("pause", id));
        FailsNaming("paused", Runsc.Run("exec", id, "true"));
        Succeeds(Runsc.Run("resume", id));
        Assert.Equal("running", Status(id));
        WaitUntil("the resumed container goes on", () => Counted > length);
        FailsNaming("running", Runsc.Run("resume", id));
        Succeeds(Runsc.Run("exec", id, "true"));
        Succeeds(Runsc.Run("delete", "--force", id));
    }

    [Fact]
    public void Threads_that_compute_sleep_or_fork_are_all_paused()
    {
        string id = StartCounting(
            "(while :; do :; done) & sleep 1000 & while :; do (echo x >> /out/n) & wait $!; done");
        for (int round = 0; round < 5; round++)
        {
            Succeeds(Runsc.Run("pause", id));
            long length = Counted;
            Thread.Sleep(100);
            Assert.Equal(length, Counted);
            Succeeds(Runsc.Run("resume", id));
            WaitUntil("the resumed container goes on", () => Counted > length);
        }

        Assert.Contains("sleep 1000", Succeeds(Runsc.Run("exec", id, "ps"))); // The sleep was not cut short.
        Succeeds(Runsc.Run("delete", "--force", id));
    }

    [Fact]
    public void A_paused_container_can_be_killed_and_deleted()
    {
        string id = StartCounting("while :; do echo x >> /out/n; done");
        Succeeds(Runsc.Run("pause", id));
        Succeeds(Runsc.Run("kill", id, "KILL"));
        WaitForStatus(id, "stopped");
        Succeeds(Runsc.Run("delete", id));

        id = StartCounting("while :; do echo x >> /out/n; done");
        Succeeds(Runsc.Run("pause", id));
        Succeeds(Runsc.Run("delete", "--force", id));
        Assert.Null(Status(id));
    }

    [Fact]
    public void A_signal_waits_for_the_resume()
    {
        string id = StartCounting("trap 'echo end > /out/end; exit 0' TERM; while :; do echo x >> /out/n; done");
        Succeeds(Runsc.Run("pause", id));
        Succeeds(Runsc.Run("kill", id, "TERM"));
        Assert.Equal("paused", Status(id));
        Assert.False(File.Exists(Path.Combine(Output, "end")));
        Succeeds(Runsc.Run("resume", id));
        WaitForStatus(id, "stopped");
        Assert.Equal("end\n", File.ReadAllText(Path.Combine(Output, "end")));
        Succeeds(Runsc.Run("delete", id));
    }

    private string Output => Path.Combine(Runsc.Scratch, "out");

    private long Counted => File.Exists(Path.Combine(Output, "n")) ? new FileInfo(Path.Combine(Output, "n")).Length : 0;

    private string StartCounting(string script)
    {
        Directory.CreateDirectory(Output);
        File.Delete(Path.Combine(Output, "n"));
        Bundle bundle = Busybox("sh", "-c", script);
        bundle.Mounts.Add(Bundle.Mount("/out", "bind", Output, "rbind", "rw"));
        string id = RunDetached(bundle);
        WaitUntil("the container has written something", () => Counted > 0);
        return id;
    }
}
