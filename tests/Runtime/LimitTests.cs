using System.Text.Json;
using System.Text.Json.Nodes;
using Sandbox.Harness;
using Xunit;

namespace Sandbox.RuntimeTests;

/// <summary>
/// Memory, tasks and CPUs of one container: what is enforced, what it sees, and what its operator can change.
/// </summary>
public sealed class LimitTests : ContainerTests
{
    private const long Mebibyte = 1 << 20;

    /// <summary>
    /// Grows a shell to some hundred megabytes and stays: who is over a limit is killed before it is through.
    /// </summary>
    private const string Hog = "x=$(head -c 200000000 /dev/zero | tr '\\0' x); sleep 1000; echo lived";

    private readonly string _group = $"/runsc-limits-{RunscState.NewId()}";

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void A_process_over_the_memory_limit_is_killed_and_the_others_live(bool hasCgroup)
    {
        Bundle bundle = Limited(hasCgroup, $"({Hog}); echo hog $?; {ReadKills}; echo alive", """{"memory":{"limit":33554432}}""");
        string[] lines = Succeeds(Runsc.RunBundle(bundle, Minutes(2))).Split('\n');
        Assert.Equal("hog 137", lines[0]);
        Assert.NotEqual("0", lines[1]);
        Assert.Equal("alive", lines[2]);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Files_in_memory_count_for_the_limit(bool hasCgroup)
    {
        const string fill = "dd if=/dev/zero of=/files/x bs=64k count=384 2>/dev/null";
        Bundle bundle = Limited(
            hasCgroup,
            $"{fill}; (x=$(head -c 16000000 /dev/zero | tr '\\0' x); sleep 1000); echo $?; ls -l /files/x | awk '{{print $5}}'",
            """{"memory":{"limit":33554432}}""");
        bundle.Mounts.Add(Bundle.Mount("/files", "tmpfs", "tmpfs", "size=24m"));
        Assert.Equal($"137\n{24 * Mebibyte}\n", Succeeds(Runsc.RunBundle(bundle, Minutes(2))));
    }

    [Fact]
    public void A_small_container_has_its_memory_for_itself()
    {
        Bundle bundle = Limited(true, "cat /sys/fs/cgroup/memory.current", """{"memory":{"limit":33554432}}""");
        long used = long.Parse(Succeeds(Runsc.RunBundle(bundle, Minutes(1))));
        Assert.InRange(used, 1, 8 * Mebibyte); // The sandbox's own processes take more than that.
    }

    [Fact]
    public void A_tiny_container_runs_and_its_figures_make_sense()
    {
        Bundle bundle = Limited(true, "free -k | awk '/Mem/{print $2, ($3 <= $2) + ($4 <= $2) + ($6 <= $2)}'", """
            {"memory":{"limit":2097152}}
            """);
        Assert.Equal("2048 3\n", Succeeds(Runsc.RunBundle(bundle, Minutes(1))));
    }

    [Fact]
    public void Events_tell_of_a_container_that_ran_out_of_memory()
    {
        string go = Path.Combine(Runsc.Scratch, "go");
        Directory.CreateDirectory(go);
        Bundle bundle = Limited(
            true, $"while [ ! -e /go/now ]; do sleep 0.1; done; {Hog}", """{"memory":{"limit":33554432}}""");
        bundle.Mounts.Add(Bundle.Mount("/go", "bind", go, "rbind", "ro"));
        string id = RunDetached(bundle);
        using HostProgram events = Runsc.Start("events", "--interval", "1", id);
        Assert.True(events.WaitForOutput("\"stats\"", Minutes(1)));
        File.WriteAllText(Path.Combine(go, "now"), "");
        WaitForStatus(id, "stopped");
        Assert.Contains($"{{\"type\":\"oom\",\"id\":\"{id}\"}}", events.Wait(Minutes(1)).Output);
        Assert.Contains("oom_kill", HostCgroups.Read(_group, "memory", "memory.oom_control", "memory.events"));
        Succeeds(Runsc.Run("delete", id));
        Assert.Empty(HostCgroups.Remaining(_group));
    }

    [Fact]
    public void A_fork_bomb_stops_at_the_pids_limit()
    {
        // The shell that cannot fork ends; its children sleep on, and no more than the limit are there.
        const string bomb =
            "(while :; do sleep 1000 & done) 2>/dev/null; read n < /sys/fs/cgroup/pids.current; echo $n";
        Bundle bundle = Limited(true, bomb, """{"pids":{"limit":20}}""");
        Assert.Equal("19\n", Succeeds(Runsc.RunBundle(bundle, Minutes(1)))); // 20 less the shell that ended.
    }

    [Fact]
    public void Programs_see_their_limits()
    {
        const string script = """
            grep MemTotal /proc/meminfo; free -m | awk '/Mem/{print $2}'; nproc; cd /sys/fs/cgroup
            cat memory.max memory.swap.max pids.max cpu.max cpu.weight cpuset.cpus; cat /proc/self/cgroup
            grep Cpus_allowed_list /proc/self/status
            """;
        const string limits = """
            {"memory":{"limit":67108864,"swap":100663296},"pids":{"limit":30},
            "cpu":{"quota":50000,"period":100000,"shares":512,"cpus":"0"}}
            """;
        Assert.Equal(
            ["MemTotal:          65536 kB", "64", "1", "67108864", "33554432", "30", "50000 100000", "20", "0", "0::/",
                "Cpus_allowed_list:\t0", ""],
            Succeeds(Runsc.RunBundle(Limited(true, script, limits), Minutes(1))).Split('\n'));
    }

    [Fact]
    public void Programs_see_their_limits_in_version_1s_hierarchies()
    {
        const string script = """
            cd /sys/fs/cgroup; cat memory/memory.limit_in_bytes memory/memory.memsw.limit_in_bytes pids/pids.max
            cat cpu/cpu.cfs_quota_us cpu/cpu.cfs_period_us cpu/cpu.shares cpuset/cpuset.cpus
            grep -c 'cgroup cgroup ro.*memory' /proc/self/mountinfo; grep memory: /proc/self/cgroup
            [ "$(cat memory/memory.usage_in_bytes)" -gt 0 ] && grep -c total_rss memory/memory.stat
            """;
        Bundle bundle = Limited(true, script, """
            {"memory":{"limit":67108864},"pids":{"limit":30},"cpu":{"quota":50000,"period":100000,"shares":512,"cpus":"0"}}
            """);
        bundle.Mounts.RemoveAt(bundle.Mounts.Count - 1);
        bundle.Mounts.Add(Bundle.Mount("/sys/fs/cgroup", "cgroup", "cgroup", "nosuid", "ro"));
        Assert.Equal(
            ["67108864", "9223372036854771712", "30", "50000", "100000", "512", "0", "1", "5:memory:/", "2", ""],
            Succeeds(Runsc.RunBundle(bundle, Minutes(1))).Split('\n'));
    }

    [Fact]
    public void Update_changes_what_the_host_and_the_container_know()
    {
        HostCgroups.NeedMemory();
        string id = RunDetached(Limited(true, "sleep 1000", """{"memory":{"limit":33554432},"pids":{"limit":50}}"""));
        const string see = "cd /sys/fs/cgroup; cat memory.max pids.max cpu.max; nproc";
        Assert.Equal(
            $"{32 * Mebibyte}\n50\nmax 100000\n", BeforeProcessors(Succeeds(Runsc.Run("exec", id, "sh", "-c", see))));

        string json = """{"memory":{"limit":50331648},"pids":{"limit":7},"cpu":{"quota":20000,"period":50000,"cpus":"0"}}""";
        Succeeds(Runsc.RunWithInput(json, Minutes(1), "update", "--resources", "-", id));
        Assert.Equal($"{48 * Mebibyte}\n7\n20000 50000\n1\n", Succeeds(Runsc.Run("exec", id, "sh", "-c", see)));

        // What the Sentry keeps for the container comes off what its processes may have on the host.
        string? limit = HostCgroups.Read(_group, "memory", "memory.limit_in_bytes", "memory.max");
        Assert.NotNull(limit);
        long onHost = long.Parse(limit, System.Globalization.CultureInfo.InvariantCulture);
        Assert.InRange(onHost, 47 * Mebibyte, 48 * Mebibyte);
        Assert.StartsWith("20000", HostCgroups.Read(_group, "cpu", "cpu.cfs_quota_us", "cpu.max"));

        string file = Path.Combine(Runsc.Scratch, "resources.json");
        File.WriteAllText(file, """{"cpu":{"quota":-1,"period":100000}}""");
        Succeeds(Runsc.Run("update", $"--resources={file}", id));
        Succeeds(Runsc.Run("update", "--memory", "64m", "--pids-limit", "5", "--cpuset-cpus", "0", id));
        Assert.Equal($"{64 * Mebibyte}\n5\nmax 100000\n1\n", Succeeds(Runsc.Run("exec", id, "sh", "-c", see)));
        const string bomb =
            "(while :; do sleep 1000 & done) >/dev/null 2>&1; read n < /sys/fs/cgroup/pids.current; echo $n";
        Assert.Equal("4\n", Succeeds(Runsc.Run("exec", id, "sh", "-c", bomb)));
        FailsNaming("--memory", Runsc.Run("update", "--memory", "many", id));
        FailsNaming("does not exist", Runsc.Run("update", "--memory", "64m", "no-such-container"));
        Succeeds(Runsc.Run("delete", "--force", id));
        Assert.Empty(HostCgroups.Remaining(_group));
    }

    [Fact]
    public void A_cpu_quota_throttles_what_computes()
    {
        const string read = "awk '/^nr_throttled /{print $2}' /sys/fs/cgroup/cpu.stat";
        string id = RunDetached(Limited(true, "while :; do :; done", """{"cpu":{"quota":50000,"period":100000}}"""));
        WaitUntil("a period in which the quota is used up", () =>
            Succeeds(Runsc.Run("exec", id, "sh", "-c", read)) != "0\n");
        Succeeds(Runsc.Run("delete", "--force", id));
    }

    [Fact]
    public void Without_a_cgroup_what_cannot_be_enforced_is_named()
    {
        Bundle bundle = Limited(false, "true", """{"cpu":{"quota":50000,"cpus":"0"},"memory":{"limit":33554432},"pids":{"limit":5}}""");
        HostResult result = Runsc.RunBundle(bundle, Minutes(1));
        Assert.Equal(0, result.Status);
        Assert.Contains("linux.resources.cpu.quota is not enforced", result.Error);
        Assert.Contains("linux.resources.cpu.cpus is not enforced", result.Error);
        Assert.DoesNotContain("memory", result.Error);
        Assert.DoesNotContain("pids", result.Error);
    }

    [Fact]
    public void Nothing_is_left_of_the_cgroups_of_containers_that_come_and_go_together()
    {
        HostCgroups.NeedMemory();
        Bundle[] bundles = new Bundle[8];
        for (int index = 0; index < bundles.Length; index++)
        {
            bundles[index] = Limited(true, "sleep 1000", """{"memory":{"limit":33554432}}""");
            bundles[index].Config["linux"]!["cgroupsPath"] = $"{_group}-{index}";
            bundles[index].Write();
        }

        string[] failures = new string[bundles.Length];
        System.Threading.Tasks.Parallel.For(0, bundles.Length, index =>
        {
            string id = RunscState.NewId();
            HostResult created = Quietly("create", "--bundle", bundles[index].Folder, id), deleted = Quietly(
                "delete", "--force", id);
            failures[index] = created.Status == 0 && deleted.Status == 0 ? "" : $"{created} {deleted}";
        });
        Assert.All(failures, static failure => Assert.Equal("", failure));
        Assert.Empty(HostCgroups.Remaining(_group));
    }

    [Fact]
    public void A_create_that_is_killed_leaves_cgroups_that_delete_removes()
    {
        HostCgroups.NeedMemory();
        Bundle bundle = Limited(true, "sleep 1000", """{"memory":{"limit":33554432}}""").Write();
        string id = RunscState.NewId();
        using HostProgram create = Runsc.Start("create", "--bundle", bundle.Folder, id);
        WaitUntil("the first cgroup is there", () => HostCgroups.Remaining(_group).Count > 0);
        HostProgram.SignalProcess(create.Pid, 9);
        WaitUntil("delete succeeds", () => Quietly("delete", "--force", id).Status == 0);
        Assert.Null(Status(id));
        Assert.Empty(HostCgroups.Remaining(_group));
    }

    [Fact]
    public void Statistics_have_the_shape_that_runc_gives_them()
    {
        string id = RunDetached(Limited(true, "sleep 1000 & sleep 1000", """{"memory":{"limit":33554432},"pids":{"limit":50}}"""));
        JsonObject? stats = null;
        WaitUntil("both processes are counted", () =>
        {
            stats = (JsonObject)JsonNode.Parse(Succeeds(Runsc.Run("events", "--stats", id)))!;
            return (int)stats["data"]!["pids"]!["current"]! == 2;
        });
        Assert.Equal(("stats", id), ((string)stats!["type"]!, (string)stats["id"]!));
        JsonNode data = stats["data"]!;
        Assert.Equal(50, (long)data["pids"]!["limit"]!);
        Assert.Equal(32 * Mebibyte, (long)data["memory"]!["usage"]!["limit"]!);
        Assert.InRange((long)data["memory"]!["usage"]!["usage"]!, 1, 32 * Mebibyte);
        Assert.True((long)data["cpu"]!["usage"]!["total"]! > 0);
        Assert.Equal(JsonValueKind.Array, data["cpu"]!["usage"]!["percpu"]!.GetValueKind());
        Assert.NotNull(data["cpu"]!["throttling"]!["throttledPeriods"]);
        Succeeds(Runsc.Run("delete", "--force", id));
    }

    /// <summary>How many processes the container lost for want of memory, as it sees it.</summary>
    private const string ReadKills = "awk '/^oom_kill /{print $2}' /sys/fs/cgroup/memory.events";

    /// <summary>A command whose container's output goes nowhere.</summary>
    private HostResult Quietly(params string[] arguments) =>
        HostProgram.Run(
            ["sh", "-c", "\"$@\" </dev/null >/dev/null 2>&1", "sh", .. Runsc.Command(arguments)], Minutes(1));

    private static string BeforeProcessors(string text) => text[..(text.TrimEnd('\n').LastIndexOf('\n') + 1)];

    private Bundle Limited(bool hasCgroup, string script, string resources)
    {
        if (hasCgroup)
            HostCgroups.NeedMemory();
        else
            Runsc.GlobalFlags.Add("--ignore-cgroups");
        Bundle bundle = Busybox("sh", "-c", script);
        JsonObject linux = (JsonObject)bundle.Config["linux"]!;
        linux["cgroupsPath"] = _group;
        linux["resources"] = JsonNode.Parse(resources);
        bundle.Mounts.Add(Bundle.Mount("/sys/fs/cgroup", "cgroup2", "cgroup", "nosuid", "ro"));
        return bundle;
    }
}
