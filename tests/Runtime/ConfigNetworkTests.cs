using System.Net.Sockets;
using System.Text;
using System.Text.Json.Nodes;
using Sandbox.Harness;
using Xunit;

namespace Sandbox.RuntimeTests;

/// <summary>
/// A network namespace that somebody else configured is the container's network, as engines and CNI do it.
/// </summary>
public sealed class ConfigNetworkTests : ContainerTests
{
    private const string Inside = "10.213.7.2", Outside = "10.213.7.1";
    private static int _count;
    private readonly string _name = $"sb{Environment.ProcessId}x{Interlocked.Increment(ref _count)}";

    [Fact]
    public void A_server_in_a_namespace_made_by_others_answers_the_host()
    {
        using ConfiguredNamespace space = new(_name);
        Bundle bundle = Busybox(
            "sh", "-c", "mkdir /tmp/www; echo hello >/tmp/www/index.html; httpd -f -p 80 -h /tmp/www");
        Network(bundle, space.Path);
        bundle.Write();
        string id = RunscState.NewId();
        Succeeds(Runsc.Run("run", "--detach", "--bundle", bundle.Folder, id));
        Assert.EndsWith("hello\n", Fetch(), StringComparison.Ordinal);
        // The other way, by the loopback, and what the container sees of its network.
        Assert.Equal("hello\n", Succeeds(Runsc.Run("exec", id, "wget", "-q", "-O", "-", "http://127.0.0.1/")));
        Assert.Contains($"inet {Inside}/24", Succeeds(Runsc.Run("exec", id, "ip", "addr")), StringComparison.Ordinal);
        Assert.Contains(
            $"default via {Outside}", Succeeds(Runsc.Run("exec", id, "ip", "route")), StringComparison.Ordinal);
        Assert.Contains("eth0:", Succeeds(Runsc.Run("exec", id, "cat", "/proc/net/dev")), StringComparison.Ordinal);
        Assert.Contains(":80 ", Succeeds(Runsc.Run("exec", id, "netstat", "-tln")), StringComparison.Ordinal);
        FailsNaming("", Runsc.Run("exec", id, "ip", "link", "set", "eth0", "down"));
        Succeeds(Runsc.Run("delete", "--force", id));
    }

    [Fact]
    public void Without_the_capability_low_ports_are_not_the_containers()
    {
        using ConfiguredNamespace space = new(_name);
        Bundle bundle = Busybox("sh", "-c", "httpd -p 80 -h /tmp 2>&1; httpd -p 8080 -h /tmp && echo high");
        Network(bundle, space.Path);
        bundle.Process["capabilities"] =
            new JsonObject { ["bounding"] = Bundle.Strings("CAP_KILL"), ["permitted"] = Bundle.Strings("CAP_KILL") };
        Assert.Equal("httpd: bind: Permission denied\nhigh\n", Succeeds(Runsc.RunBundle(bundle, Minutes(1))));
        bundle.Config["linux"]!["sysctl"] = new JsonObject { ["net.ipv4.ip_unprivileged_port_start"] = "0" };
        Assert.Equal("high\n", Succeeds(Runsc.RunBundle(bundle, Minutes(1))));
    }

    [Fact]
    public void A_hook_that_configures_the_new_namespace_of_the_container_gives_it_its_network()
    {
        Bundle bundle = Busybox("ip", "addr");
        string script = "pid=$(sed 's/.*\"pid\":\\([0-9]*\\).*/\\1/'); nsenter --net=/proc/$pid/ns/net ip link add eth7 type veth peer name eth8 &&"
            + " nsenter --net=/proc/$pid/ns/net ip addr add 10.213.8.2/24 dev eth7 && nsenter --net=/proc/$pid/ns/net ip link set eth7 up";
        bundle.Config["hooks"] = new JsonObject
        {
            ["prestart"] = new JsonArray(new JsonObject
            {
                ["path"] = "/bin/sh",
                ["args"] = Bundle.Strings("sh", "-c", script),
                ["env"] = Bundle.Strings("PATH=/usr/sbin:/usr/bin:/sbin:/bin"),
            }),
        };
        string output = Succeeds(Runsc.RunBundle(bundle, Minutes(1)));
        Assert.Contains("10.213.8.2/24", output, StringComparison.Ordinal);
        Assert.Contains("lo: <LOOPBACK,UP", output, StringComparison.Ordinal);
    }

    [Fact]
    public void With_network_none_a_configured_namespace_stays_out_of_reach()
    {
        using ConfiguredNamespace space = new(_name);
        Runsc.GlobalFlags.Add("--network=none");
        Bundle bundle = Busybox("ip", "addr");
        Network(bundle, space.Path);
        Assert.DoesNotContain("eth0", Succeeds(Runsc.RunBundle(bundle, Minutes(1))), StringComparison.Ordinal);
    }

    [Fact]
    public void A_namespace_that_does_not_exist_is_named()
    {
        Bundle bundle = Busybox("true");
        Network(bundle, "/var/run/netns/not-there");
        FailsNaming("/var/run/netns/not-there", Runsc.RunBundle(bundle, Minutes(1)));
    }

    private static void Network(Bundle bundle, string path)
    {
        foreach (JsonNode? item in (JsonArray)bundle.Config["linux"]!["namespaces"]!)
        {
            if ((string?)item!["type"] == "network")
                item["path"] = path;
        }
    }

    /// <summary>The server takes its time to listen; until it does, connections are refused.</summary>
    private static string Fetch()
    {
        for (DateTime end = DateTime.UtcNow + Minutes(1); ; Thread.Sleep(20))
        {
            try
            {
                using TcpClient client = new(Inside, 80);
                using NetworkStream stream = client.GetStream();
                stream.Write("GET / HTTP/1.0\r\n\r\n"u8);
                using StreamReader reader = new(stream, Encoding.ASCII);
                return reader.ReadToEnd();
            }
            catch (SocketException) when (DateTime.UtcNow < end)
            {
            }
        }
    }

    /// <summary>A namespace with an interface and a route, as a CNI plugin leaves it.</summary>
    private sealed class ConfiguredNamespace : IDisposable
    {
        private readonly string _name;

        public ConfiguredNamespace(string name)
        {
            _name = name;
            Ip("netns", "add", name);
            Ip("link", "add", name, "type", "veth", "peer", "name", "eth0", "netns", name);
            Ip("addr", "add", $"{Outside}/24", "dev", name);
            Ip("link", "set", name, "up");
            Ip("-n", name, "addr", "add", $"{Inside}/24", "dev", "eth0");
            Ip("-n", name, "link", "set", "eth0", "up");
            Ip("-n", name, "link", "set", "lo", "up");
            Ip("-n", name, "route", "add", "default", "via", Outside);
        }

        public string Path => $"/var/run/netns/{_name}";

        public void Dispose()
        {
            Ip("link", "delete", _name); // With the namespace it would go some time later.
            Ip("netns", "delete", _name);
        }

        private static void Ip(params string[] arguments) =>
            Succeeds(HostProgram.Run(["ip", .. arguments], TimeSpan.FromSeconds(30)));
    }
}
