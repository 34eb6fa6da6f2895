using System.Text.Json.Nodes;
using Sandbox.Harness;
using Xunit;

namespace Sandbox.RuntimeTests;

/// <summary>linux.seccomp of config.json confines the container's processes, inside.</summary>
public sealed class ConfigSeccompTests : ContainerTests
{
    [Fact]
    public void Denied_calls_fail_with_the_given_errno_and_the_status_says_so()
    {
        Bundle bundle = Busybox(
            "sh", "-c", "mkdir /tmp/x; echo $?; grep Seccomp /proc/self/status; hostname elsewhere; echo $?");
        Confine(bundle, "SCMP_ACT_ALLOW", Rule("SCMP_ACT_ERRNO", 28, "mkdir", "mkdirat", "not_a_call_of_any_kernel"));
        HostResult result = Runsc.RunBundle(bundle, Minutes(1));
        Assert.Equal("1\nSeccomp:\t2\nSeccomp_filters:\t1\n0\n", result.Output);
        Assert.Contains("No space left on device", result.Error, StringComparison.Ordinal);
    }

    [Fact]
    public void Calls_that_touch_only_the_callers_memory_are_denied_too()
    {
        Bundle bundle = Debian("perl", "-e", "$r = syscall(24); print $r, ' ', $!+0, qq{\\n}");
        Confine(bundle, "SCMP_ACT_ALLOW", Rule("SCMP_ACT_ERRNO", 33, "sched_yield"));
        Assert.Equal("-1 33\n", Succeeds(Runsc.RunBundle(bundle, Minutes(2))));
    }

    [Fact]
    public void A_killed_call_ends_the_container_with_SIGSYS()
    {
        Bundle bundle = Busybox("mkdir", "/tmp/x");
        Confine(bundle, "SCMP_ACT_ALLOW", Rule("SCMP_ACT_KILL_PROCESS", null, "mkdir", "mkdirat"));
        Assert.Equal(128 + 31, Runsc.RunBundle(bundle, Minutes(1)).Status);
    }

    [Fact]
    public void Processes_of_exec_are_confined_like_the_first()
    {
        Bundle bundle = Busybox("sleep", "600");
        Confine(bundle, "SCMP_ACT_ALLOW", Rule("SCMP_ACT_ERRNO", 28, "mkdir", "mkdirat"));
        bundle.Write();
        string id = RunscState.NewId();
        Succeeds(Runsc.Run("run", "--detach", "--bundle", bundle.Folder, id));
        HostResult result = Runsc.Run("exec", id, "sh", "-c", "mkdir /tmp/x; grep Seccomp: /proc/self/status");
        Assert.Equal("Seccomp:\t2\n", result.Output);
        Assert.Contains("No space left on device", result.Error, StringComparison.Ordinal);
    }

    [Fact]
    public void What_is_not_supported_is_refused_by_name()
    {
        Bundle bundle = Busybox("true");
        Confine(bundle, "SCMP_ACT_ALLOW", Rule("SCMP_ACT_NOTIFY", null, "mkdir"));
        FailsNaming("linux.seccomp.syscalls[0].action: SCMP_ACT_NOTIFY", Runsc.RunBundle(bundle, Minutes(1)));
    }

    private static void Confine(Bundle bundle, string standard, params JsonObject[] rules) =>
        bundle.Config["linux"]!["seccomp"] = new JsonObject
        {
            ["defaultAction"] = standard,
            ["architectures"] = Bundle.Strings("SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"),
            ["syscalls"] = new JsonArray([.. rules]),
        };

    private static JsonObject Rule(string action, int? errno, params string[] names)
    {
        JsonObject rule = new() { ["names"] = Bundle.Strings(names), ["action"] = action };
        if (errno is { } value)
            rule["errnoRet"] = value;
        return rule;
    }
}
