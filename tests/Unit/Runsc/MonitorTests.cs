using System.Buffers.Binary;
using Sandbox.Linux;
using Sandbox.Runsc.Launch;
using Sandbox.Sentry.Control;
using Xunit;

namespace Sandbox.UnitTests.Runsc;

/// <summary>The monitor program, run for real.</summary>
public sealed class MonitorTests : IDisposable
{
    private readonly MonitorProcess _monitor;
    private readonly HostFd _sentryEnd;

    public MonitorTests()
    {
        Assert.False(
            HostSocket.CreatePair(SocketType.SequencedPacket).Failed(out (HostFd Monitor, HostFd Sentry) pair, out _));
        Assert.False(HostFile.OpenAt(HostFile.CurrentDirectory, "/dev/null"u8, OpenFlags.ReadWrite
            | OpenFlags.CloseOnExec).Failed(out int fd, out _));
        using HostFd nullFile = new(fd);
        _sentryEnd = pair.Sentry;
        _monitor = MonitorProcess.ForExecution(["true"], pair.Monitor, nullFile, -1);
        _monitor.Start();
        _monitor.Release();
        _monitor.Finish();
        pair.Monitor.Dispose();
    }

    public void Dispose()
    {
        HostChild.Signal(_monitor.PidFd, 9);
        _monitor.Dispose();
        _sentryEnd.Dispose();
    }

    private int ExitCode()
    {
        Assert.True(HostChild.WaitForEnd(_monitor.PidFd, 10_000));
        Assert.False(HostChild.Wait(_monitor.ProcessId).Failed(out int status, out _));
        return MonitorLink.ExitCode(status);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(15)]
    [InlineData(28)]
    [InlineData(10)]
    public void A_signal_it_gets_is_told_to_the_sentry(int signal)
    {
        Assert.Equal(Errno.Ok, HostChild.Signal(_monitor.PidFd, signal));
        byte[] message = new byte[4];
        Assert.False(HostSocket.Receive(_sentryEnd.Number, message).Failed(out ReceivedMessage received, out _));
        Assert.Equal(4, received.Length);
        Assert.Equal(signal, BinaryPrimitives.ReadInt32LittleEndian(message));
    }

    [Fact]
    public void It_ends_with_the_status_it_was_told_but_not_before_the_sentry()
    {
        HostSocket.Send(_sentryEnd.Number, [42, 0, 0, 0]);
        Assert.False(HostChild.WaitForEnd(_monitor.PidFd, 100));
        _sentryEnd.Dispose();
        Assert.Equal(42, ExitCode());
    }

    [Fact]
    public void When_the_sentry_dies_it_ends_as_if_killed()
    {
        _sentryEnd.Dispose();
        Assert.Equal(137, ExitCode());
    }
}
