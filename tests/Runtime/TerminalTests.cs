using Sandbox.Harness;
using Xunit;

namespace Sandbox.RuntimeTests;

/// <summary>An interactive shell in a container, typed at through a real pseudo-terminal.</summary>
public sealed class TerminalTests : ContainerTests
{
    [Fact]
    public void A_shell_on_a_terminal_has_its_size_its_name_and_echo()
    {
        using HostProgram shell = Interactive(Busybox("sh"));
        Say(shell, "stty size; tty; echo end-$((1+1))", "end-2");
        Assert.Contains("40 100", shell.OutputSoFar);
        Assert.Contains("/dev/pts/", shell.OutputSoFar + "/dev/console");
        Leave(shell);
    }

    [Fact]
    public void Control_C_interrupts_the_foreground_job_only()
    {
        using HostProgram shell = Interactive(Busybox("sh"));
        shell.Type("sleep 1000; echo status-$?\n");
        Thread.Sleep(700);
        shell.Type("\x03");
        Say(shell, "echo still-$((40+2))", "still-42");
        Leave(shell);
    }

    [Fact]
    public void Bash_controls_jobs()
    {
        using HostProgram shell = Interactive(Debian("bash", "--norc"));
        Say(shell, "echo ready-$((1+1))", "ready-2");
        shell.Type("sleep 1000\n");
        Thread.Sleep(700);
        shell.Type("\x1a");
        Assert.True(shell.WaitForOutput("Stopped", Minutes(0.5)), shell.OutputSoFar);
        Say(shell, "bg; sleep 0.2; jobs", "Running");
        Say(shell, "kill %1; wait %1; echo gone-$?", "gone-143");
        Leave(shell);
    }

    [Fact]
    public void Vi_works_on_the_terminal()
    {
        using HostProgram shell = Interactive(Busybox("sh"));
        Say(shell, "cd /tmp; echo ready-$((1+1))", "ready-2");
        shell.Type("vi note\n");
        Thread.Sleep(500);
        shell.Type("iwritten in vi");
        Thread.Sleep(300);
        shell.Type("\x1b"); // alone: with more behind it, it would be the start of a function key
        Thread.Sleep(500);
        shell.Type(":wq\n");
        Thread.Sleep(500);
        Say(shell, "cat note; echo end-$((2+2))", "end-4");
        Assert.Contains("written in vi", shell.OutputSoFar);
        Leave(shell);
    }

    private HostProgram Interactive(Bundle bundle)
    {
        bundle.Process["terminal"] = true;
        bundle.Write();
        return HostProgram.StartOnTerminal(Runsc.Command("run", "--bundle", bundle.Folder, RunscState.NewId()));
    }

    private static void Say(HostProgram shell, string line, string answer)
    {
        shell.Type(line + "\n");
        Assert.True(shell.WaitForOutput(answer, Minutes(0.5)), $"no '{answer}' after '{line}':\n{shell.OutputSoFar}");
    }

    private static void Leave(HostProgram shell)
    {
        shell.Type("exit 11\n");
        HostResult result = shell.Wait(Minutes(0.5));
        Assert.True(result.Status == 11, result.ToString());
    }
}
