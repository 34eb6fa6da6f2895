using System.Text.Json.Nodes;
using Sandbox.Harness;
using Xunit;

namespace Sandbox.RuntimeTests;

/// <summary>
/// The rarer fields of config.json: each is honoured, warned about by name, or refused by name (docs/config.md).
/// </summary>
public sealed class ConfigSupportTests : ContainerTests
{
    [Fact]
    public void Owners_of_files_are_seen_through_the_configurations_user_namespace()
    {
        string folder = Path.Combine(Runsc.Scratch, "owned");
        Directory.CreateDirectory(folder);
        File.WriteAllText(Path.Combine(folder, "file"), "x");
        Succeeds(HostProgram.Run(["chown", "-R", "100000:100007", folder], Minutes(1)));
        Bundle bundle = Busybox("sh", "-c", "stat -c '%u %g' /owned/file; touch /owned/new; chown 5:6 /owned/new");
        bundle.Mounts.Add(Bundle.Mount("/owned", "bind", folder, "rbind"));
        JsonObject linux = (JsonObject)bundle.Config["linux"]!;
        ((JsonArray)linux["namespaces"]!).Add(new JsonObject { ["type"] = "user" });
        linux["uidMappings"] = new JsonArray(Mapping(0, 100000, 65536));
        linux["gidMappings"] = new JsonArray(Mapping(0, 100000, 65536));
        Assert.Equal("0 7\n", Output(bundle));
        Assert.Equal("100005 100006\n", Succeeds(
            HostProgram.Run(["stat", "-c", "%u %g", Path.Combine(folder, "new")], Minutes(1))));
    }

    [Fact]
    public void A_tmpfs_with_tmpcopyup_starts_with_what_it_covers()
    {
        Bundle bundle = Busybox("sh", "-c",
            "cat /etc/passwd | head -1; touch /etc/new && stat -c %a /etc; readlink /bin/ls; ls /bin | wc -l");
        bundle.Mounts.Add(Bundle.Mount("/etc", "tmpfs", "tmpfs", "tmpcopyup"));
        bundle.Mounts.Add(Bundle.Mount("/bin", "tmpfs", "tmpfs", "tmpcopyup", "ro"));
        string count = Sh("ls /bin | wc -l");
        Assert.Equal($"root:x:0:0:root:/root:/bin/sh\n755\nbusybox\n{count}", Output(bundle));
    }

    [Fact]
    public void Clocks_have_the_offsets_of_the_time_namespace()
    {
        Bundle bundle = Debian("python3", "-c", "import time; print(int(time.clock_gettime(time.CLOCK_MONOTONIC)))");
        JsonObject linux = (JsonObject)bundle.Config["linux"]!;
        ((JsonArray)linux["namespaces"]!).Add(new JsonObject { ["type"] = "time" });
        linux["timeOffsets"] =
            new JsonObject { ["monotonic"] = new JsonObject { ["secs"] = 1_000_000_000, ["nanosecs"] = 0 } };
        Assert.True(long.Parse(Output(bundle), System.Globalization.CultureInfo.InvariantCulture) >= 1_000_000_000);
    }

