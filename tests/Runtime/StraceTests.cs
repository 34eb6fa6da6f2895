using System.Text.RegularExpressions;
using Sandbox.Harness;
using Xunit;

namespace Sandbox.RuntimeTests;

/// <summary>What --strace, --strace-syscalls and --strace-summary leave in the debug log.</summary>
public sealed class StraceTests : ContainerTests
{
    private string LogFile => Path.Combine(Runsc.Scratch, "trace.log");

    [Fact]
    public void A_trace_shows_paths_flags_data_and_errors()
    {
        string log = Trace("--strace", "echo written > /tmp/file; cat /tmp/file /missing; exit 3");
        Assert.Matches(@"\[ +\d+:sh\] open(at)?\((AT_FDCWD, )?""/tmp/file"", O_WRONLY\|O_CREAT\|O_TRUNC(\|O_LARGEFILE)?, 0666\) = \d+ <\d", log);
        Assert.Matches(@"write\(1</tmp/file>, ""written\\n"", 8\) = 8 <", log);
        Assert.Matches(@"""/missing"", .* = -1 ENOENT \(", log);
        Assert.Matches(@"exit_group\(3\) = \?", log);
        Assert.Matches(@"execve\(""[^""]*"", \[""cat"", ""/tmp/file"", ""/missing""\], 0x", log);
    }

    [Fact]
    public void Only_the_calls_asked_for_are_shown()
    {
        string log = Trace("--strace-syscalls=chdir,getcwd", "cd /tmp; pwd");
        Assert.Contains("chdir(\"/tmp\") = 0", log);
        foreach (Match match in Regex.Matches(log, @"^T .*?\] (\w+)\(", RegexOptions.Multiline))
            Assert.True(match.Groups[1].Value is "chdir" or "getcwd", match.Value);
    }

    [Fact]
    public void A_summary_counts_calls_and_errors()
    {
        string log = Trace("--strace-summary", "cat /missing; cat /missing; true");
        Assert.Matches(@"(?m)^ *\d+\.\d+ +\d+\.\d+ +\d+\.\d +\d+ +\d+ open(at)?$", log);
        Assert.Matches(@"(?m)^ *100\.00 .* total$", log);
        Assert.DoesNotMatch(@"(?m)^T .*\] open(at)?\(", log);
    }

    [Fact]
    public void A_trace_that_cannot_be_seen_is_refused()
    {
        Bundle bundle = Busybox("true");
        Runsc.GlobalFlags.Add("--strace");
        FailsNaming("--debug-log", Runsc.RunBundle(bundle, Minutes(1)));
        Runsc.GlobalFlags.Clear();
        Runsc.GlobalFlags.Add($"--debug-log={LogFile}");
        Runsc.GlobalFlags.Add("--strace-syscalls=opne");
        FailsNaming("opne", Runsc.RunBundle(bundle, Minutes(1)));
    }

    [Fact]
    public void The_syscalls_command_prints_the_table_in_four_forms()
    {
        Assert.Contains("gVisor", Succeeds(Runsc.Run("syscalls", "--format", "markdown")));
        Assert.StartsWith("number,name,support,family,note\n0,read,full,files,", Succeeds(Runsc.Run("syscalls", "--format=csv")));
        Assert.Contains("\"name\": \"openat2\"", Succeeds(Runsc.Run("syscalls", "--format=json")));
        string unsupported = Succeeds(Runsc.Run("syscalls", "--unsupported"));
        Assert.Contains(" vserver ", unsupported);
        Assert.DoesNotContain(" getpid ", unsupported);
        FailsNaming("xml", Runsc.Run("syscalls", "--format=xml"));
    }

    // The log after a shell script has run with a flag; its own status does not matter.
    private string Trace(string flag, string script)
    {
        Runsc.GlobalFlags.Add($"--debug-log={LogFile}");
        Runsc.GlobalFlags.Add(flag);
        HostResult result = Runsc.RunBundle(Busybox("sh", "-c", script), Minutes(2));
        Assert.False(result.IsTimedOut, result.ToString());
        return File.ReadAllText(LogFile);
    }
}
