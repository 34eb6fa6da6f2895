using Sandbox.Linux;
using Sandbox.Platform.Stubs;

namespace Sandbox.Platform.Notify;

/// <summary>
/// How stubs come under the notification platform: each installs the guest filter with a listener of its own.
/// </summary>
internal sealed class NotifyStubs(NotifyPlatform platform, BpfInstruction[] filter) : IStubMaker
{
    /// <summary>A stub's listener in its descriptor table.</summary>
    private const int ListenerNumber = 1;

    private readonly HostCommand[] _firstCommands =
    [
        new(Sys.seccomp, 1, (long)(SeccompFlags.NewListener | SeccompFlags.WaitKillableReceive),
            (long)ZygoteProcess.ProgramStart),
        new(Sys.execve), // Trapped by the filter: the way to the doorbell with a signal frame.
    ];

    public BpfInstruction[] Filter => filter;

    public ReadOnlySpan<HostCommand> FirstCommands => _firstCommands;

    public Result<IGuestThread> Adopt(int pid, HostFd pidFd)
    {
        if (!platform.Receivers.TryReserve())
            return Errno.EAGAIN;
        Result<IGuestThread> result = AdoptReserved(pid, pidFd);
        if (result.Error != Errno.Ok)
            platform.Receivers.EndReservation();
        return result;
    }

    private Result<IGuestThread> AdoptReserved(int pid, HostFd pidFd)
    {
        if (TakeListener(pidFd.Number).Failed(out int fd, out Errno error))
            return error;
        HostSeccompListener.SetSynchronousWakeUp(fd); // Before Linux 6.6 there is only the slower wake-up.
        SeccompNotification first;
        do
            error = HostSeccompListener.Receive(fd, out first);
        while (error is Errno.EINTR);
        Listener listener = new(platform, fd);
        AddressSpace space = new(platform.Stubs, pid, pidFd, new SlotAllocator());
        GuestThread thread = new(listener, space, pid, StubLayout.FirstSlot);
        if (error != Errno.Ok || !GuestThread.IsDoorbell(first, (int)Signal.BadSystemCall) || !thread.TryEnter(first))
        {
            HostFile.Close(fd);
            return error == Errno.Ok ? Errno.EIO : error;
        }

        platform.Register(thread);
        thread.MarkFresh();
        if (platform.InitialExtendedState.Length == 0)
            LearnExtendedState(thread);
        return Result<IGuestThread>.Of(thread);
    }

    /// <summary>
    /// Takes the listener out of a stub the zygote has just made, as soon as the stub has set its filter.
    /// ESRCH if it died.
    /// </summary>
    private static Result<int> TakeListener(int stubPidFd)
    {
        const int spins = 64, pauseMilliseconds = 1;
        for (int attempt = 0; ; attempt++)
        {
            Result<int> result = HostProcess.GetFd(stubPidFd, ListenerNumber);
            if (result.Error is not Errno.EBADF)
                return result;
            if (HostPoll.Now(stubPidFd, PollEvents.In) != PollEvents.None)
                return Errno.ESRCH;
            if (attempt < spins)
                HostSyscall.Call(Sys.sched_yield);
            else
                Thread.Sleep(pauseMilliseconds);
        }
    }

    private void LearnExtendedState(GuestThread thread)
    {
        byte[] state = new byte[thread.ExtendedStateBytes];
        if (thread.ReadExtendedState(state).Error == Errno.Ok)
            platform.InitialExtendedState = state;
    }
}
