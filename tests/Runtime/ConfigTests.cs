using System.Text.Json.Nodes;
using Sandbox.Harness;
using Xunit;

namespace Sandbox.RuntimeTests;

/// <summary>What config.json says is what the container sees.</summary>
public sealed class ConfigTests : ContainerTests
{
    [Fact]
    public void User_groups_umask_and_directory_are_honoured()
    {
        Bundle bundle = Busybox("sh", "-c", "id -u; id -g; id -G; umask; pwd; echo $EXTRA");
        bundle.Process["user"] = new JsonObject
        {
            ["uid"] = 1000,
            ["gid"] = 1001,
            ["umask"] = 63, // 077
            ["additionalGids"] = new JsonArray(5, 6),
        };
        bundle.Process["cwd"] = "/tmp";
        ((JsonArray)bundle.Process["env"]!).Add("EXTRA=given");
        Assert.Equal("1000\n1001\n1001 5 6\n0077\n/tmp\ngiven\n", Output(bundle));
    }

    [Fact]
    public void Capabilities_are_exactly_those_listed()
    {
        Bundle bundle = Busybox("grep", "^Cap", "/proc/self/status");
        bundle.Process["capabilities"] = new JsonObject
        {
            ["bounding"] = Bundle.Strings("CAP_KILL", "CAP_CHOWN"),
            ["effective"] = Bundle.Strings("CAP_KILL"),
            ["permitted"] = Bundle.Strings("CAP_KILL"),
        };
        Assert.Equal(
            "CapInh:\t0000000000000000\nCapPrm:\t0000000000000021\nCapEff:\t0000000000000021\n" +
            // root regains its bounding set at exec
            "CapBnd:\t0000000000000021\nCapAmb:\t0000000000000000\n", Output(bundle));
    }

    [Fact]
    public void Limits_are_the_containers_and_never_the_hosts()
    {
        Bundle bundle = Busybox("sh", "-c", "ulimit -n; ulimit -Hn; ulimit -c");
        bundle.Process["rlimits"] = new JsonArray(
            Bundle.Limit("RLIMIT_NOFILE", 123, 456), Bundle.Limit("RLIMIT_CORE", 0, 0));
        Assert.Equal("123\n456\n0\n", Output(bundle));
    }

    [Fact]
    public void The_host_name_is_the_containers_own()
    {
        Bundle bundle = Busybox("hostname");
        bundle.Config["hostname"] = "elsewhere";
        Assert.Equal("elsewhere\n", Output(bundle));
    }

    [Fact]
    public void A_readonly_root_cannot_be_written()
    {
        Bundle bundle = Busybox("sh", "-c", "echo x > /file; echo $?; echo y > /tmp/file && cat /tmp/file");
        bundle.Config["root"]!["readonly"] = true;
        HostResult result = Runsc.RunBundle(bundle, Minutes(1));
        Assert.Equal("1\ny\n", result.Output);
        Assert.Contains("Read-only file system", result.Error);
    }

    [Fact]
    public void Bind_mounts_show_the_hosts_files_and_write_through_unless_read_only()
    {
        string folder = Path.Combine(Runsc.Scratch, "shared"), file = Path.Combine(Runsc.Scratch, "single");
        Directory.CreateDirectory(folder);
        File.WriteAllText(Path.Combine(folder, "in"), "from host\n");
        File.WriteAllText(file, "one file\n");
        Bundle bundle = Busybox(
            "sh", "-c", "cat /shared/in /etc/single; echo back > /shared/out; echo no > /ro/x; echo $?");
        bundle.Mounts.Add(Bundle.Mount("/shared", "bind", folder, "rbind", "rw"));
        bundle.Mounts.Add(Bundle.Mount("/ro", "bind", folder, "rbind", "ro"));
        bundle.Mounts.Add(Bundle.Mount("/etc/single", "bind", file, "bind", "ro"));
        Assert.Equal("from host\none file\n1\n", Output(bundle));
        Assert.Equal("back\n", File.ReadAllText(Path.Combine(folder, "out")));
        Assert.False(File.Exists(Path.Combine(folder, "x")));
    }

    [Fact]
    public void Masked_and_readonly_paths_are_what_they_say()
    {
        Bundle bundle = Busybox("sh", "-c",
            "cat /etc/passwd | wc -c | tr -d ' '; ls /var | wc -l | tr -d ' '; touch /home/x 2>/dev/null; echo $?");
        bundle.Config["linux"]!["maskedPaths"] = Bundle.Strings("/etc/passwd", "/var", "/not/there");
        bundle.Config["linux"]!["readonlyPaths"] = Bundle.Strings("/home");
        Assert.Equal("0\n0\n1\n", Output(bundle));
    }

    [Fact]
    public void Tmpfs_options_are_honoured()
    {
        Bundle bundle = Busybox("sh", "-c", "stat -c %a /mnt/t; dd if=/dev/zero of=/mnt/t/f bs=1024 count=2048 2>&1 | grep -c 'No space'; mount | grep -c ' /mnt/t type tmpfs'");
        bundle.Mounts.Add(Bundle.Mount("/mnt/t", "tmpfs", "tmpfs", "mode=0750", "size=1m", "nosuid"));
        Assert.Equal("750\n1\n1\n", Output(bundle));
    }

    [Fact]
    public void No_new_privileges_is_set_for_the_command()
    {
        Bundle bundle = Busybox("grep", "NoNewPrivs", "/proc/self/status");
        bundle.Process["noNewPrivileges"] = true;
        Assert.Equal("NoNewPrivs:\t1\n", Output(bundle));
    }

    [Fact]
    public void Writes_go_through_to_the_root_when_the_overlay_is_off()
    {
        string root = Path.Combine(Runsc.Scratch, "root");
        Succeeds(HostProgram.Run(["cp", "-aH", Checkout.BusyboxRoot, root], Minutes(1)));
        Runsc.GlobalFlags.Add("--overlay2=none");
        Bundle bundle = new(Path.Combine(Runsc.Scratch, "through"), root, "sh", "-c", "echo kept > /kept; rm /bin/vi");
        Succeeds(Runsc.RunBundle(bundle, Minutes(1)));
        Assert.Equal("kept\n", File.ReadAllText(Path.Combine(root, "kept")));
        Assert.False(File.Exists(Path.Combine(root, "bin/vi")));
    }

    private string Output(Bundle bundle)
    {
        HostResult result = Runsc.RunBundle(bundle, Minutes(1));
        return result.IsTimedOut || result.Output.Length == 0
            ? throw new Xunit.Sdk.XunitException(result.ToString())
            : result.Output;
    }
}
