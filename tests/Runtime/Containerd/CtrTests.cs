using Sandbox.Harness;
using Xunit;

namespace Sandbox.RuntimeTests.Containerd;

/// <summary>One daemon with the busybox image, shared by the tests of a class.</summary>
public sealed class ContainerdFixture : IDisposable
{
    public ContainerdFixture() => Daemon.Import(ContainerImage.Busybox);

    public ContainerdDaemon Daemon { get; } = new();

    public void Dispose() => Daemon.Dispose();
}

/// <summary>What `ctr` does with our binary in runc's place, under containerd's own shim.</summary>
public sealed class CtrTests(ContainerdFixture fixture) : IClassFixture<ContainerdFixture>
{
    private const string Image = "localhost/busybox:latest";

    private ContainerdDaemon Daemon => fixture.Daemon;

    [Fact]
    public void Run_passes_output_and_the_exit_status_through_and_leaves_nothing()
    {
        string id = ContainerdDaemon.NewId();
        HostResult result = Run("--rm", id, "sh", "-c", "echo out; echo err >&2; exit 7");
        Assert.Equal((7, "out\n", "err\n"), (result.Status, result.Output, result.Error));
        Assert.DoesNotContain(id, Succeeds(Daemon.Ctr("container", "ls", "-q")));
        Assert.DoesNotContain(id, Succeeds(Daemon.Ctr("task", "ls", "-q")));
    }

    private HostResult Run(params string[] arguments) => Daemon.Ctr(["run", .. ContainerdDaemon.RunFlags, .. WithImage(arguments)]);

    /// <summary>Puts the image before the id: the flags are what starts with a dash.</summary>
    private static string[] WithImage(string[] arguments)
    {
        int flags = Array.FindIndex(arguments, static word => !word.StartsWith('-'));
        return [.. arguments[..flags], Image, .. arguments[flags..]];
    }

    private static string Succeeds(HostResult result)
    {
        if (result.Status != 0 || result.IsTimedOut)
            Assert.Fail(result.ToString());
        return result.Output;
    }
}
