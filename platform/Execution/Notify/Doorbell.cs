using Sandbox.Linux;
using Sandbox.Platform.Stubs;

namespace Sandbox.Platform.Notify;

/// <summary>A thread that has come in with its full state: what it wants, and how it goes on.</summary>
internal sealed class Doorbell(GuestThread thread, CommandRunner runner, GuestContext context)
{
    private const uint ArchX64 = 0xC000003E;

    /// <summary>A file mapping that could not be made in place; owned, -1 if none.</summary>
    private int _postponedFd = -1;

    private bool _isResuming;

    /// <summary>The thread rang, and the calling receiver owns it.</summary>
    public void OnNotification(in SeccompNotification notification)
    {
        int signal = (int)notification.A0;
        if (signal is StubLayout.SignalDone or StubLayout.SignalNewThread || !context.TryEnter(notification))
        {
            thread.Violation("rang the doorbell for nothing");
            thread.LeaveGone();
            return;
        }

        if (signal == StubSignals.Kick)
        {
            RunPostponed();
            thread.Shortcuts?.AtDoorbell(context.Registers.GsBase != 0);
            Finish(Interrupted());
            return;
        }

        ref readonly SignalContext frame = ref context.Frame.Context;
        FaultSignal fault = context.Frame.Signal;
        if (context.HasStoppedCopy && (Signal)signal is (Signal.Segment or Signal.Bus))
        {
            thread.Shortcuts!.OnFault(context.HasPageBase);
            Finish(GuestAction.Resume); // The call is answered, or will be made once more.
            return;
        }

        if (signal == (int)Signal.IllegalInstruction && thread.MapOut(frame.Rip) != frame.Rip)
        {
            Finish(GuestAction.Resume); // It stood within a call, or between its instructions, when that was rewritten.
            return;
        }

        if (signal != (int)Signal.BadSystemCall)
        {
            FaultInfo info = new(signal, fault.Code, fault.Address, frame.TrapNumber, frame.ErrorCode);
            if (!IsFault(signal))
            {
                // Only a frame the guest made itself can name another signal.
                thread.Violation("forged a fault");
                thread.LeaveGone();
                return;
            }

            Counters.Add(Counter.Faults);
            Finish(thread.Events!.OnFault(thread, info));
            return;
        }

        thread.SetSyscall(new SyscallArguments
        {
            // A call of another architecture has no number here; no table knows this one.
            Number = fault.SyscallArchitecture == ArchX64 ? fault.SyscallNumber : int.MaxValue,
            A0 = frame.Rdi, A1 = frame.Rsi, A2 = frame.Rdx, A3 = frame.R10, A4 = frame.R8, A5 = frame.R9,
            InstructionPointer = frame.Rip,
        });
        Finish(thread.Events!.OnSyscall(thread));
    }

    private static bool IsFault(int signal) =>
        (Signal)signal is Signal.Segment or Signal.Bus or Signal.IllegalInstruction
        or Signal.FloatingPoint or Signal.Trap;

    /// <summary>Carries an answer out, and whatever has come up since.</summary>
    public void Finish(GuestAction action)
    {
        while (true)
        {
            bool interrupt = action.Kind is GuestActionKind.ReturnThenInterrupt or GuestActionKind.ExecuteThenInterrupt;
            switch (action.Kind)
            {
                case GuestActionKind.Return:
                case GuestActionKind.ReturnThenInterrupt:
                    context.Registers.Rax = (ulong)action.Value;
                    break;
                case GuestActionKind.ExecuteOnHost:
                case GuestActionKind.ExecuteThenInterrupt:
                    context.Registers.Rax = (ulong)RunOwnCall(action.HostFd);
                    break;
                case GuestActionKind.Exit:
                    thread.Exit();
                    return;
            }

            ThreadStates state = thread.State;
            if ((state & ThreadStates.Dying) != 0)
            {
                thread.Exit();
                return;
            }

            if (!interrupt && (state & ThreadStates.Interrupted) == 0)
                break;
            action = Interrupted();
        }

        SetSegmentBases();
        Resume();
    }

    /// <summary>Back to guest code through rt_sigreturn.</summary>
    public void Resume()
    {
        WriteBack();
        ulong id = thread.NotificationId;
        _isResuming = true;
        bool isAlive = thread.Leave(false);
        _isResuming = false;
        if (isAlive)
            HostSeccompListener.Answer(thread.Listener.Fd, id, 0);
    }

    /// <summary>
    /// The thread was kept from leaving, and calls may have been rewritten meanwhile: where it goes on may be between
    /// two instructions that are no longer there.
    /// </summary>
    public void OnThaw()
    {
        if (_isResuming)
            WriteBack();
    }

    private void WriteBack()
    {
        if (!context.TryWriteBack())
            thread.Violation("unmapped its signal frame");
    }

    /// <summary>The thread's own mmap is to be made when it comes in by the kick that is on its way.</summary>
    public void Postpone(int fd)
    {
        const int duplicateAbove = 1030; // F_DUPFD_CLOEXEC
        _postponedFd = HostFile.Control(fd, duplicateAbove, 0).Failed(out int copy, out _) ? -1 : copy;
    }

    private void RunPostponed()
    {
        if (_postponedFd < 0)
            return;
        context.Registers.Rax = (ulong)RunOwnCall(_postponedFd);
        HostFile.Close(_postponedFd);
        _postponedFd = -1;
    }

    private GuestAction Interrupted()
    {
        thread.Clear(ThreadStates.Interrupted);
        return (thread.State & ThreadStates.Dying) != 0 ? GuestAction.Exit : thread.Events!.OnInterrupt(thread);
    }

    private long RunOwnCall(int hostFd)
    {
        SyscallArguments call = thread.Syscall;
        Span<HostCommand> commands =
        [
            new HostCommand(
                call.Number, (long)call.A0, (long)call.A1, (long)call.A2, (long)call.A3, (long)call.A4, (long)call.A5,
                hostFd),
        ];
        return runner.Run(commands, true) is not Errno.Ok and Errno error ? -(long)error : commands[0].Result;
    }

    private void SetSegmentBases()
    {
        const int setGs = 0x1001, setFs = 0x1002;
        if (context.HasNewFsBase(out ulong fsBase))
            runner.Run([new HostCommand(Sys.arch_prctl, setFs, (long)fsBase)], true);
        if (context.HasNewGsBase(out ulong gsBase))
            runner.Run([new HostCommand(Sys.arch_prctl, setGs, (long)gsBase)], true);
        else if (context.MustRestorePageBase)
            runner.Run([thread.Shortcuts!.RestoreGsBase()], true);
    }
}