    [Fact]
    public void Sysctls_of_the_container_are_what_it_reads()
    {
        Bundle bundle = Busybox(
            "sh", "-c",
            "cd /proc/sys; cat kernel/shmmax net/core/somaxconn net/ipv4/tcp_mtu_probing fs/mqueue/msg_max; hostname");
        bundle.Config.Remove("hostname");
        bundle.Config["linux"]!["sysctl"] = new JsonObject
        {
            ["kernel.shmmax"] = "12345678", ["net.core.somaxconn"] = "511", ["net.ipv4.tcp_mtu_probing"] = "1",
                ["kernel.hostname"] = "named",
            ["fs.mqueue.msg_max"] = "20",
        };
        HostResult result = Runsc.RunBundle(bundle, Minutes(1));
        Assert.Equal("12345678\n511\n1\n20\nnamed\n", result.Output);
        Assert.DoesNotContain("kernel.shmmax", result.Error, StringComparison.Ordinal); // It acts.
        Assert.DoesNotContain("fs.mqueue", result.Error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("fs.mqueue.msg_max", "0")]
    [InlineData("fs.mqueue.msg_max", "many")]
    [InlineData("fs.mqueue.nothing", "1")]
    public void Sysctls_of_message_queues_are_checked(string name, string value)
    {
        Bundle bundle = Busybox("true");
        bundle.Config["linux"]!["sysctl"] = new JsonObject { [name] = value };
        HostResult result = Runsc.RunBundle(bundle, Minutes(1));
        Assert.NotEqual(0, result.Status);
        Assert.Contains(name, result.Error, StringComparison.Ordinal);
    }

    [Fact]
    public void Scheduler_and_io_priority_are_what_programs_are_told()
    {
        Bundle bundle = Debian("python3", "-c", "import os,ctypes; print(os.sched_getscheduler(0), os.getpriority(0,0), ctypes.CDLL(None).syscall(252,1,0))");
        bundle.Process["scheduler"] = new JsonObject { ["policy"] = "SCHED_BATCH", ["nice"] = 7 };
        bundle.Process["ioPriority"] = new JsonObject { ["class"] = "IOPRIO_CLASS_IDLE", ["priority"] = 4 };
        Assert.Equal($"3 7 {(3 << 13) | 4}\n", Output(bundle));
    }

    [Theory]
    [InlineData("/linux/intelRdt", """{"closID":"x"}""", "linux.intelRdt")]
    [InlineData("/linux/personality", """{"domain":"LINUX32"}""", "linux.personality.domain")]
    [InlineData("/linux/rootfsPropagation", "\"sideways\"", "linux.rootfsPropagation")]
    [InlineData("/linux/timeOffsets", """{"monotonic":{"secs":1}}""", "linux.timeOffsets")]
    [InlineData("/linux/uidMappings", """[{"containerID":0,"hostID":1,"size":1}]""", "linux.uidMappings")]
    [InlineData("/linux/sysctl", """{"vm.swappiness":"1"}""", "linux.sysctl: vm.swappiness")]
    [InlineData("/linux/netDevices", """{"eth0":{}}""", "linux.netDevices")]
    [InlineData("/process/scheduler", """{"policy":"SCHED_DEADLINE"}""", "process.scheduler.policy")]
    [InlineData("/process/ioPriority", """{"class":"IOPRIO_CLASS_X"}""", "process.ioPriority.class")]
    [InlineData("/vm", """{"kernel":{"path":"/x"}}""", "vm")]
    public void What_a_sandbox_cannot_do_is_refused_by_name(string path, string json, string name)
    {
        Bundle bundle = Busybox("true");
        Set(bundle, path, json);
        FailsNaming(name, Runsc.RunBundle(bundle, Minutes(1)));
    }

    [Theory]
    [InlineData("pid")]
    [InlineData("ipc")]
    [InlineData("mount")]
    [InlineData("user")]
    public void Joining_somebody_elses_namespace_is_refused(string type)
    {
        Bundle bundle = Busybox("true");
        JsonArray namespaces = (JsonArray)bundle.Config["linux"]!["namespaces"]!;
        string path = $"/proc/{Environment.ProcessId}/ns/{(type == "mount" ? "mnt" : type)}";
        if (namespaces.FirstOrDefault(item => (string?)item!["type"] == type) is { } present)
            present["path"] = path;
        else
            namespaces.Add(new JsonObject { ["type"] = type, ["path"] = path });
        FailsNaming(type, Runsc.RunBundle(bundle, Minutes(1)));
    }

    [Theory]
    [InlineData("/process/apparmorProfile", "\"docker-default\"", "process.apparmorProfile")]
    [InlineData("/process/selinuxLabel", "\"system_u:system_r:x\"", "process.selinuxLabel")]
    [InlineData("/linux/mountLabel", "\"system_u:object_r:x\"", "linux.mountLabel")]
    [InlineData("/linux/rootfsPropagation", "\"rslave\"", "linux.rootfsPropagation")]
    [InlineData("/linux/devices", """[{"path":"/dev/fuse","type":"c","major":10,"minor":229}]""", "/dev/fuse")]
    [InlineData("/windows", "{}", "windows")]
    public void What_has_no_effect_is_warned_about_by_name(string path, string json, string name)
    {
        Bundle bundle = Busybox("true");
        Set(bundle, path, json);
        HostResult result = Runsc.RunBundle(bundle, Minutes(1));
        Assert.Equal(0, result.Status);
        Assert.Contains("warning: config.json: ", result.Error, StringComparison.Ordinal);
        Assert.Contains(name, result.Error, StringComparison.Ordinal);
    }

    [Fact]
    public void Unknown_mount_options_are_named_and_id_mapped_mounts_refused()
    {
        Bundle bundle = Busybox("true");
        bundle.Mounts.Add(Bundle.Mount("/mnt", "bind", Runsc.Scratch, "rbind", "sparkling"));
        Assert.Contains(
            "\"sparkling\" is not known", Runsc.RunBundle(bundle, Minutes(1)).Error, StringComparison.Ordinal);
        bundle.Mounts.Add(Bundle.Mount("/mnt", "bind", Runsc.Scratch, "rbind", "idmap"));
        FailsNaming("id-mapped mounts", Runsc.RunBundle(bundle, Minutes(1)));
    }

    private string Output(Bundle bundle)
    {
        HostResult result = Runsc.RunBundle(bundle, Minutes(2));
        return Succeeds(result);
    }

    private static JsonObject Mapping(uint container, uint host, uint size) =>
        new() { ["containerID"] = container, ["hostID"] = host, ["size"] = size };

    private static void Set(Bundle bundle, string path, string json)
    {
        string[] names = path.Split('/')[1..];
        JsonObject parent = names.Length == 1 ? bundle.Config : (JsonObject)bundle.Config[names[0]]!;
        parent[names[^1]] = JsonNode.Parse(json);
    }
}
