using Sandbox.Linux;
using Sandbox.Platform;
using Sandbox.Sentry.Kernel.Signals;
using Xunit;
using KernelTask = Sandbox.Sentry.Kernel.Tasks.Task;

namespace Sandbox.UnitTests.Kernel;

/// <summary>Signals between sending and the handler's first instruction.</summary>
public sealed class SignalDeliveryTests : IDisposable
{
    private const ulong StackTop = FakeAddressSpace.Base + 0x30000, Handler = 0x401000, Restorer = 0x402000,
        Code = 0x400123;
    private readonly FakeKernel _kernel = new();

    public void Dispose() => _kernel.Dispose();

    [Fact]
    public void Ignored_or_blocked_signal_does_not_disturb_its_target()
    {
        KernelTask task = _kernel.NewProcess(_kernel.Init);
        task.SignalMask = SignalSet.Of(Signal.User1);

        _kernel.Send(task.Group, Signal.Child);
        _kernel.Send(task.Group, Signal.User1);

        Assert.Equal(0, FakeKernel.ThreadOf(task).Interrupts);
        Assert.False(task.HasWork);
        Assert.Equal(SignalSet.Of(Signal.User1), SignalQueues.PendingOf(task));
    }

    [Fact]
    public void Signal_to_a_process_goes_to_the_one_thread_that_does_not_block_it()
    {
        KernelTask leader = _kernel.NewProcess(_kernel.Init);
        KernelTask other = _kernel.NewThread(leader);
        Catch(leader, Signal.User1, 0);
        leader.SignalMask = SignalSet.Of(Signal.User1);

        _kernel.Send(leader.Group, Signal.User1);

        Assert.False(leader.HasWork);
        Assert.True(other.HasWork);
    }

    [Fact]
    public void Fatal_signal_ends_the_whole_process_and_PID_1_survives_it()
    {
        KernelTask task = _kernel.NewProcess(_kernel.Init);
        _kernel.Send(task.Group, Signal.Terminate);
        Assert.True(task.Group.IsExiting);
        Assert.Equal((int)Signal.Terminate, task.Group.ExitStatus);

        _kernel.Send(_kernel.Init.Group, Signal.Terminate);
        _kernel.Send(_kernel.Init.Group, Signal.Kill, task);
        Assert.False(_kernel.Init.Group.IsExiting);
        _kernel.Send(_kernel.Init.Group, Signal.Kill);
        Assert.True(_kernel.Init.Group.IsExiting);
    }

    [Fact]
    public void Handler_gets_a_frame_as_Linux_lays_it_out_and_sigreturn_undoes_it()
    {
        KernelTask task = Prepared();
        Catch(task, Signal.User1, SignalAction.WithInfo);
        FakeGuestThread thread = FakeKernel.ThreadOf(task);
        thread.Extended[100] = 77;
        UserRegisters before = thread.Registers;
        _kernel.Send(task.Group, Signal.User1);

        Assert.Equal(GuestActionKind.Resume, SignalDelivery.BeforeResume(task, thread).Kind);

        ulong frame = thread.Registers.Rsp;
        Assert.Equal(8ul, frame % 16);
        Assert.True(frame + (ulong)SignalFrame.Size <= StackTop - 128);
        Assert.Equal((ulong)Signal.User1, thread.Registers.Rdi);
        Assert.Equal(frame + 312, thread.Registers.Rsi);
        Assert.Equal(frame + 8, thread.Registers.Rdx);
        Assert.Equal(Handler, thread.Registers.Rip);
        Assert.Equal(440, SignalFrame.Size);
        Assert.Equal(
            Errno.Ok, task.Memory.Read(new UserPtr<SignalFrame>(new UserAddress(frame)), out SignalFrame read));
        Assert.Equal(Restorer, read.ReturnAddress);
        Assert.Equal(Code, read.Context.Rip);
        Assert.Equal(0ul, read.Context.ExtendedState % 64);
        Assert.Equal((int)Signal.User1, read.Info.Number);
        Assert.True(task.SignalMask.Has(Signal.User1));
        Assert.Equal(0, thread.Extended[100]);

        thread.Registers.Rsp += 8; // The handler's ret has taken the return address.
        Assert.Equal(Errno.Ok, SignalFrameWriter.Pop(task, thread));
        Assert.Equal(before.Rip, thread.Registers.Rip);
        Assert.Equal(before.Rsp, thread.Registers.Rsp);
        Assert.Equal(before.Rbx, thread.Registers.Rbx);
        Assert.False(task.SignalMask.Has(Signal.User1));
    }

    [Fact]
    public void Return_to_an_address_no_user_code_can_have_is_refused()
    {
        KernelTask task = Prepared();
        FakeGuestThread thread = FakeKernel.ThreadOf(task);
        SignalFrame frame = default;
        frame.Context.Rip = 0xFFFF_8000_0000_0000;
        Assert.Equal(Errno.Ok, task.Memory.Write(new UserPtr<SignalFrame>(new UserAddress(StackTop - 8)), frame));

        Assert.Equal(Errno.EFAULT, SignalFrameWriter.Pop(task, thread));
    }

