using System.Text.Json;
using Sandbox.Linux;
using Sandbox.Platform.Spawn;
using Sandbox.Runsc.CommandLine;
using Sandbox.Runsc.State;
using Xunit;

namespace Sandbox.UnitTests.Runsc;

/// <summary>The --root directory and what is recorded in it.</summary>
public sealed class StateTests : IDisposable
{
    private readonly string _root = Directory.CreateTempSubdirectory("runsc-state-").FullName;

    public void Dispose() => Directory.Delete(_root, recursive: true);

    private static ContainerState NewState(string id) => new()
    {
        Id = id, SandboxId = id, Bundle = "/b", Rootfs = "/b/rootfs", Created = "2026-01-01T00:00:00Z",
    };

    [Theory]
    [InlineData("")]
    [InlineData(".")]
    [InlineData("..")]
    [InlineData("a/b")]
    [InlineData("a b")]
    public void Ids_that_are_no_file_names_are_refused(string id) =>
        Assert.Throws<Failure>(() => StateDirectory.CheckId(id));

    [Fact]
    public void A_container_is_found_by_its_exact_id_only()
    {
        StateDirectory states = new(_root);
        states.Create("abc").Dispose();
        Assert.Null(states.Find("ab"));
        Assert.Contains(
            "does not exist", Assert.Throws<Failure>(() => states.Open("ab")).Message, StringComparison.Ordinal);
        Assert.Contains("exists", Assert.Throws<Failure>(() => states.Create("abc")).Message, StringComparison.Ordinal);
        using ContainerDirectory directory = states.Open("abc");
        directory.Remove();
        Assert.Empty(states.List());
    }

    [Fact]
    public void What_was_saved_is_loaded()
    {
        using ContainerDirectory directory = new StateDirectory(_root).Create("x");
        ContainerState state = NewState("x");
        state.Phase = ContainerPhase.Created;
        state.Monitor = new ProcessIdentity(7, 8);
        state.Cgroups = ["/sys/fs/cgroup/x"];
        directory.Save(state);
        ContainerState loaded = directory.Load();
        Assert.Equal(JsonSerializer.Serialize(state), JsonSerializer.Serialize(loaded));
        Assert.Equal("stopped", ContainerLife.Status(loaded));
    }

    [Fact]
    public void A_zombie_and_a_recycled_id_are_dead()
    {
        ProcessIdentity self = ProcessIdentity.Of(Environment.ProcessId);
        Assert.True(self.IsAlive);
        Assert.False((self with { StartTime = self.StartTime + 1 }).IsAlive);

        Assert.False(HostFile.OpenAt(HostFile.CurrentDirectory, "/bin/sh"u8, OpenFlags.Path | OpenFlags.CloseOnExec)
            .Failed(out int shell, out _));
        using SpawnScript script = new();
        script.Execute(shell, ["sh", "-c", "exit 0"], []);
        Assert.True(script.Run().Succeeded);
        Assert.True(HostChild.WaitForEnd(script.PidFd!, 10_000));
        Assert.False(ProcessIdentity.Of(script.ProcessId).IsAlive);
        Assert.False(HostChild.Wait(script.ProcessId).Failed(out int status, out _));
        Assert.Equal(0, status);
    }

    [Fact]
    public void Execs_that_are_over_are_forgotten_and_those_that_run_are_not()
    {
        string directory = Directory.CreateTempSubdirectory("state-test-").FullName;
        ProcessIdentity own = ProcessIdentity.Of(Environment.ProcessId);
        ContainerDirectory.RecordExecution(directory, own);
        for (ulong startTime = 1; startTime <= 100; startTime++)
            ContainerDirectory.RecordExecution(directory, new ProcessIdentity(own.Id, startTime));
        Assert.InRange(Directory.GetFiles(Path.Combine(directory, "executions")).Length, 1, 34);
        Assert.Equal([own], ContainerDirectory.Executions(directory));
        Assert.Single(Directory.GetFiles(Path.Combine(directory, "executions")));
        Directory.Delete(directory, recursive: true);
    }
}
