using Sandbox.Gofer;
using Sandbox.Gofer.Protocol;
using Sandbox.Linux;
using Sandbox.Sentry.Filesystems.Gofer;
using Xunit;

namespace Sandbox.UnitTests.Gofer;

/// <summary>
/// A server of this process's own /proc directory: the place with the most dangerous links there are.
/// </summary>
internal sealed class ProcFixture : IDisposable
{
    private readonly GoferServer _server;
    private readonly Thread _worker;
    private readonly HostFd _serverEnd;

    public ProcFixture()
    {
        Assert.False(ProcSelfFd.Open(-1, becomesWorkingDirectory: false).Failed(out ProcSelfFd? self, out _));
        byte[] path = GoferFixture.Bytes($"/proc/{Environment.ProcessId}");
        Assert.False(HostFile.OpenAt(HostFile.CurrentDirectory, path, OpenFlags.Path | OpenFlags.Directory).Failed(
            out int fd, out _));
        _server = new GoferServer([new ServedRoot(new HostFd(fd), RootFlags.Writable)], self, 100);
        Assert.False(
            HostSocket.CreatePair(SocketType.SequencedPacket).Failed(out (HostFd Ours, HostFd Theirs) pair, out _));
        _serverEnd = pair.Theirs;
        _worker = new Thread(() => _server.Serve(_serverEnd.Number));
        _worker.Start();
        Client = new GoferClient(pair.Ours);
        Assert.Equal(Errno.Ok, Client.Attach(0, out AttachReply root));
        Self = root.Handle;
    }

    public GoferClient Client { get; }

    /// <summary>The handle of /proc/PID.</summary>
    public uint Self { get; }

    public void Dispose()
    {
        Client.Dispose();
        _worker.Join();
        _serverEnd.Dispose();
        _server.Dispose();
    }
}
