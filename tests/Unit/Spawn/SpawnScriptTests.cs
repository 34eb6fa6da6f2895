using System.Text;
using Sandbox.Linux;
using Sandbox.Platform.Spawn;
using Xunit;

namespace Sandbox.UnitTests.Spawn;

/// <summary>Scripts run real children on this machine.</summary>
public sealed class SpawnScriptTests
{
    private static int WaitFor(int processId)
    {
        int status = 0;
        unsafe
        {
            Assert.Equal(processId, HostSyscall.CallRetrying(Sys.wait4, processId, (long)&status));
        }

        return status;
    }

    private static int OpenShell()
    {
        Assert.False(HostFile.OpenAt(HostFile.CurrentDirectory, "/bin/sh"u8, OpenFlags.Path | OpenFlags.CloseOnExec)
            .Failed(out int shell, out _));
        return shell;
    }

    private static unsafe (int Read, int Write) Pipe()
    {
        int* ends = stackalloc int[2];
        Assert.Equal(0, HostSyscall.Call(Sys.pipe2, (long)ends, (long)OpenFlags.CloseOnExec));
        return (ends[0], ends[1]);
    }

    private static string ReadAll(int fd)
    {
        StringBuilder text = new();
        byte[] buffer = new byte[4096];
        while (!HostFile.Read(fd, buffer).Failed(out int count, out _) && count > 0)
            text.Append(Encoding.UTF8.GetString(buffer, 0, count));
        return text.ToString();
    }

    [Fact]
    public void A_child_executes_the_program_with_its_arguments_environment_and_descriptors()
    {
        (int read, int write) = Pipe();
        using SpawnScript script = new();
        script.ResetSignals();
        script.ChangeDirectory("/proc");
        script.PassDescriptors([-1, write, write]);
        script.Execute(
            OpenShell(), ["sh", "-c", "echo $0 $1 $VALUE; pwd; ls /proc/self/fd | wc -l; exit 7", "zero", "one"],
            ["VALUE=2", "PATH=/bin:/usr/bin"]);
        Assert.Equal(default, script.Run());
        HostFile.Close(write);
        Assert.Equal("zero one 2\n/proc\n3\n", ReadAll(read));
        Assert.Equal(7 << 8, WaitFor(script.ProcessId));
        HostFile.Close(read);
    }

    [Fact]
    public void The_first_failing_step_is_named_with_its_error_and_the_child_is_reaped()
    {
        using SpawnScript script = new();
        script.AddOptional("close nothing", Sys.close, 9999);
        script.ChangeDirectory("/nowhere");
        script.Execute(OpenShell(), ["sh"], []);
        Assert.Equal(new SpawnOutcome("chdir /nowhere", Errno.ENOENT), script.Run());
        Assert.Equal(-(long)Errno.ECHILD, HostSyscall.Call(Sys.wait4, script.ProcessId));
    }

    [Fact]
    public void A_failing_execution_is_an_error_of_the_script()
    {
        Assert.False(HostFile.OpenAt(HostFile.CurrentDirectory, "/etc/passwd"u8, OpenFlags.Path | OpenFlags.CloseOnExec)
            .Failed(out int file, out _));
        using SpawnScript script = new();
        script.Execute(file, ["passwd"], []);
        Assert.Equal(new SpawnOutcome("execute passwd", Errno.EACCES), script.Run());
    }

    [Fact]
    public void Namespaces_and_maps_are_set_up_while_the_child_waits()
    {
        if (HostSyscall.Call(Sys.geteuid) != 0)
            Assert.Skip("needs root");
        (int read, int write) = Pipe();
        using SpawnScript script = new(
            CloneFlags.NewUser | CloneFlags.NewPid | CloneFlags.NewMount | CloneFlags.NewUts | CloneFlags.NewIpc
                | CloneFlags.NewNet);
        script.AddWaitForRelease();
        script.SetIdentity(0, 0);
        script.Mount("none", "/", null, 0x44000);
        script.Mount("tmpfs", "/tmp", "tmpfs", 0);
        script.MakeDirectory("/tmp/proc", Modes.O777);
        script.Mount("proc", "/tmp/proc", "proc", 0xE);
        script.Add("sethostname", Sys.sethostname, script.Text("inside"), 6);
        script.PassDescriptors([-1, write, write]);
        script.Execute(
            OpenShell(), ["sh", "-c", "echo $$ $(hostname); cat /proc/self/uid_map; ls /tmp"], ["PATH=/bin:/usr/bin"]);
        Assert.Equal(Errno.Ok, script.Start());
        File.WriteAllText($"/proc/{script.ProcessId}/uid_map", "0 0 4294967295\n");
        File.WriteAllText($"/proc/{script.ProcessId}/gid_map", "0 0 4294967295\n");
        script.Release();
        Assert.Equal(default, script.Finish());
        HostFile.Close(write);
        string[] lines = ReadAll(read).Split('\n');
        Assert.Equal("1 inside", lines[0]);
        Assert.Equal("proc", lines[2]);
        Assert.Equal(0, WaitFor(script.ProcessId));
    }

    [Fact]
    public void Results_of_earlier_steps_are_arguments_of_later_ones()
    {
        string file = Path.GetTempFileName();
        using SpawnScript script = new();
        script.WriteFile(file, "written by the child");
        script.Execute(OpenShell(), ["sh", "-c", "true"], []);
        Assert.Equal(default, script.Run());
        Assert.Equal(0, WaitFor(script.ProcessId));
        Assert.Equal("written by the child", File.ReadAllText(file));
        File.Delete(file);
    }

    [Fact]
    public void Disposing_a_waiting_child_ends_it()
    {
        SpawnScript script = new();
        script.AddWaitForRelease();
        script.Execute(OpenShell(), ["sh", "-c", "sleep 100"], []);
        Assert.Equal(Errno.Ok, script.Start());
        script.Dispose();
        Assert.Equal(-(long)Errno.ECHILD, HostSyscall.Call(Sys.wait4, script.ProcessId));
    }
}
