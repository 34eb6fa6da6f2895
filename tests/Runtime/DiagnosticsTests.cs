using System.Globalization;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using Microsoft.Diagnostics.Tracing;
using Sandbox.Harness;
using Xunit;

namespace Sandbox.RuntimeTests;

/// <summary>
/// What an operator can see of a running sandbox: counters, traces, threads, metrics; and what nobody else can.
/// </summary>
public sealed class DiagnosticsTests : ContainerTests
{
    private const string BusyLoop = "while :; do cat /etc/passwd > /dev/null; done";

    [Fact]
    public void Debug_shows_live_counters_and_latencies_of_a_sandbox_with_diagnostics()
    {
        string id = StartDetached(["--diagnostics"], "sh", "-c", BusyLoop);
        string shown = Succeeds(Runsc.Run(Minutes(2), "debug", "--count", "3", id));
        Assert.Equal(3, shown.Split("SYSCALL").Length - 1);
        Assert.Contains("Messages from guest threads", shown);
        Assert.Contains("The Sentry's managed heap", shown);
        Assert.Matches(@"\nwait4 +[\d,.]+ +\d+ +[\d,.]+ (us|ms|s) +[\d,.]+ (us|ms|s)\n", shown);
    }

    [Fact]
    public void A_recorded_trace_opens_in_the_usual_reader_and_holds_calls_and_counters()
    {
        string id = StartDetached(["--diagnostics"], "sh", "-c", BusyLoop);
        string file = Path.Combine(Runsc.Scratch, "busy.nettrace");
        HashSet<string> counters = [];
        SortedSet<string> seen = [];
        long calls = 0;
        // A slow machine may not get round to a call in a short recording: the next one is longer.
        for (int seconds = 3; calls == 0 || !counters.Contains("syscalls"); seconds *= 2)
        {
            Assert.True(seconds < 50, $"no calls in half a minute of recording, only {string.Join(", ", seen)}; {string.Join(", ", counters)}");
            Succeeds(Runsc.Run(Minutes(4), "debug", "--trace", file, "--duration",
                seconds.ToString(CultureInfo.InvariantCulture), id));
            using EventPipeEventSource source = new(file);
            source.Dynamic.All += told =>
            {
                seen.Add($"{told.ProviderName}/{told.EventName}");
                if (told.ProviderName != "Sandbox-Sentry")
                    return;
                if (told.EventName == "Ended" && Convert.ToInt64(told.PayloadByName("nanoseconds")) > 0)
                    calls++;
                if (told.EventName == "EventCounters" && told.PayloadValue(0) is IDictionary<string, object> payload)
                {
                    if (payload.TryGetValue("Payload", out object? inner))
                        payload = (IDictionary<string, object>)inner;
                    counters.Add((string)payload["Name"]);
                }
            };
            source.Process();
        }

        Assert.Contains("gofer-messages", counters);
        Assert.Contains("memory-shared", counters);
    }

    [Fact]
    public void Without_diagnostics_there_is_no_port_and_debug_says_so()
    {
        string id = StartDetached([], "sleep", "1000");
        FailsNaming("--diagnostics", Runsc.Run("debug", id));
        using JsonDocument state = JsonDocument.Parse(File.ReadAllText(Path.Combine(Runsc.Root, id, "state.json")));
        int sentry = state.RootElement.GetProperty("sentry").GetProperty("id").GetInt32();
        Assert.Equal(
            $"/proc/{sentry}/root/proc", Assert.Single(Directory.GetFileSystemEntries($"/proc/{sentry}/root/")));
        Assert.Empty(Directory.GetFiles("/tmp", $"dotnet-diagnostic-{sentry}-*"));
    }

    [Fact]
    public void A_guest_sees_nothing_of_the_port()
    {
        string id = StartDetached(["--diagnostics"], "sleep", "1000");
        HostResult found = Runsc.Run(
            "exec", id, "sh", "-c", "find / -xdev -name 'dotnet-diagnostic*'; cat /proc/net/unix");
        Assert.DoesNotContain("dotnet", Succeeds(found));
    }

    [Fact]
    public void Debug_tells_what_each_thread_waits_for_and_where_its_code_is()
    {
        string id = StartDetached([], "sh", "-c", "sleep 1000; true");
        string shown = Until(
            () => Succeeds(Runsc.Run("debug", "--stacks", id)), text =>
                text.Contains("hrtimer_nanosleep") && text.Contains("do_wait"));
        Assert.Matches(@"1 +1 +S +sh +do_wait +wait4\(0x", shown);
        Assert.Matches(@"S +sleep +hrtimer_nanosleep +(clock_)?nanosleep\(0x", shown);
        Assert.Contains("/bin/busybox+0x", shown);
        Assert.Matches("ip [0-9a-f]+ sp 7f", shown);
    }

    [Fact]
    public void Debug_finds_the_registers_of_a_thread_that_computes()
    {
        string id = StartDetached([], "awk", "BEGIN { while (1) n++ }");
        string shown = Until(
            () => Succeeds(Runsc.Run("debug", "--stacks", id)), text => text.Contains("/bin/busybox+0x"));
        Assert.Matches(@"1 +1 +R +awk +0 +-", shown);
    }

