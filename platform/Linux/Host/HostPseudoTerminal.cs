namespace Sandbox.Linux;

/// <summary>Pseudo-terminals of the host (pty(7)).</summary>
public static unsafe class HostPseudoTerminal
{
    /// <summary>A new pair, close-on-exec. Needs no path but /dev/ptmx (TIOCGPTPEER).</summary>
    public static Result<(HostFd Master, HostFd Slave)> Open()
    {
        const long unlock = 0x40045431, getPeer = 0x5441;
        const OpenFlags flags = OpenFlags.ReadWrite | OpenFlags.NoControllingTerminal | OpenFlags.CloseOnExec;
        if (HostFile.OpenAt(HostFile.CurrentDirectory, "/dev/ptmx"u8, flags).Failed(out int fd, out Errno error))
            return error;
        HostFd master = new(fd);
        int locked = 0;
        error = HostSyscall.ErrorOf(HostSyscall.Call(Sys.ioctl, fd, unlock, (long)&locked));
        if (error == Errno.Ok
            && !HostSyscall.AsInt(HostSyscall.Call(Sys.ioctl, fd, getPeer, (long)flags)).Failed(
                out int slave, out error))
        {
            return (master, new HostFd(slave));
        }

        master.Dispose();
        return error;
    }
}
