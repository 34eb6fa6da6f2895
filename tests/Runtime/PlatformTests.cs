using System.Text.Json;
using Sandbox.Harness;
using Xunit;

namespace Sandbox.RuntimeTests;

/// <summary>What runs guest code: chosen by a flag or by what the host offers, and told to whoever asks.</summary>
public sealed class PlatformTests : ContainerTests
{
    private string LogFile => Path.Combine(Runsc.Scratch, "debug.log");

    [Theory]
    [InlineData("auto", "platform notify")]
    [InlineData("systrap", "platform notify")]
    [InlineData("notify", "platform notify")]
    [InlineData("ptrace", "platform ptrace")]
    public void The_log_of_a_run_says_what_runs_its_guests(string asked, string told)
    {
        Runsc.GlobalFlags.Add($"--platform={asked}");
        Runsc.GlobalFlags.Add($"--debug-log={LogFile}");
        Assert.Equal("up\n", Sh("echo up"));
        Assert.Contains(told, File.ReadAllText(LogFile), StringComparison.Ordinal);
    }

    [Fact]
    public void The_log_of_a_run_says_why_no_call_is_shortened()
    {
        Runsc.GlobalFlags.Add("--fast-path=false");
        Runsc.GlobalFlags.Add($"--debug-log={LogFile}");
        Sh("true");
        Assert.Contains("it is switched off", File.ReadAllText(LogFile), StringComparison.Ordinal);
    }

    [Fact]
    public void Features_name_the_platforms_and_the_one_that_is_taken_here()
    {
        using JsonDocument features = JsonDocument.Parse(Succeeds(Runsc.Run("features")));
        JsonElement annotations = features.RootElement.GetProperty("annotations");
        Assert.Equal("notify,ptrace", annotations.GetProperty("runsc.platforms").GetString());
        Assert.Equal("notify", annotations.GetProperty("runsc.platform").GetString());
        Assert.NotEmpty(annotations.GetProperty("runsc.shortcuts").GetString()!);
    }

    [Fact]
    public void Where_an_outer_filter_has_the_listener_guests_are_traced()
    {
        Runsc.GlobalFlags.Add($"--debug-log={LogFile}");
        Assert.Equal("up\n", Succeeds(RunRefusing("listener")));
        string log = File.ReadAllText(LogFile);
        Assert.Contains("not the notify platform: a seccomp filter that this process runs under", log);
        Assert.Contains("platform ptrace", log, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("listener", "notify", "refuses a listener (EBUSY), which the notify platform needs")]
    [InlineData("ptrace", "ptrace", "ptrace is not permitted here: EPERM, from a seccomp filter or a security module")]
    [InlineData("listener ptrace", "auto", "no platform works here")]
    public void A_platform_that_the_host_refuses_is_named_with_the_reason(string refused, string asked, string told)
    {
        Runsc.GlobalFlags.Add($"--platform={asked}");
        FailsNaming(told, RunRefusing(refused));
    }

    /// <summary>Runs a container from within something that refuses what our platforms are made of.</summary>
    private HostResult RunRefusing(string what)
    {
        string refusing = CProgram.Compile(Path.Combine(Checkout.Root, "tests", "Runtime", "Programs"), "refusing");
        string bundle = Busybox("echo", "up").Write().Folder;
        return HostProgram.Run(
            [refusing, .. what.Split(' '), "--", .. Runsc.Command("run", "--bundle", bundle, RunscState.NewId())],
            Minutes(1));
    }

    [Fact]
    public void An_unknown_platform_is_refused() => FailsNaming("kvm", Runsc.Run("--platform=kvm", "list"));

    [Fact]
    public void A_traced_container_lives_from_create_to_delete()
    {
        Runsc.GlobalFlags.Add("--platform=ptrace");
        string id = RunDetached(Busybox("sleep", "1000"));
        Assert.Equal("in\n", Succeeds(Runsc.Run("exec", id, "sh", "-c", "echo in | cat")));
        Assert.Contains("platform ptrace", Succeeds(Runsc.Run("debug", "--tasks", id)), StringComparison.Ordinal);
        Succeeds(Runsc.Run("kill", id, "KILL"));
        WaitForStatus(id, "stopped");
        Succeeds(Runsc.Run("delete", id));
    }

    [Fact]
    public void A_traced_shell_forks_pipes_and_traps()
    {
        Runsc.GlobalFlags.Add("--platform=ptrace");
        Assert.Equal(
            "55\ncaught\n12\n",
            Bash("seq 10 | awk '{ s += $1 } END { print s }'; trap 'echo caught' USR1; kill -USR1 $$; python3 -c 'print(3 * 4)'"));
    }
}
