using System.Text.Json.Nodes;
using Sandbox.Harness;
using Xunit;

namespace Sandbox.RuntimeTests;

/// <summary>Hooks: when they run, what they are told, and what their failure means.</summary>
public sealed class ConfigHookTests : ContainerTests
{
    private string Trace => Path.Combine(Runsc.Scratch, "trace");

    [Fact]
    public void All_kinds_run_in_order_with_the_state_on_standard_input()
    {
        Bundle bundle = Busybox("sh", "-c", "cat /tmp/hook");
        bundle.Mounts.Clear(); // /tmp of the root itself: the hook inside and the process see the same.
        JsonObject hooks = [];
        foreach (string kind in (string[])["prestart", "createRuntime", "createContainer", "poststart", "poststop"])
            hooks[kind] = new JsonArray(Hook($"sed 's/.*\"status\":\"\\([a-z]*\\)\",\"pid\":\\([0-9]*\\).*/{kind} \\1 \\2/' >>$TRACE; echo >>$TRACE"));
        hooks["startContainer"] = new JsonArray(Inside("sed 's/.*\"status\":\"\\([a-z]*\\)\",\"pid\":\\([0-9]*\\).*/inside \\1 \\2/' >/tmp/hook; echo >>/tmp/hook"));
        bundle.Config["hooks"] = hooks;
        bundle.Write();
        string id = RunscState.NewId(), pidFile = Path.Combine(Runsc.Scratch, "pid");
        string output = Succeeds(Runsc.Run("run", "--pid-file", pidFile, "--bundle", bundle.Folder, id));
        Assert.Equal("inside created 1\n", output);
        string pid = File.ReadAllText(pidFile);
        Assert.Equal(
            $"prestart creating {pid}\ncreateRuntime creating {pid}\ncreateContainer creating {pid}\npoststart running {pid}\npoststop stopped 0\n",
            File.ReadAllText(Trace));
    }

    [Theory]
    [InlineData("prestart")]
    [InlineData("createRuntime")]
    [InlineData("createContainer")]
    public void A_hook_that_fails_at_create_leaves_no_container_and_shows_what_it_said(string kind)
    {
        Bundle bundle = Busybox("true");
        bundle.Config["hooks"] = new JsonObject
        {
            [kind] = new JsonArray(Hook("echo the reason >&2; exit 3")),
            ["poststop"] = new JsonArray(Hook("echo stopped >>$TRACE")),
        };
        bundle.Write();
        string id = RunscState.NewId();
        HostResult result = Runsc.Run("create", "--bundle", bundle.Folder, id);
        FailsNaming($"{kind} hook #0 (/bin/sh): exit status 3, output: the reason", result);
        FailsNaming("does not exist", Runsc.Run("state", id));
        Assert.Equal("stopped\n", File.ReadAllText(Trace));
    }

    [Fact]
    public void A_hook_in_the_container_that_fails_keeps_the_process_from_running()
    {
        Bundle bundle = Busybox("touch", "/host/ran");
        bundle.Mounts.Add(Bundle.Mount("/host", "bind", Runsc.Scratch, "rbind"));
        bundle.Config["hooks"] = new JsonObject { ["startContainer"] = new JsonArray(Inside("exit 7")) };
        bundle.Write();
        string id = RunscState.NewId();
        Succeeds(Runsc.Run("create", "--bundle", bundle.Folder, id));
        FailsNaming("startContainer hook #0 (/bin/sh): exit status 7", Runsc.Run("start", id));
        Assert.False(File.Exists(Path.Combine(Runsc.Scratch, "ran")));
        Succeeds(Runsc.Run("delete", "--force", id));
    }

    [Fact]
    public void A_hook_that_does_not_end_is_killed_at_its_timeout()
    {
        Bundle bundle = Busybox("true");
        JsonObject hook = Hook("sleep 600");
        hook["timeout"] = 1;
        bundle.Config["hooks"] = new JsonObject { ["createRuntime"] = new JsonArray(hook) };
        FailsNaming("did not end within 1 s", Runsc.RunBundle(bundle, Minutes(1)));
    }

    [Fact]
    public void A_failing_poststop_hook_is_told_and_the_container_is_deleted()
    {
        Bundle bundle = Busybox("true");
        bundle.Config["hooks"] = new JsonObject { ["poststop"] = new JsonArray(Hook("exit 9")) };
        bundle.Write();
        string id = RunscState.NewId();
        HostResult result = Runsc.Run("run", "--bundle", bundle.Folder, id);
        Assert.Equal(0, result.Status);
        Assert.Contains("warning: error running poststop hook #0", result.Error, StringComparison.Ordinal);
        FailsNaming("does not exist", Runsc.Run("state", id));
    }

    [Fact]
    public void A_hook_of_the_container_runs_in_its_network_namespace()
    {
        Bundle bundle = Busybox("true");
        bundle.Config["hooks"] = new JsonObject
        {
            ["createRuntime"] = new JsonArray(Hook("readlink /proc/self/ns/net >>$TRACE")),
            ["createContainer"] = new JsonArray(Hook(
                "pid=$(sed 's/.*\"pid\":\\([0-9]*\\).*/\\1/'); readlink /proc/self/ns/net /proc/$pid/ns/net >>$TRACE")),
        };
        Succeeds(Runsc.RunBundle(bundle, Minutes(1)));
        string[] links = File.ReadAllLines(Trace);
        Assert.NotEqual(links[0], links[1]);
        Assert.Equal(links[1], links[2]);
    }

    private JsonObject Hook(string script) => new()
    {
        ["path"] = "/bin/sh",
        ["args"] = Bundle.Strings("sh", "-c", script),
        ["env"] = Bundle.Strings("PATH=/usr/sbin:/usr/bin:/sbin:/bin", $"TRACE={Trace}"),
    };

    private static JsonObject Inside(string script) => new()
    {
        ["path"] = "/bin/sh",
        ["args"] = Bundle.Strings("sh", "-c", script),
        ["env"] = Bundle.Strings("PATH=/bin"),
    };
}
