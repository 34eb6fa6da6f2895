using System.Runtime.InteropServices;
using Sandbox.Linux;
using Sandbox.Runsc.CommandLine;
using Sandbox.Sentry.Control;

namespace Sandbox.Runsc.Launch;

/// <summary>
/// A command that stays with its process: hands on signals and, with a terminal, what is typed and shown, until the
/// monitor ends with the process's exit code. Made before anything is started, so that no signal is missed.
/// </summary>
internal sealed class Foreground : IDisposable
{
    private const int CopyBytes = 4096, StackBytes = 64 << 10;
    private readonly List<PosixSignalRegistration> _registrations = [];
    private readonly ConsolePair? _console;
    private readonly Termios? _saved;
    private volatile HostFd? _monitor;
    private volatile int _early;

    public Foreground(ConsolePair? console)
    {
        _console = console;
        // SIGHUP SIGINT SIGQUIT SIGUSR1 SIGUSR2 SIGALRM SIGTERM SIGCONT SIGTSTP SIGWINCH, by their numbers.
        foreach (int signal in (ReadOnlySpan<int>)[1, 2, 3, 10, 12, 14, 15, 18, 20, 28])
            _registrations.Add(
                PosixSignalRegistration.Create((PosixSignal)signal, context => Receive(context, signal)));
        if (console is null)
            return;
        CopySize();
        if (HostTerminal.GetAttributes(0, out Termios attributes) != Errno.Ok)
            return;
        _saved = attributes;
        HostTerminal.SetAttributes(0, HostTerminal.MakeRaw(attributes));
    }

    /// <summary>Stays until the monitor, a child of this process, ends; gives its exit code.</summary>
    public int Wait(HostFd monitor, int monitorId)
    {
        _monitor = monitor;
        if (_early != 0)
            HostChild.Signal(monitor, _early);
        if (_console is { } console)
        {
            console.CloseSlave();
            new Thread(CopyInput, StackBytes) { IsBackground = true }.Start();
            CopyOutput(console.Master.Number);
        }

        return HostChild.Wait(monitorId).Failed(out int status, out Errno error)
            ? throw new Failure($"wait for the monitor: {error}")
            : MonitorLink.ExitCode(status);
    }

    public void Dispose()
    {
        if (_saved is { } saved)
            HostTerminal.SetAttributes(0, saved);
        foreach (PosixSignalRegistration registration in _registrations)
            registration.Dispose();
    }

    private void Receive(PosixSignalContext context, int signal)
    {
        const int windowChange = 28;
        context.Cancel = true;
        if (signal == windowChange && _console is not null)
            CopySize(); // The terminal then tells the monitor, whose terminal it is.
        else if (_monitor is { } monitor)
            HostChild.Signal(monitor, signal);
        else
            _early = signal;
    }

    private void CopySize()
    {
        if (HostTerminal.GetWindowSize(0, out WindowSize size) == Errno.Ok)
            HostTerminal.SetWindowSize(_console!.Master.Number, size);
    }

    private void CopyInput()
    {
        Span<byte> buffer = stackalloc byte[CopyBytes];
        while (!HostFile.Read(0, buffer).Failed(out int count, out _) && count > 0)
            Write(_console!.Master.Number, buffer[..count]);
    }

    /// <summary>Until EIO: the last slave is closed, by the Sentry and the monitor, and all output is read.</summary>
    private static void CopyOutput(int master)
    {
        Span<byte> buffer = stackalloc byte[CopyBytes];
        while (!HostFile.Read(master, buffer).Failed(out int count, out _) && count > 0)
            Write(1, buffer[..count]);
    }

    private static void Write(int fd, ReadOnlySpan<byte> bytes)
    {
        while (!bytes.IsEmpty && !HostFile.Write(fd, bytes).Failed(out int written, out _))
            bytes = bytes[written..];
    }
}