    [Fact]
    public void Metrics_are_OpenMetrics_text_and_come_over_a_unix_socket_too()
    {
        string id = StartDetached(["--diagnostics"], "sh", "-c", BusyLoop);
        string text = Until(
            () => Succeeds(Runsc.Run("metrics", id)), text => text.Contains("syscall=\"wait4\",le=\"+Inf\""));
        CheckOpenMetrics(text, id);
        string path = Path.Combine(Runsc.Scratch, "metrics.sock");
        using HostProgram server = Runsc.Start("metrics", "--listen", path);
        string answer = Until(() => Get(path, "/metrics"), static text => text.Length > 0);
        Assert.StartsWith("HTTP/1.1 200 OK\r\nContent-Type: application/openmetrics-text", answer);
        CheckOpenMetrics(answer[(answer.IndexOf("\r\n\r\n", StringComparison.Ordinal) + 4)..], id);
        Assert.StartsWith("HTTP/1.1 404", Get(path, "/else"));
        server.Signal(15);
        Assert.Equal(0, server.Wait(Minutes(1)).Status);
        Assert.False(File.Exists(path));
    }

    [Fact]
    public void An_idle_sandbox_does_nothing_and_is_small()
    {
        const int proportionalKilobytesMax = 12 << 10;
        string id = StartDetached([], "sleep", "100000");
        // Two looks between which no message came: the guest sleeps. A spinning Sentry, or a timer in it,
        // would go on sending.
        string before = string.Empty;
        Until(
            () => Notifications(id),
            now =>
            {
                bool isQuiet = now == before;
                before = now;
                return isQuiet;
            });
        using JsonDocument state = JsonDocument.Parse(File.ReadAllText(Path.Combine(Runsc.Root, id, "state.json")));
        int sentry = state.RootElement.GetProperty("sentry").GetProperty("id").GetInt32();
        int gofer = state.RootElement.GetProperty("gofer").GetProperty("id").GetInt32();
        long ticks = Ticks(sentry) + Ticks(gofer);
        Thread.Sleep(TimeSpan.FromSeconds(4));
        Assert.InRange(Ticks(sentry) + Ticks(gofer) - ticks, 0, 40); // Of 400 a single spinning thread would take.
        Assert.Equal(before, Notifications(id));
        // The Sentry gives back what only its start needed.
        Until(
            () => (Proportional(sentry) + Proportional(gofer)).ToString(CultureInfo.InvariantCulture),
            kilobytes => int.Parse(kilobytes, CultureInfo.InvariantCulture) < proportionalKilobytesMax);
    }

    private string Notifications(string id)
    {
        foreach (string line in Succeeds(Runsc.Run("metrics", id)).Split('\n'))
        {
            if (line.StartsWith("sandbox_notifications_total", StringComparison.Ordinal))
                return line;
        }

        throw new InvalidOperationException("no notifications among the metrics");
    }

    private static long Ticks(int process)
    {
        string text = File.ReadAllText($"/proc/{process}/stat");
        string[] fields = text[(text.LastIndexOf(')') + 2)..].Split(' ');
        return long.Parse(fields[11], CultureInfo.InvariantCulture) + long.Parse(
            fields[12], CultureInfo.InvariantCulture);
    }

    private static int Proportional(int process)
    {
        foreach (string line in File.ReadLines($"/proc/{process}/smaps_rollup"))
        {
            if (line.StartsWith("Pss:", StringComparison.Ordinal))
                return int.Parse(line[4..^2].Trim(), CultureInfo.InvariantCulture);
        }

        return 0;
    }

    private static void CheckOpenMetrics(string text, string id)
    {
        Assert.EndsWith("\n# EOF\n", text);
        Assert.Matches($"sandbox_syscalls_total\\{{container=\"{id}\",syscall=\"openat\"\\}} [1-9]", text);
        Assert.Matches($"sandbox_notifications_total\\{{container=\"{id}\"\\}} [1-9]", text);
        Assert.Matches($"sandbox_gofer_messages_total\\{{container=\"{id}\"\\}} [1-9]", text);
        HashSet<string> families = [];
        foreach (string line in text.TrimEnd('\n').Split('\n'))
        {
            if (line.StartsWith("# TYPE ", StringComparison.Ordinal))
                Assert.True(families.Add(line.Split(' ')[2]), $"{line}: a family's lines must stand together");
            else if (!line.StartsWith('#'))
                Assert.Matches(@"^[a-z_]+\{([a-z_]+=""[^""]*"",?)*\} [0-9.E+-]+$", line);
        }
    }

    private static string Get(string socketPath, string path)
    {
        using Socket socket = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        try
        {
            socket.Connect(new UnixDomainSocketEndPoint(socketPath));
        }
        catch (SocketException)
        {
            return string.Empty; // It does not listen yet.
        }

        socket.Send(Encoding.ASCII.GetBytes($"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n"));
        using NetworkStream stream = new(socket);
        using StreamReader reader = new(stream);
        return reader.ReadToEnd();
    }

    private static string Until(Func<string> read, Predicate<string> isGood)
    {
        string text = read();
        for (int attempt = 0; attempt < 300 && !isGood(text); attempt++)
        {
            Thread.Sleep(100);
            text = read();
        }

        Assert.True(isGood(text), text);
        return text;
    }

    private string StartDetached(string[] flags, params string[] arguments)
    {
        string id = RunscState.NewId();
        Bundle bundle = Busybox(arguments).Write();
        foreach (string flag in flags)
            Runsc.GlobalFlags.Add(flag);
        Succeeds(Runsc.Run("run", "--detach", "--bundle", bundle.Folder, id));
        return id;
    }
}
