using Sandbox.Linux;
using Sandbox.Platform.Stubs;

namespace Sandbox.Platform.Notify;

/// <summary>How a guest thread ends: where it stands, by its own exit(2), or with its stub.</summary>
internal sealed partial class GuestThread
{
    /// <summary>The stub is gone.</summary>
    public override void OnProcessEnd(int signal)
    {
        Listener.Platform.Threads.Remove(HostThreadId, this);
        ThreadStates old = Set(ThreadStates.Gone);
        _runner.OnGone();
        if ((old & ThreadStates.Busy) == 0 || (old & ThreadStates.Unstarted) != 0)
            ReportExit(signal);
        else
            _shortcuts?.Abandon();
    }

    /// <summary>A thread that was told to exit has done so, or its stub is gone.</summary>
    public override void EndExit(int signal)
    {
        Listener.Platform.Threads.Remove(HostThreadId, this);
        ReportExit(signal);
    }

    /// <summary>Ends the thread where it stands, at its doorbell.</summary>
    public void Exit()
    {
        if (!Space.TryRemove(this))
        {
            ExitProcess();
            return;
        }

        if (IsLeader)
        {
            StandForSpace();
            return;
        }

        Volatile.Write(ref _isExiting, true);
        ulong id = NotificationId;
        if (!_runner.TryBeginExit())
            Violation("unmapped its slot");
        Watch();
        HostSeccompListener.Answer(Listener.Fd, id, 1);
    }

    private void OnExitCommand(in SeccompNotification notification)
    {
        if (notification.InstructionPointer != StubCode.CommandAddress
            || !CommandRunner.IsCommand(notification, new HostCommand(Sys.exit)))
        {
            Violation("did not exit as told");
            return;
        }

        ContinueExit(notification.Id);
    }

    /// <summary>Lets a verified exit(2) run, the last thing the host thread does.</summary>
    private void ContinueExit(ulong id)
    {
        Listener.Platform.Threads.Remove(HostThreadId, this); // Before the host can give the id to another thread.
        HostSeccompListener.Continue(Listener.Fd, id);
        Space.OnThreadEnd(this);
        Space.Slots.Return(Slot);
        ReportExit(0);
    }

    private void ExitFromNotification()
    {
        if (_syscall.Number != Sys.exit)
        {
            ulong id = NotificationId;
            if (EndByKick(isNotified: true))
                HostSeccompListener.Answer(Listener.Fd, id, 0);
            return;
        }

        if (!Space.TryRemove(this))
            ExitProcess();
        else if (IsLeader)
            StandForSpace();
        else
            ContinueExit(NotificationId);
    }

    /// <summary>Its id is the stub's.</summary>
    private bool IsLeader => HostThreadId == Space.HostProcessId;

    /// <summary>
    /// The guest's thread has ended, the host's never answers again and stands still until the stub goes: while it is
    /// there the space's memory is within reach under the stub's own id, which nobody else can get.
    /// </summary>
    private void StandForSpace()
    {
        Listener.Platform.Threads.Remove(HostThreadId, this);
        Space.OnThreadEnd(this);
        ReportExit(0);
    }

    /// <summary>
    /// The thread ends when it comes in by the kick; the last one at once, with its stub. False: nobody to answer.
    /// </summary>
    private bool EndByKick(bool isNotified)
    {
        if (Space.IsLast(this))
        {
            ExitProcess();
            return false;
        }

        Set(ThreadStates.Dying);
        return Leave(true, isNotified);
    }

    /// <summary>
    /// The last thread: it stands still in a notification, so a killed stub runs no guest code any more.
    /// </summary>
    private void ExitProcess()
    {
        Space.Kill();
        ReportExit(0);
    }

    private void ReportExit(int signal)
    {
        if ((Set(ThreadStates.Released) & ThreadStates.Released) == 0)
        {
            _shortcuts?.Close();
            if (TakeReservation())
                Listener.Platform.Receivers.EndReservation();
            Listener.RemoveThread();
        }

        if (Events is not IGuestEvents events || (Set(ThreadStates.Reported) & ThreadStates.Reported) != 0)
            return; // Without a listener to the event there will be one when Start finds the stub gone.
        try
        {
            events.OnExit(this, signal);
        }
        catch (Exception exception)
        {
            Space.Host.Log($"internal error in an exit handler: {exception}");
        }
    }
}
