using System.Text.Json;
using Sandbox.Harness;
using Xunit;

namespace Sandbox.RuntimeTests;

/// <summary>
/// What tests that run containers share: a state folder of their own, and bundles of the prepared roots.
/// </summary>
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

/// <summary>What <c>state</c> calls it; null if it knows no such container.</summary>
    private protected string? Status(string id)
    {
        HostResult result = Runsc.Run("state", id);
        if (result.Status != 0)
            return null;
        using JsonDocument state = JsonDocument.Parse(result.Output);
        return state.RootElement.GetProperty("status").GetString();
    }

    private protected void WaitForStatus(string id, string expected)
    {
        for (int i = 0; i < 1200; i++)
        {
            if (Status(id) == expected)
                return;
            Thread.Sleep(50);
        }

        Assert.Fail($"{id} is not {expected} but {Status(id)}");
    }

    /// <summary>Starts a bundle in the background, its output to nowhere: nobody has to read it. Its id.</summary>
    private protected string RunDetached(Bundle bundle)
    {
        string id = RunscState.NewId();
        List<string> run = Runsc.Command("run", "--detach", "--bundle", bundle.Write().Folder, id);
        Succeeds(HostProgram.Run(["sh", "-c", "\"$@\" </dev/null >/dev/null 2>&1", "sh", .. run], Minutes(1)));
        return id;
    }

    /// <summary>Waits until something is so; fails by name if it never is.</summary>
    private protected static void WaitUntil(string what, Func<bool> isSo)
    {
        for (int attempt = 0; attempt < 1200; attempt++)
        {
            if (isSo())
                return;
            Thread.Sleep(50);
        }

        Assert.Fail($"never: {what}");
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
