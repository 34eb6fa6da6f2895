using Sandbox.Harness;
using Xunit;

namespace Sandbox.RuntimeTests;

/// <summary>What tests that run containers share: a state folder of their own, and bundles of the prepared roots.</summary>
public abstract class ContainerTests : IDisposable
{
    private int _nextBundle;

    private protected static TimeSpan Minutes(double count) => TimeSpan.FromMinutes(count);

    private protected RunscState Runsc { get; } = new();

    /// <summary>A bundle on the busybox root.</summary>
    private protected Bundle Busybox(params string[] arguments) => NewBundle(Checkout.BusyboxRoot, arguments);

    /// <summary>A bundle on the Debian root.</summary>
    private protected Bundle Debian(params string[] arguments) => NewBundle(Checkout.DebianRoot, arguments);

    /// <summary>Runs a shell script on the busybox root; it must end with status 0. Its output.</summary>
    private protected string Sh(string script) => Succeeds(Runsc.RunBundle(Busybox("sh", "-c", script), Minutes(2)));

    /// <summary>Runs a bash script on the Debian root; it must end with status 0. Its output.</summary>
    private protected string Bash(string script) =>
        Succeeds(Runsc.RunBundle(Debian("bash", "-euo", "pipefail", "-c", script), Minutes(5)));

    /// <summary>The output of a command that must have ended with status 0.</summary>
    private protected static string Succeeds(HostResult result)
    {
        if (result.Status != 0 || result.IsTimedOut)
            Assert.Fail(result.ToString());
        return result.Output;
    }

    /// <summary>A command must have failed with one line of explanation that mentions the culprit.</summary>
    private protected static void FailsNaming(string culprit, HostResult result)
    {
        if (result.Status == 0 || result.IsTimedOut || !result.Error.Contains(culprit, StringComparison.Ordinal))
            Assert.Fail($"should fail and name '{culprit}': {result}");
        Assert.Single(result.Error.TrimEnd('\n').Split('\n'));
    }

    public void Dispose()
    {
        Runsc.Dispose();
        GC.SuppressFinalize(this);
    }

    private Bundle NewBundle(string root, string[] arguments)
    {
        Assert.SkipUnless(Directory.Exists(root), $"there is no {root}: make rootfs");
        return new Bundle(Path.Combine(Runsc.Scratch, $"bundle{_nextBundle++}"), root, arguments);
    }
}
