using Sandbox.Linux;
using Sandbox.Platform.Stubs;

namespace Sandbox.Platform.Ptrace;

/// <summary>The life of a guest thread from its start to its end, all of it on its tracer's host thread.</summary>
internal sealed partial class TracedThread
{
    private const uint ArchX64 = 0xC000003E;

    private bool _isReaped;

    /// <summary>
    /// The first thread of a stub has ended for its guest, while others go on. On the host it is never resumed: a
    /// stub's memory is within reach only while the thread whose id is the stub's is there.
    /// </summary>
    private bool _standsForSpace;

    /// <summary>Runs the guest until it ends. What is left of it is gone from the host when this returns.</summary>
    public void Run()
    {
        int signal = 0;
        if (!IsGone)
            signal = RunGuest();
        Reap();
        Set(ThreadStates.Gone);
        _files.RemoveUser();
        ReportExit(signal);
    }

    /// <summary>Resumes the guest and handles what it stops at, until it is gone: by which signal.</summary>
    private int RunGuest()
    {
        GuestAction action = GuestAction.Resume;
        while (true)
        {
            bool isAlive = false;
            try
            {
                isAlive = Finish(action);
            }
            catch (Exception exception)
            {
                OnHandlerFailure(exception);
            }

            TraceeStop stop = isAlive ? TraceeStop.Await(HostThreadId) : new TraceeStop(StopKind.Gone, 0);
            Set(ThreadStates.Busy);
            if (stop.Kind == StopKind.Gone)
                return stop.Signal;
            _registers.Forget();
            try
            {
                action = Handle(stop);
            }
            catch (Exception exception)
            {
                OnHandlerFailure(exception);
                return 0;
            }
        }
    }

    private GuestAction Handle(in TraceeStop stop)
    {
        switch (stop.Kind)
        {
            case StopKind.Call:
                return OnCall();
            case StopKind.Signal when TraceeFault.TryRead(this, stop.Signal, out FaultInfo fault):
                Counters.Add(Counter.Faults);
                return Events!.OnFault(this, fault);
            default:
                return GuestAction.Resume; // A kick, whose reason stands in the state, or somebody on the host.
        }
    }

    private GuestAction OnCall()
    {
        if (HostPtrace.GetCall(HostThreadId, out TracedCall call) != Errno.Ok)
            return GuestAction.Resume; // Killed meanwhile.
        _syscall = new SyscallArguments
        {
            // A call of another architecture has no number here; no table knows this one.
            Number = call.Architecture == ArchX64 ? (int)call.Value : int.MaxValue,
            A0 = call.A0, A1 = call.A1, A2 = call.A2, A3 = call.A3, A4 = call.A4, A5 = call.A5,
            InstructionPointer = call.InstructionPointer,
        };
        return Events!.OnSyscall(this);
    }

    /// <summary>
    /// Carries an answer out, and whatever has come up since, and lets the guest run. False if it will not run again.
    /// </summary>
    private bool Finish(GuestAction action)
    {
        while (true)
        {
            bool interrupt = action.Kind is GuestActionKind.ReturnThenInterrupt or GuestActionKind.ExecuteThenInterrupt;
            switch (action.Kind)
            {
                case GuestActionKind.Return:
                case GuestActionKind.ReturnThenInterrupt:
                    _registers.SetResult(action.Value);
                    break;
                case GuestActionKind.ExecuteOnHost:
                case GuestActionKind.ExecuteThenInterrupt:
                    long result = RunOwnCall(action.HostFd);
                    _registers.SetResult(result);
                    break;
                case GuestActionKind.Exit:
                    Exit();
                    return false;
            }

            if (interrupt)
                Set(ThreadStates.Interrupted);
            if (_registers.WriteBack() is not Errno.Ok and Errno unwritten)
            {
                if (unwritten is not Errno.ESRCH)
                    Violation($"has registers that the host refuses ({unwritten})");
                return false;
            }

            if (TryLeave())
                return HostPtrace.ResumeToEmulatedCall(HostThreadId) == Errno.Ok;
            if ((State & ThreadStates.Dying) != 0)
            {
                Exit();
                return false;
            }

            Clear(ThreadStates.Interrupted);
            action = Events!.OnInterrupt(this);
        }
    }

    /// <summary>
    /// Gives the thread up, unless something has to be done first: whoever asks for it from now on has to kick.
    /// </summary>
    private bool TryLeave()
    {
        while (true)
        {
            ThreadStates state = State;
            if ((state & ThreadStates.Frozen) != 0)
                Space.AwaitThaw(this);
            else if ((state & (ThreadStates.Interrupted | ThreadStates.Dying)) != 0)
                return false;
            else if (TrySwap(state, state & ~ThreadStates.Busy))
                return true;
        }
    }

    /// <summary>
    /// The guest's own call. Restartable sequences are not to be had here: the host would look into guest memory, and
    /// go on elsewhere, whenever an injected call or a child that nobody traces yet returns to user mode.
    /// </summary>
    private long RunOwnCall(int hostFd)
    {
        SyscallArguments call = _syscall;
        return call.Number == Sys.rseq
            ? -(long)Errno.ENOSYS
            : RunCommand(new HostCommand(
                call.Number, (long)call.A0, (long)call.A1, (long)call.A2, (long)call.A3, (long)call.A4, (long)call.A5,
                hostFd));
    }

    /// <summary>Ends the thread where it stands; the last one with its stub.</summary>
    private void Exit()
    {
        if (!Space.TryRemove(this))
        {
            Space.Kill();
            return;
        }

        if (IsLeader)
        {
            ReportExit(0);
            _standsForSpace = true;
        }
        else if (!_injector.RunExit())
            Space.Kill();
    }

    /// <summary>Its id is the stub's.</summary>
    private bool IsLeader => HostThreadId == Space.HostProcessId;

    /// <summary>Waits until the host has nothing of the thread but what the exit watcher reaps.</summary>
    private void Reap()
    {
        if (Volatile.Read(ref _isReaped))
        {
            Space.OnThreadEnd(this);
            return;
        }

        if (_standsForSpace)
            HostPtrace.TakeStop(HostThreadId); // What it stands in is known: the next that is told of is its end.
        while (TraceeStop.Await(HostThreadId) is { Kind: not StopKind.Gone })
            Space.Kill(); // Whatever it is, it has not ended as it should, and nobody is to let it run again.
        if (!IsLeader)
            HostPtrace.Reap(HostThreadId, out _);
        Space.OnThreadEnd(this);
    }

    /// <summary>By another host thread, while a handler runs: reaps the thread if it was killed.</summary>
    public void ReapIfEnded()
    {
        if (!HostPtrace.HasEnded(HostThreadId))
            return;
        Volatile.Write(ref _isReaped, true); // First: the host may give its id to another thread.
        HostPtrace.ReapNow(HostThreadId);
    }

    /// <summary>A bug in a handler costs its own guest, not the sandbox.</summary>
    private void OnHandlerFailure(Exception exception)
    {
        Space.Host.Log($"internal error in a handler of host thread {HostThreadId}: {exception}");
        Space.Kill();
    }

    private void ReportExit(int signal)
    {
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
