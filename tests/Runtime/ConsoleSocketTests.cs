using System.Text;
using Sandbox.Harness;
using Sandbox.Linux;
using Xunit;
using static Tmds.Linux.LibC;

namespace Sandbox.RuntimeTests;

/// <summary>
/// --console-socket: the caller gets the terminal's master, and all that is typed and shown passes through it.
/// </summary>
public sealed class ConsoleSocketTests : ContainerTests
{
    [Fact]
    public void A_created_container_sends_the_master_and_sees_what_is_done_with_it()
    {
        Bundle bundle = Busybox("sh");
        bundle.Process["terminal"] = true;
        string id = RunscState.NewId(), socket = NewSocketPath();
        using HostFd listener = Listen(socket);
        Succeeds(Runsc.Run("create", "--bundle", bundle.Write().Folder, "--console-socket", socket, id));
        using HostFd master = ReceiveMaster(listener);
        Succeeds(Runsc.Run("start", id));
        HostTerminal.SetWindowSize(master.Number, new WindowSize(33, 77, 0, 0));
        Type(master, "until [ \"$(stty size)\" = '33 77' ]; do sleep 0.1; done; tty; echo size-$((33+77))\n");
        string shown = ReadUntil(master, "size-110");
        Assert.Contains("/dev/pts/", shown, StringComparison.Ordinal);
        HostTerminal.SetWindowSize(master.Number, new WindowSize(44, 88, 0, 0));
        Type(master, "until [ \"$(stty size)\" = '44 88' ]; do sleep 0.1; done; echo size-$((44+88))\n");
        ReadUntil(master, "size-132");
        Type(master, "exit 3\n");
        WaitForStatus(id, "stopped");
        Succeeds(Runsc.Run("delete", id));
    }

    [Fact]
    public void A_detached_exec_with_a_terminal_sends_its_own()
    {
        string id = RunDetached(Busybox("sleep", "1000")), socket = NewSocketPath(), pidFile = Path.Combine(
            Runsc.Scratch, "exec.pid");
        using HostFd listener = Listen(socket);
        Succeeds(Runsc.Run("exec", "--tty", "--console-socket", socket, "--detach", "--pid-file", pidFile, id, "sh"));
        using HostFd master = ReceiveMaster(listener);
        Type(master, "tty; echo end-$((1+1))\n");
        Assert.Contains("/dev/pts/", ReadUntil(master, "end-2"), StringComparison.Ordinal);
        Type(master, "\x03sleep 1000\n");
        int monitor = int.Parse(File.ReadAllText(pidFile));
        HostProgram.SignalProcess(monitor, 9);
        WaitUntil("the terminal's processes are gone", () =>
            !Succeeds(Runsc.Run("exec", id, "ps")).Contains("{sh}") && Ended(monitor));
        Succeeds(Runsc.Run("delete", "--force", id));
    }

    [Fact]
    public void A_terminal_and_a_console_socket_need_each_other()
    {
        Bundle bundle = Busybox("sh");
        string socket = NewSocketPath();
        using HostFd listener = Listen(socket);
        FailsNaming("no terminal", Runsc.Run(
            "create", "--bundle", bundle.Write().Folder, "--console-socket", socket, RunscState.NewId()));
        bundle.Process["terminal"] = true;
        bundle.Write();
        FailsNaming("console socket", Runsc.Run("create", "--bundle", bundle.Folder, RunscState.NewId()));
        FailsNaming("console socket", Runsc.Run("run", "--detach", "--bundle", bundle.Folder, RunscState.NewId()));
        FailsNaming("/no/such/socket", Runsc.Run(
            "create", "--bundle", bundle.Folder, "--console-socket", "/no/such/socket", RunscState.NewId()));
        Assert.Equal("", Succeeds(Runsc.Run("list", "-q")));
    }

    private static bool Ended(int process)
    {
        try
        {
            return File.ReadAllText($"/proc/{process}/stat").Contains(") Z", StringComparison.Ordinal);
        }
        catch (IOException)
        {
            return true;
        }
    }

    private string NewSocketPath() => Path.Combine(Runsc.Scratch, "console.sock");

    private static HostFd Listen(string path)
    {
        Assert.False(HostListener.Listen(
            Encoding.UTF8.GetBytes(path), 1).Failed(out HostFd? listener, out Errno error), error.ToString());
        return listener!;
    }

    /// <summary>One message: bytes that are a name, and one descriptor.</summary>
    private static HostFd ReceiveMaster(HostFd listener)
    {
        Assert.Equal(PollEvents.In, HostPoll.WaitOne(listener.Number, PollEvents.In));
        using HostFd connection = new(Accept(listener.Number));
        byte[] name = new byte[100];
        int[] fds = new int[2];
        Assert.False(HostSocket.Receive(connection.Number, name, fds).Failed(out ReceivedMessage message, out _));
        Assert.Equal(1, message.FdCount);
        Assert.NotEqual(0, message.Length);
        return new HostFd(fds[0]);
    }

    private static unsafe int Accept(int listener) => accept4(listener, null, null, SOCK_CLOEXEC);

    private static void Type(HostFd master, string text) => HostFile.Write(master.Number, Encoding.UTF8.GetBytes(text));

    private static string ReadUntil(HostFd master, string expected)
    {
        StringBuilder shown = new();
        byte[] buffer = new byte[4096];
        DateTime end = DateTime.UtcNow + Minutes(1);
        PollFd[] fds = [new PollFd(master.Number, PollEvents.In)];
        while (!shown.ToString().Contains(expected, StringComparison.Ordinal))
        {
            int left = (int)(end - DateTime.UtcNow).TotalMilliseconds;
            if (left <= 0 || HostPoll.Wait(fds, left).Failed(out int ready, out _) || ready == 0)
                break;
            if (HostFile.Read(master.Number, buffer).Failed(out int count, out _) || count == 0)
                break;
            shown.Append(Encoding.UTF8.GetString(buffer, 0, count));
        }

        Assert.Contains(expected, shown.ToString(), StringComparison.Ordinal);
        return shown.ToString();
    }
}
