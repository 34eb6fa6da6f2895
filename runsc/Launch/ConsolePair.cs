using System.Text;
using Sandbox.Linux;
using Sandbox.Runsc.CommandLine;
using Sandbox.Runsc.Spec;

namespace Sandbox.Runsc.Launch;

/// <summary>
/// The host's pseudo-terminal behind a process with a terminal: the Sentry gets the slave, somebody else the master.
/// </summary>
internal sealed class ConsolePair : IDisposable
{
    private readonly HostFd _master, _slave;

    private ConsolePair(HostFd master, HostFd slave) => (_master, _slave) = (master, slave);

    /// <summary>The slave's descriptor here.</summary>
    public int Slave => _slave.Number;

    /// <summary>The master, kept by a command in the foreground.</summary>
    public HostFd Master => _master;

    /// <summary>
    /// What a process needs: null without a terminal; with a console socket the master has been sent there. Refuses the
    /// combinations that runc refuses.
    /// </summary>
    public static ConsolePair? For(ProcessSpec process, string? consoleSocket, bool isDetached)
    {
        if (!process.Terminal)
        {
            return consoleSocket is null
                ? null
                : throw new Failure("cannot use console socket if the process has no terminal (process.terminal)");
        }

        if (isDetached && consoleSocket is null)
            throw new Failure("cannot allocate tty if runsc will detach without setting console socket");
        if (!isDetached && consoleSocket is not null)
            throw new Failure("cannot use console socket if runsc will not detach");
        if (HostPseudoTerminal.Open().Failed(out (HostFd Master, HostFd Slave) pair, out Errno error))
            throw new Failure($"open /dev/ptmx: {HostRoots.Describe(error)}");
        ConsolePair console = new(pair.Master, pair.Slave);
        if (process.ConsoleSize is { Height: > 0, Width: > 0 } size)
            HostTerminal.SetWindowSize(
                pair.Master.Number, new WindowSize((ushort)size.Height, (ushort)size.Width, 0, 0));
        if (consoleSocket is not null)
            console.SendMaster(consoleSocket);
        return console;
    }

    public void CloseSlave() => _slave.Dispose();

    public void Dispose()
    {
        _master.Dispose();
        _slave.Dispose();
    }

    /// <summary>
    /// Gives the master away: one message whose bytes are a name and whose ancillary data is the descriptor.
    /// </summary>
    private void SendMaster(string path)
    {
        if (HostSocket.Create(SocketFamily.Unix, SocketType.Stream).Failed(out int fd, out Errno error))
            throw new Failure($"socket: {error}");
        using HostFd socket = new(fd);
        error = HostSocket.ConnectUnix(fd, Encoding.UTF8.GetBytes(path));
        if (error == Errno.Ok)
            HostSocket.Send(fd, "/dev/ptmx"u8, [_master.Number]).Failed(out _, out error);
        if (error != Errno.Ok)
            throw new Failure($"console socket {path}: {HostRoots.Describe(error)}");
        _master.Dispose();
    }
}
