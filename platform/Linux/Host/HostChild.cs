namespace Sandbox.Linux;

/// <summary>Other processes of the host, by pidfd or as children.</summary>
public static unsafe class HostChild
{
    /// <summary>wait4(2) for one child: its wait status. ECHILD if it is no child (any more).</summary>
    public static Result<int> Wait(int processId)
    {
        int status;
        Errno error = HostSyscall.ErrorOf(HostSyscall.CallRetrying(Sys.wait4, processId, (long)&status));
        return error == Errno.Ok ? status : error;
    }

    /// <summary>pidfd_send_signal(2). ESRCH if it is dead.</summary>
    public static Errno Signal(HostFd pidFd, int signal) =>
        HostSyscall.ErrorOf(HostSyscall.Call(Sys.pidfd_send_signal, pidFd.Number, signal));

    /// <summary>
    /// Waits until the process is dead (a zombie, or gone); false after the timeout (milliseconds, -1: none).
    /// </summary>
    public static bool WaitForEnd(HostFd pidFd, int timeoutMilliseconds)
    {
        Span<PollFd> fds = [new PollFd(pidFd.Number, PollEvents.In)];
        while (true)
        {
            if (!HostPoll.Wait(fds, timeoutMilliseconds).Failed(out int found, out _))
                return found > 0;
        }
    }

    /// <summary>pipe2(2) with O_CLOEXEC.</summary>
    public static Result<(HostFd Read, HostFd Write)> CreatePipe()
    {
        int* ends = stackalloc int[2];
        Errno error = HostSyscall.ErrorOf(HostSyscall.Call(Sys.pipe2, (long)ends, (long)OpenFlags.CloseOnExec));
        return error == Errno.Ok ? (new HostFd(ends[0]), new HostFd(ends[1])) : error;
    }
}