    [Theory]
    [InlineData(Errno.ERESTARTSYS, 0ul, false)]
    [InlineData(Errno.ERESTARTSYS, SignalAction.Restart, true)]
    [InlineData(Errno.ERESTARTNOINTR, 0ul, true)]
    [InlineData(Errno.ERESTARTNOHAND, SignalAction.Restart, false)]
    [InlineData(Errno.ERESTART_RESTARTBLOCK, SignalAction.Restart, false)]
    public void Interrupted_call_is_restarted_or_fails_as_its_code_and_the_handler_say(
        Errno code, ulong flags, bool isRestarted)
    {
        KernelTask task = Prepared();
        task.SyscallNumber = Sys.read;
        task.SyscallResult = code;
        UserRegisters registers = FakeKernel.ThreadOf(task).Registers;

        SyscallRestart.Apply(task, ref registers, new SignalAction(Handler, flags, Restorer, default));

        Assert.Equal(isRestarted ? Code - 2 : Code, registers.Rip);
        Assert.Equal(isRestarted ? Sys.read : -(long)Errno.EINTR, (long)registers.Rax);
    }

    [Fact]
    public void Without_a_handler_every_interrupted_call_goes_on()
    {
        KernelTask task = Prepared();
        UserRegisters registers = FakeKernel.ThreadOf(task).Registers;
        task.SyscallNumber = Sys.nanosleep;
        task.SyscallResult = Errno.ERESTART_RESTARTBLOCK;

        SyscallRestart.Apply(task, ref registers, null);

        Assert.Equal((ulong)Sys.restart_syscall, registers.Rax);
        Assert.Equal(Code - 2, registers.Rip);
    }

    [Fact]
    public void Mask_of_sigsuspend_holds_until_the_handler_runs_and_the_frame_holds_the_old_one()
    {
        KernelTask task = Prepared();
        Catch(task, Signal.User1, 0);
        task.SignalMask = SignalSet.Of(Signal.User1);
        _kernel.Send(task.Group, Signal.User1);
        Assert.False(task.HasWork);

        SignalMasking.Enter(task, SignalSet.Of(Signal.User2));
        Assert.True(task.HasWork);
        SignalDelivery.BeforeResume(task, task.Thread);

        UserPtr<SignalFrame> frame = new(new UserAddress(task.Thread.Registers.Rsp));
        Assert.Equal(Errno.Ok, task.Memory.Read(frame, out SignalFrame read));
        Assert.Equal(SignalSet.Of(Signal.User1), read.Mask);
        Assert.Equal(SignalSet.Of(Signal.User1) | SignalSet.Of(Signal.User2), task.SignalMask);
        Assert.Null(task.SavedSignalMask);
    }

    [Fact]
    public void Handler_without_a_stack_becomes_a_fatal_segmentation_fault()
    {
        KernelTask task = Prepared();
        Catch(task, Signal.User1, 0);
        FakeKernel.ThreadOf(task).Registers.Rsp = 0x100;
        _kernel.NewThread(task); // So that the process outlives this thread, and its status can be looked at.
        _kernel.Send(task.Group, Signal.User1);

        SignalDelivery.BeforeResume(task, task.Thread);

        Assert.Equal((int)Signal.Segment, task.Group.ExitStatus);
    }

    [Fact]
    public void Continue_discards_stops_and_stop_discards_continues()
    {
        KernelTask task = _kernel.NewProcess(_kernel.Init);
        task.SignalMask = SignalSet.Full;
        _kernel.Send(task.Group, Signal.TerminalStop);
        _kernel.Send(task.Group, Signal.Continue);
        Assert.Equal(SignalSet.Of(Signal.Continue), SignalQueues.PendingOf(task));
        _kernel.Send(task.Group, Signal.Stop);
        Assert.Equal(SignalSet.Of(Signal.Stop), SignalQueues.PendingOf(task));
    }

    [Fact]
    public void Real_time_signals_queue_in_order_and_standard_ones_once()
    {
        PendingSignals pending = new();
        SignalQuota quota = new();
        Assert.True(pending.Add(new SignalInfo { Number = 40, Value = 1 }, quota));
        Assert.True(pending.Add(new SignalInfo { Number = 40, Value = 2 }, quota));
        Assert.True(pending.Add(new SignalInfo { Number = 10 }, quota));
        Assert.False(pending.Add(new SignalInfo { Number = 10 }, quota));
        Assert.Equal(3, quota.Queued);

        Assert.True(pending.TryTake(SignalSet.Full, out SignalInfo first));
        Assert.True(pending.TryTake(SignalSet.Full, out SignalInfo second));
        Assert.Equal((10, 40, 1ul), (first.Number, second.Number, second.Value));
        Assert.True(pending.Set.Has((Signal)40));
        pending.Discard(SignalSet.Full);
        Assert.Equal((0, 0), (quota.Queued, pending.Count));
        Assert.False(pending.TryTake(SignalSet.Full, out _));
    }

    private KernelTask Prepared()
    {
        KernelTask task = _kernel.NewProcess(_kernel.Init);
        ref UserRegisters registers = ref FakeKernel.ThreadOf(task).Registers;
        registers.Rsp = StackTop;
        registers.Rip = Code;
        registers.Rbx = 0x1234;
        return task;
    }

    private static void Catch(KernelTask task, Signal signal, ulong flags) =>
        task.Group.Handlers[signal] = new SignalAction(Handler, flags | SignalAction.HasRestorer, Restorer, default);
}
