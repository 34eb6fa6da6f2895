using System.Text.Json.Nodes;
using Sandbox.Harness;
using Xunit;

namespace Sandbox.RuntimeTests;

/// <summary>Commands that come at the same time, that were killed half way, and that come after both.</summary>
public sealed class ConcurrencyTests : ContainerTests
{
    [Fact]
    public void Of_several_creates_of_one_id_one_succeeds()
    {
        string bundle = Busybox("sleep", "1000").Write().Folder, id = RunscState.NewId();
        List<HostProgram> creates = [];
        for (int i = 0; i < 6; i++)
            creates.Add(HostProgram.Start(Quietly(Runsc.Command("create", "--bundle", bundle, id))));
        int succeeded = 0;
        foreach (HostProgram create in creates)
        {
            succeeded += create.Wait(Minutes(2)).Status == 0 ? 1 : 0;
            create.Dispose();
        }

        Assert.Equal(1, succeeded);
        Assert.Equal("created", Status(id));
        Succeeds(Runsc.Run("start", id));
        Succeeds(Runsc.Run("delete", "--force", id));
    }

    [Fact]
    public void Commands_on_one_container_may_come_all_at_once()
    {
        string id = RunDetached(Busybox("sh", "-c", "while :; do sleep 0.1; done"));
        string[][] commands =
        [
            ["state", id], ["list"], ["ps", id], ["ps", "-f", "json", id], ["kill", id, "0"], ["kill", id, "CONT"],
            ["exec", id, "true"],
            ["events", "--stats", id], ["pause", id], ["resume", id],
        ];
        List<HostProgram> running = [];
        for (int round = 0; round < 3; round++)
        {
            foreach (string[] command in commands)
                running.Add(Runsc.Start(command));
        }

        AllAnswer(running, "paused", "running", "cannot exec");
        Runsc.Run("resume", id);
        Assert.Equal("running", Status(id));
        foreach (string[] command in (string[][])[
            .. commands, ["kill", id, "KILL"], ["delete", "--force", id], ["delete", "--force", id]])
            running.Add(Runsc.Start(command));
        AllAnswer(running, "paused", "running", "cannot exec", "does not exist", "container not running", "stopped",
            "exec");
        Succeeds(Runsc.Run("delete", "--force", id));
        Assert.Equal("", Succeeds(Runsc.Run("list", "--quiet")));
    }

    [Fact]
    public void What_a_killed_create_left_is_stopped_and_can_be_deleted()
    {
        string id = RunscState.NewId(), marker = Path.Combine(Runsc.Scratch, "hook-runs");
        Bundle bundle = Busybox("sleep", "1000");
        bundle.Config["hooks"] = new JsonObject
        {
            ["createRuntime"] = new JsonArray(new JsonObject
            {
                ["path"] = "/bin/sh",
                ["args"] = Bundle.Strings("sh", "-c", $"cat > {marker}.new; mv {marker}.new {marker}; exec sleep 1000"),
                ["env"] = Bundle.Strings("PATH=/usr/bin:/bin"),
            }),
        };
        using HostProgram create = HostProgram.Start(
            Quietly(Runsc.Command("create", "--bundle", bundle.Write().Folder, id)));
        WaitUntil("the hook runs", () => File.Exists(marker));
        Assert.Equal("creating", Status(id)); // A hook may ask, too: nobody waits for the lock.
        JsonNode given = JsonNode.Parse(File.ReadAllText(marker))!;
        Assert.Equal("creating", (string?)given["status"]);
        HostProgram.SignalProcess(create.Pid, 9);
        create.Wait(Minutes(1));
        Assert.Equal("stopped", Status(id));
        FailsNaming("already exists", Runsc.Run("create", "--bundle", bundle.Folder, id));
        FailsNaming("container not running", Runsc.Run("kill", id, "KILL"));
        Succeeds(Runsc.Run("delete", "--force", id));
        Assert.Null(Status(id));
        int monitor = (int)given["pid"]!;
        WaitUntil("its monitor is gone", () => !IsAlive(monitor));
        bundle.Config.Remove("hooks");
        Succeeds(HostProgram.Run(Quietly(Runsc.Command("create", "--bundle", bundle.Write().Folder, id)), Minutes(1)));
        Succeeds(Runsc.Run("delete", "--force", id));
    }

