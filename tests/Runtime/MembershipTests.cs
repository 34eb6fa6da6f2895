using System.Text.Json;
using System.Text.Json.Nodes;
using Sandbox.Harness;
using Xunit;

namespace Sandbox.RuntimeTests;

/// <summary>
/// Containers that join a sandbox which is there already, told by annotations or by namespaces, without any caller.
/// </summary>
public sealed class MembershipTests : ContainerTests
{
    [Theory]
    [InlineData("io.kubernetes.cri.container-type", "io.kubernetes.cri.sandbox-id")]
    [InlineData("io.kubernetes.cri-o.ContainerType", "io.kubernetes.cri-o.SandboxID")]
    public void Annotations_of_kubernetes_runtimes_name_the_sandbox(string type, string sandbox)
    {
        string first = Start(Busybox("sleep", "1000"), type, "sandbox", sandbox, "ignored");
        string second = Start(Joining(Busybox("sleep", "1001"), first), type, "container", sandbox, first);
        Assert.Equal(Sentry(first), Sentry(second));
        Assert.Equal("sandbox\n", Succeeds(Runsc.Run("exec", second, "hostname")));
        Assert.DoesNotContain("1000", Succeeds(Runsc.Run("exec", second, "ps")));
        Succeeds(Runsc.Run("delete", "--force", second));
        Succeeds(Runsc.Run("exec", first, "true"));
        Succeeds(Runsc.Run("delete", "--force", first));
    }

    [Fact]
    public void A_sandbox_that_is_gone_cannot_be_joined()
    {
        Bundle bundle = Annotated(
            Busybox("true"), "io.kubernetes.cri.container-type", "container", "io.kubernetes.cri.sandbox-id", "gone");
        FailsNaming("does not exist", Runsc.Run("run", "--bundle", bundle.Write().Folder, RunscState.NewId()));
    }

    [Fact]
    public void Namespaces_of_one_of_our_containers_mean_its_sandbox()
    {
        string first = Start(Busybox("sleep", "1000"));
        Bundle bundle = Busybox("sh", "-c", "cat /proc/1/cmdline; hostname; exit 7");
        Join(bundle, "pid", first);
        Join(bundle, "uts", first);
        Join(bundle, "network", first);
        bundle.Config["hostname"] = "another";
        HostResult result = Runsc.RunBundle(bundle, Minutes(1));
        Assert.Equal((7, "sleep\01000\0sandbox\n"), (result.Status, result.Output));
        Assert.Equal("running", State(first).GetProperty("status").GetString());
        Succeeds(Runsc.Run("delete", "--force", first));
    }

    [Fact]
    public void The_end_of_the_sandbox_ends_its_members_and_each_can_be_deleted()
    {
        string first = Start(Busybox("sleep", "1000")), second = Start(Joining(Busybox("sleep", "1001"), first));
        string third = RunscState.NewId();
        Detached("create", "--bundle", Joining(Busybox("sleep", "1002"), first).Write().Folder, third);
        Succeeds(Runsc.Run("kill", first, "KILL"));
        WaitForStatus(first, "stopped");
        WaitForStatus(second, "stopped");
        WaitForStatus(third, "stopped");
        FailsNaming("container not running", Runsc.Run("kill", second, "TERM"));
        Succeeds(Runsc.Run("delete", first));
        Succeeds(Runsc.Run("delete", third));
        Succeeds(Runsc.Run("delete", second));
    }

    [Fact]
    public void A_member_that_was_never_started_is_killed_and_its_name_is_free_again()
    {
        string first = Start(Busybox("sleep", "1000")), second = RunscState.NewId();
        for (int round = 0; round < 3; round++)
        {
            Detached("create", "--bundle", Joining(Busybox("sleep", "1001"), first).Write().Folder, second);
            Succeeds(Runsc.Run("kill", second, "TERM"));
            WaitForStatus(second, "stopped");
            Succeeds(Runsc.Run("delete", second));
        }

        Succeeds(Runsc.Run("delete", "--force", first));
    }

    private Bundle Joining(Bundle bundle, string container)
    {
        foreach (string type in (ReadOnlySpan<string>)["network", "ipc", "uts"])
            Join(bundle, type, container);
        return bundle;
    }

    private void Join(Bundle bundle, string type, string container)
    {
        string file = type == "network" ? "net" : type;
        foreach (JsonNode? item in (JsonArray)bundle.Config["linux"]!["namespaces"]!)
        {
            if ((string?)item!["type"] == type)
                item["path"] = $"/proc/{State(container).GetProperty("pid").GetInt32()}/ns/{file}";
        }
    }

    private string Start(Bundle bundle, params string[] annotations)
    {
        string id = RunscState.NewId();
        Detached("run", "--detach", "--bundle", Annotated(bundle, annotations).Write().Folder, id);
        return id;
    }

    /// <summary>
    /// Runs a command whose container keeps its standard output: a file, for the end of a pipe would be waited for.
    /// </summary>
    private void Detached(params string[] command)
    {
        string output = Path.Combine(Runsc.Scratch, "output");
        HostResult result = HostProgram.Run(
            ["sh", "-c", "exec \"$@\" >\"$0\" 2>&1", output, .. Runsc.Command(command)], Minutes(1));
        Assert.True(result.Status == 0, $"{result}{File.ReadAllText(output)}");
    }

    private static Bundle Annotated(Bundle bundle, params string[] annotations)
    {
        JsonObject all = [];
        for (int index = 0; index < annotations.Length; index += 2)
            all[annotations[index]] = annotations[index + 1];
        bundle.Config["annotations"] = all;
        return bundle;
    }

    private JsonElement State(string id) => JsonDocument.Parse(Succeeds(Runsc.Run("state", id))).RootElement;

    /// <summary>The host process of the Sentry a container is in.</summary>
    private int Sentry(string id) =>
        JsonDocument.Parse(File.ReadAllText(Path.Combine(Runsc.Root, id, "state.json")))
            .RootElement.GetProperty("sentry").GetProperty("id").GetInt32();
}
