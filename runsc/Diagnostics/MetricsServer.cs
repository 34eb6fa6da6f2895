using System.Text;
using Sandbox.Linux;
using Sandbox.Runsc.CommandLine;
using Sandbox.Runsc.Launch;
using static Tmds.Linux.LibC;

namespace Sandbox.Runsc.Diagnostics;

/// <summary>
/// Answers HTTP requests on a unix socket, one after the other, with a text made anew for each: all a scraper needs.
/// Who may connect is who may open the socket's file, its owner.
/// </summary>
internal sealed class MetricsServer : IDisposable
{
    private const int RequestBytesMax = 8192, WaitMilliseconds = 5000, Backlog = 16;
    private readonly HostFd _listener;
    private readonly string _path;

    /// <summary>Replaces a socket that nobody listens on any more; any other file in its place is an error.</summary>
    public MetricsServer(string path)
    {
        _path = path;
        byte[] bytes = Encoding.UTF8.GetBytes(path);
        RemoveStale(bytes);
        if (HostListener.Listen(bytes, Backlog).Failed(out HostFd? listener, out Errno error))
            throw new Failure($"listen on {path}: {HostRoots.Describe(error)}");
        _listener = listener;
        File.SetUnixFileMode(path, UnixFileMode.UserRead | UnixFileMode.UserWrite);
    }

    /// <summary>Serves until the process ends.</summary>
    public void Run(Func<string> text)
    {
        const int pauseMilliseconds = 10;
        while (true)
        {
            long accepted = HostSyscall.CallRetrying(Sys.accept4, _listener.Number, 0, 0, SOCK_CLOEXEC);
            if (accepted < 0)
            {
                Thread.Sleep(pauseMilliseconds); // Out of descriptors: not a reason to spin.
                continue;
            }

            using HostFd connection = new((int)accepted);
            Answer(connection, text);
        }
    }

    public void Dispose()
    {
        _listener.Dispose();
        File.Delete(_path);
    }

    private static void RemoveStale(byte[] path)
    {
        if (HostSocket.Create(SocketFamily.Unix, SocketType.Stream).Failed(out int fd, out _))
            return;
        using HostFd probe = new(fd);
        if (HostSocket.ConnectUnix(fd, path) == Errno.ECONNREFUSED)
            File.Delete(Encoding.UTF8.GetString(path));
    }

    private static bool IsReadable(HostFd connection)
    {
        Span<PollFd> entries = [new PollFd(connection.Number, PollEvents.In)];
        return !HostPoll.Wait(entries, WaitMilliseconds).Failed(out int ready, out _) && ready > 0;
    }

    private static void Answer(HostFd connection, Func<string> text)
    {
        byte[] buffer = new byte[RequestBytesMax];
        int length = 0;
        while (!buffer.AsSpan(0, length).EndsWith("\r\n\r\n"u8))
        {
            if (length == buffer.Length || !IsReadable(connection))
                return;
            if (HostSocket.Receive(connection.Number, buffer.AsSpan(length)).Failed(out ReceivedMessage received, out _)
                || received.Length == 0)
                return;
            length += received.Length;
        }

        bool isKnown = buffer.AsSpan().StartsWith("GET /metrics "u8) || buffer.AsSpan().StartsWith("GET / "u8);
        string body = isKnown ? text() : "only /metrics is here\n";
        string head =
            $"HTTP/1.1 {(isKnown ? "200 OK" : "404 Not Found")}\r\nContent-Type: {OpenMetrics.ContentType}\r\n"
            + $"Content-Length: {Encoding.UTF8.GetByteCount(body)}\r\nConnection: close\r\n\r\n";
        for (ReadOnlySpan<byte> rest = Encoding.UTF8.GetBytes(head + body); !rest.IsEmpty;)
        {
            if (HostSocket.Send(connection.Number, rest).Failed(out int sent, out _))
                return;
            rest = rest[sent..];
        }
    }
}
