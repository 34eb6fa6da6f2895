using System.Text;
using Sandbox.Gofer;
using Sandbox.Gofer.Protocol;
using Sandbox.Linux;
using Sandbox.Sentry.Filesystems.Gofer;
using Xunit;

namespace Sandbox.UnitTests.Gofer;

/// <summary>
/// A temporary directory with a server (one thread per socket) and a client over real sockets, all in this process.
/// Next to the served "root" lies "outside", which nothing may reach.
/// </summary>
internal sealed class GoferFixture : IDisposable
{
    public const int Sockets = 2;

    private readonly GoferServer _server;
    private readonly Thread[] _workers = new Thread[Sockets];
    private readonly HostFd[] _serverEnds = new HostFd[Sockets];

    public GoferFixture(RootFlags flags = RootFlags.Writable, int handlesMax = 1000)
    {
        Folder = Directory.CreateTempSubdirectory("gofer-test-").FullName;
        Directory.CreateDirectory(Root);
        Directory.CreateDirectory(Path.Combine(Folder, "outside"));
        File.WriteAllText(Path.Combine(Folder, "outside", "secret"), "secret");
        Assert.False(ProcSelfFd.Open(-1, becomesWorkingDirectory: false).Failed(out ProcSelfFd? self, out _));
        _server = new GoferServer([OpenRoot(flags), OpenRoot(RootFlags.None)], self, handlesMax);
        HostFd[] clientEnds = new HostFd[Sockets];
        for (int i = 0; i < Sockets; i++)
        {
            Assert.False(
                HostSocket.CreatePair(SocketType.SequencedPacket).Failed(out (HostFd Ours, HostFd Theirs) pair, out _));
            (clientEnds[i], _serverEnds[i]) = pair;
            int socket = _serverEnds[i].Number;
            _workers[i] = new Thread(() => _server.Serve(socket), 256 * 1024);
            _workers[i].Start();
        }

        Client = new GoferClient(clientEnds);
        RawSocket = clientEnds[0].Number;
        RootHandle = Attach(0);
    }

    public string Folder { get; }

    /// <summary>The served directory. Index 0 with the fixture's flags, index 1 read-only.</summary>
    public string Root => Path.Combine(Folder, "root");

    public GoferClient Client { get; }

    /// <summary>The first channel's socket, for packets no client would send. Not while the client is in use.</summary>
    public int RawSocket { get; }

    public uint RootHandle { get; }

    public uint Attach(uint index)
    {
        Assert.Equal(Errno.Ok, Client.Attach(index, out AttachReply reply));
        return reply.Handle;
    }

    /// <summary>A handle of a path below the root.</summary>
    public uint HandleOf(string path)
    {
        WalkOutcome outcome = Walk(path, wantHandle: true, out _);
        Assert.Equal(Errno.Ok, outcome.StepError);
        Assert.NotEqual(0u, outcome.Handle);
        return outcome.Handle;
    }

    public WalkOutcome Walk(string path, bool wantHandle, out GoferAttributes[] attributes)
    {
        attributes = new GoferAttributes[GoferLimits.WalkComponentsMax];
        Result<WalkOutcome> result = Client.Walk(
            RootHandle, Bytes(path), wantHandle ? WalkFlags.WantHandle : WalkFlags.None, attributes);
        Assert.False(result.Failed(out WalkOutcome outcome, out Errno error), error.ToString());
        return outcome;
    }

    public string At(string path) => Path.Combine(Root, path);

    public static byte[] Bytes(string text) => Encoding.UTF8.GetBytes(text);

    public void Dispose()
    {
        Client.Dispose();
        foreach (Thread worker in _workers)
            Assert.True(worker.Join(TimeSpan.FromSeconds(10)), "a worker did not see the end of its socket");
        foreach (HostFd end in _serverEnds)
            end.Dispose();
        _server.Dispose();
        Directory.Delete(Folder, recursive: true);
    }

    private ServedRoot OpenRoot(RootFlags flags)
    {
        OpenFlags how = OpenFlags.Path | OpenFlags.Directory | OpenFlags.CloseOnExec;
        Assert.False(HostFile.OpenAt(HostFile.CurrentDirectory, Bytes(Root), how).Failed(out int fd, out _));
        return new ServedRoot(new HostFd(fd), flags);
    }
}
