using System.Globalization;
using System.Text;
using Sandbox.Linux;
using Sandbox.Runsc.CommandLine;
using Sandbox.Sentry.Control;

namespace Sandbox.Runsc.Launch;

/// <summary>A command's connection to a sandbox.</summary>
internal sealed class ControlClient : IDisposable
{
    public const string SocketName = "control.sock";

    private readonly ControlChannel _channel;

    private ControlClient(ControlChannel channel) => _channel = channel;

    /// <summary>
    /// The listening socket of a new sandbox. Containers' directories have long names and a socket's may have 107
    /// bytes: it is bound through a descriptor of the directory.
    /// </summary>
    public static HostFd Listen(string directory)
    {
        using HostFd place = OpenDirectory(directory);
        byte[] path = PathIn(place);
        const int backlog = 128;
        return HostListener.Listen(path, backlog).Failed(out HostFd? listener, out Errno error)
            ? throw new Failure($"listen on {directory}/{SocketName}: {error}")
            : listener;
    }

    /// <summary>Connects to the sandbox of a container's directory; null if nobody listens there (any more).</summary>
    public static ControlClient? TryConnect(string directory)
    {
        if (!Directory.Exists(directory))
            return null;
        using HostFd place = OpenDirectory(directory);
        if (HostSocket.Create(SocketFamily.Unix, SocketType.Stream).Failed(out int fd, out _))
            return null;
        HostFd socket = new(fd);
        if (HostSocket.ConnectUnix(fd, PathIn(place)) == Errno.Ok)
            return new ControlClient(new ControlChannel(socket));
        socket.Dispose();
        return null;
    }

    /// <summary>
    /// Asks and waits for the answer. Fails with the sandbox's error, or "container not running" when it dies.
    /// </summary>
    public ControlReply Ask(ControlRequest request, ReadOnlySpan<int> fds = default)
    {
        List<int> received = [];
        if (_channel.Send(request, ControlJson.Default.ControlRequest, fds) != Errno.Ok
            || _channel.Receive(ControlJson.Default.ControlReply, received).Failed(out ControlReply? reply, out _))
        {
            throw new Failure("container not running");
        }

        return reply.Error is null ? reply : throw new Failure(reply.Error);
    }

    public void Dispose() => _channel.Dispose();

    private static HostFd OpenDirectory(string directory)
    {
        const OpenFlags flags = OpenFlags.Path | OpenFlags.Directory | OpenFlags.CloseOnExec;
        return HostFile.OpenAt(HostFile.CurrentDirectory, Encoding.UTF8.GetBytes(directory), flags).Failed(
            out int fd, out Errno error)
            ? throw new Failure($"open {directory}: {HostRoots.Describe(error)}")
            : new HostFd(fd);
    }

    private static byte[] PathIn(HostFd place) =>
        Encoding.ASCII.GetBytes(
            string.Create(CultureInfo.InvariantCulture, $"/proc/self/fd/{place.Number}/{SocketName}"));
}