    [Fact]
    public void A_process_that_got_a_recycled_id_is_not_taken_for_the_containers()
    {
        string id = RunDetached(Busybox("sleep", "1000"));
        Succeeds(Runsc.Run("kill", id, "KILL"));
        WaitForStatus(id, "stopped");
        using HostProgram stranger = HostProgram.Start(["sleep", "1000"]);
        string file = Path.Combine(Runsc.Root, id, "state.json");
        JsonNode state = JsonNode.Parse(File.ReadAllText(file))!;
        foreach (string process in (ReadOnlySpan<string>)["monitor", "sentry", "gofer"])
            state[process]!["id"] = stranger.Pid;
        File.WriteAllText(file, state.ToJsonString());
        Assert.Equal("stopped", Status(id));
        FailsNaming("container not running", Runsc.Run("kill", id, "KILL"));
        Succeeds(Runsc.Run("delete", "--force", id));
        Assert.True(IsAlive(stranger.Pid));
    }

    [Fact]
    public void A_broken_state_is_no_container_and_goes_by_force()
    {
        string id = RunscState.NewId(), folder = Path.Combine(Runsc.Root, id);
        Directory.CreateDirectory(folder);
        FailsNaming("does not exist", Runsc.Run("state", id));
        File.WriteAllText(Path.Combine(folder, "lock"), "");
        File.WriteAllText(Path.Combine(folder, "state.json"), "{\"id\":");
        FailsNaming("does not exist", Runsc.Run("state", id));
        FailsNaming("does not exist", Runsc.Run("start", id));
        Assert.Equal("", Succeeds(Runsc.Run("list", "--quiet")));
        Succeeds(Runsc.Run("delete", "--force", id));
        Assert.False(Directory.Exists(folder));
    }

    [Fact]
    public void Nothing_is_left_of_thirty_containers()
    {
        const int cycles = 30;
        string group = $"sandbox-cycles-{Environment.ProcessId}";
        Bundle bundle = Busybox("sleep", "1000");
        bundle.Config["linux"]!["cgroupsPath"] = $"/{group}/c";
        bundle.Write();
        List<int> monitors = [];
        for (int cycle = 0; cycle < cycles; cycle++)
        {
            string id = RunscState.NewId(), pidFile = Path.Combine(Runsc.Scratch, "pid");
            Succeeds(HostProgram.Run(
                Quietly(Runsc.Command("create", "-b", bundle.Folder, "--pid-file", pidFile, id)), Minutes(1)));
            monitors.Add(int.Parse(File.ReadAllText(pidFile)));
            Succeeds(Runsc.Run("start", id));
            Succeeds(Runsc.Run("kill", id, "KILL"));
            WaitForStatus(id, "stopped");
            Succeeds(Runsc.Run("delete", id));
        }

        WaitUntil("all monitors are gone", () => !monitors.Exists(IsAlive));
        Assert.Empty(Directory.GetFileSystemEntries(Runsc.Root));
        Assert.DoesNotContain(Runsc.Scratch, File.ReadAllText("/proc/mounts"), StringComparison.Ordinal);
        Assert.DoesNotContain(Runsc.Scratch, File.ReadAllText("/proc/net/unix"), StringComparison.Ordinal);
        HostResult groups = HostProgram.Run(
            ["find", "/sys/fs/cgroup", "-path", $"*/{group}/*", "-type", "d"], Minutes(1));
        Assert.Equal("", groups.Output);
        HostProgram.Run(
            ["find", "/sys/fs/cgroup", "-name", group, "-type", "d", "-exec", "rmdir", "{}", "+"], Minutes(1));
    }

    /// <summary>With its output nowhere: what a container that runs on holds of it, nobody waits for.</summary>
    private static List<string> Quietly(List<string> command) =>
        ["sh", "-c", "exec \"$@\" </dev/null >/dev/null 2>&1", "sh", .. command];

    /// <summary>
    /// Every command ends, well or with one of the words, or as an exec that ended with its container.
    /// </summary>
    private static void AllAnswer(List<HostProgram> programs, params string[] words)
    {
        const int killed = 137;
        foreach (HostProgram program in programs)
        {
            HostResult result = program.Wait(Minutes(2));
            program.Dispose();
            bool isExpected = result.Status is 0 or killed
                || Array.Exists(words, word => result.Error.Contains(word, StringComparison.Ordinal));
            Assert.True(isExpected && !result.IsTimedOut, result.ToString());
        }

        programs.Clear();
    }

    private static bool IsAlive(int process)
    {
        try
        {
            return !File.ReadAllText($"/proc/{process}/stat").Contains(") Z", StringComparison.Ordinal);
        }
        catch (IOException)
        {
            return false;
        }
    }
}
