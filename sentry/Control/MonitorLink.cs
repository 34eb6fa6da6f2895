using System.Buffers.Binary;
using Sandbox.Linux;

namespace Sandbox.Sentry.Control;

/// <summary>
/// The Sentry's end of a monitor's socket (SOCK_SEQPACKET): the host process that stands for a container's first
/// process, or for an exec, towards callers. It sends the signals it gets as u32; its end of file means it was killed.
/// It is told the exit code as u32, once, and ends with it.
/// </summary>
internal sealed class MonitorLink
{
    private const int StackBytes = 128 << 10, WindowChange = 28;
    private readonly ISandboxControl _control;
    private readonly string _container;
    private readonly int _process;
    private readonly bool _hasTerminal;
    private readonly HostFd _socket;
    private readonly ManualResetEventSlim? _sandboxEnded;
    private volatile bool _isOver;

    private MonitorLink(
        ISandboxControl control, string container, int process, bool hasTerminal, HostFd socket,
        ManualResetEventSlim? sandboxEnded) =>
        (_control, _container, _process, _hasTerminal, _socket, _sandboxEnded) =
            (control, container, process, hasTerminal, socket, sandboxEnded);

    /// <summary>
    /// Serves a monitor until its process is over; takes the socket. Fails as <see cref="ISandboxControl.OnExit"/>
    /// does. With <paramref name="sandboxEnded"/>, which is then set, the sandbox ends with the process: the socket
    /// stays open until the Sentry is gone, so that whoever waits for the monitor finds no Sentry any more.
    /// </summary>
    public static string? Attach(
        ISandboxControl control, string container, int process, bool hasTerminal, HostFd socket,
        ManualResetEventSlim? sandboxEnded = null)
    {
        MonitorLink link = new(control, container, process, hasTerminal, socket, sandboxEnded);
        if (!HostThread.TryStart("monitor", StackBytes, link.Listen))
        {
            control.Kill(container, process);
            control.Forget(container, process);
            socket.Dispose();
            return ControlError.NoThread;
        }

        string? error = control.OnExit(container, process, link.Exited);
        if (error is not null)
            link.Close();
        return error;
    }

    /// <summary>The exit code a shell shows: the code itself, or 128 and the signal.</summary>
    public static int ExitCode(int waitStatus) =>
        (waitStatus & 0x7F) == 0 ? (waitStatus >> 8) & 0xFF : 128 + (waitStatus & 0x7F);

    private void Exited(int waitStatus)
    {
        Span<byte> message = stackalloc byte[sizeof(uint)];
        BinaryPrimitives.WriteInt32LittleEndian(message, ExitCode(waitStatus));
        HostSocket.Send(_socket.Number, message);
        if (_sandboxEnded is null)
        {
            Close();
            return;
        }

        _isOver = true;
        _sandboxEnded.Set();
    }

    private void Close()
    {
        _isOver = true;
        HostSocket.ShutDown(_socket.Number); // Wakes the listening thread, which closes.
    }

    private void Listen()
    {
        Span<byte> message = stackalloc byte[sizeof(uint)];
        while (!HostSocket.Receive(_socket.Number, message).Failed(out ReceivedMessage received, out _)
            && received.Length > 0)
        {
            if (_isOver || received.Length != sizeof(uint))
                continue;
            int signal = BinaryPrimitives.ReadInt32LittleEndian(message);
            if (signal == WindowChange && _hasTerminal)
                _control.WindowChanged(_container, _process);
            else
                _control.Signal(_container, _process, signal, all: false);
        }

        if (!_isOver)
            _control.Kill(_container, _process);
        _control.Forget(_container, _process);
        _socket.Dispose();
    }
}
