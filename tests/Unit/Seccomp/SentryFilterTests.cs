using Sandbox.Linux;
using Sandbox.Platform.Filters;
using Xunit;

namespace Sandbox.UnitTests.Seccomp;

public class SentryFilterTests
{
    private const int Proc = 9;
    private static readonly BpfInstruction[] _program = SentryFilter.Rules(new SentryFilterOptions(Proc)).Build();

    private static uint Ask(int number, params ulong[] arguments) =>
        BpfInterpreter.Run(_program, number, BpfInterpreter.ArchX64, 0, arguments);

    [Theory]
    [InlineData(Sys.execve)]
    [InlineData(Sys.execveat)]
    [InlineData(Sys.socket)]
    [InlineData(Sys.connect)]
    [InlineData(Sys.bind)]
    [InlineData(Sys.fork)]
    [InlineData(Sys.ptrace)]
    [InlineData(Sys.mount)]
    [InlineData(Sys.unshare)]
    [InlineData(Sys.setns)]
    [InlineData(Sys.openat2)]
    [InlineData(Sys.io_uring_setup)]
    [InlineData(Sys.bpf)]
    public void What_the_sentry_never_does_kills_it(int number) =>
        Assert.Equal(SeccompAction.KillProcess.Value, Ask(number));

    [Fact]
    public void Nothing_executable_is_mapped()
    {
        Assert.Equal(SeccompAction.Allow.Value, Ask(Sys.mmap, 0, 4096, 3, 0x22));
        Assert.Equal(SeccompAction.KillProcess.Value, Ask(Sys.mmap, 0, 4096, 5, 0x22));
        Assert.Equal(SeccompAction.KillProcess.Value, Ask(Sys.mprotect, 0x1000, 4096, 7));
    }

    [Fact]
    public void Files_are_opened_below_the_procfs_and_for_reading_only()
    {
        uint refused = SeccompAction.Fail(Errno.EPERM).Value;
        Assert.Equal(SeccompAction.Allow.Value, Ask(Sys.openat, Proc, 0x1000, 0x80000));
        Assert.Equal(refused, Ask(Sys.openat, Proc, 0x1000, (ulong)OpenFlags.ReadWrite));
        Assert.Equal(refused, Ask(Sys.openat, Proc, 0x1000, (ulong)OpenFlags.Create));
        Assert.Equal(refused, Ask(Sys.openat, unchecked((ulong)-100L), 0x1000, 0));
    }

    [Fact]
    public void Only_threads_are_cloned()
    {
        Assert.Equal(SeccompAction.Allow.Value, Ask(Sys.clone, 0x3D0F00));
        Assert.Equal(SeccompAction.KillProcess.Value, Ask(Sys.clone, 17));
        Assert.Equal(SeccompAction.Fail(Errno.ENOSYS).Value, Ask(Sys.clone3));
    }

    [Fact]
    public void The_list_stays_short() => Assert.InRange(SentryFilter.AllowedCalls.Count, 60, 105);
}
