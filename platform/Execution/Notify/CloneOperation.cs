using Sandbox.Linux;
using Sandbox.Platform.Stubs;

namespace Sandbox.Platform.Notify;

/// <summary>fork and thread creation: a clone(2) that the parent executes in its stub as a verified command.</summary>
internal readonly struct CloneOperation(GuestThread parent, CommandRunner runner, GuestContext context)
{
    private const int ChildSignal = (int)Signal.Child;

    private ulong MarkAddress => parent.Slot + StubLayout.SlotMark;

    private NotifyPlatform Platform => parent.Listener.Platform;

    /// <summary>Errors: EAGAIN, ENOMEM, ESRCH.</summary>
    public Result<IGuestThread> Fork()
    {
        RequireFullState();
        if (!Platform.Receivers.TryReserve())
            return Errno.EAGAIN;
        long ticket = Platform.Stubs.Strays.BeginMaking();
        bool hasArrived = false;
        Result<IGuestThread> result = ForkReserved(ref hasArrived);
        Platform.Stubs.Strays.EndMaking(ticket, mayHaveStray: !hasArrived);
        if (!hasArrived)
            Platform.Watchdog.Wake();
        if (result.Error != Errno.Ok)
            Platform.Receivers.EndReservation();
        return result;
    }

    private Result<IGuestThread> ForkReserved(ref bool hasArrived)
    {
        lock (parent.Space.CloneLock)
        {
            using PendingClone pending = new(false, MarkAddress);
            HostCommand clone = new(Sys.clone, (long)CloneFlags.Parent | ChildSignal);
            bool dropsLent = MayDropLentDescriptors;
            bool hasFailed = RunClone(clone, pending, dropsLent).Failed(out int pid, out Errno error);
            hasArrived = pending.HasArrived;
            if (hasFailed)
                return error;
            if (dropsLent)
                parent.Space.HasLentDescriptors = false;
            SeccompNotification arrival = pending.Arrival;
            if (pending.TakeProcess() is not { } process)
                return Abandon(arrival.ThreadId, Errno.EAGAIN); // At the host's limit of descriptors.
            AddressSpace space = new(Platform.Stubs, pid, process, SlotAllocator.Fork(parent.Space.Slots, parent.Slot))
            {
                HasLentDescriptors = parent.Space.HasLentDescriptors,
            };
            GuestThread child = new(parent.Listener, space, pid, parent.Slot, parent);
            child.EnterFork(arrival, parent);
            Platform.Register(child);
            return Result<IGuestThread>.Of(child);
        }
    }

    /// <summary>Errors: EAGAIN, ENOMEM, ESRCH.</summary>
    public Result<IGuestThread> CreateThread(ulong? threadPointer)
    {
        RequireFullState();
        if (TakeSlot().Failed(out ulong slot, out Errno error))
            return error;
        if (!Platform.Receivers.TryReserve())
        {
            parent.Space.Slots.Return(slot);
            return Errno.EAGAIN;
        }

        lock (parent.Space.CloneLock)
        {
            Result<IGuestThread> result = CreateThread(slot, threadPointer);
            if (result.Error != Errno.Ok)
            {
                Platform.Receivers.EndReservation();
                parent.Space.Slots.Return(slot);
            }

            return result;
        }
    }

    private Result<IGuestThread> CreateThread(ulong slot, ulong? threadPointer)
    {
        const CloneFlags shared = CloneFlags.Vm | CloneFlags.Fs | CloneFlags.Files | CloneFlags.SignalHandlers
            | CloneFlags.Thread | CloneFlags.SysVSemaphores;
        if (context.WriteCopy(slot) is not Errno.Ok and Errno error)
            return error;
        using PendingClone pending = new(true, MarkAddress);
        CloneFlags flags = shared | (threadPointer is null ? 0 : CloneFlags.SetTls);
        ulong stack = slot + StubLayout.SlotBytes - 64;
        HostCommand clone = new(Sys.clone, (long)flags, (long)stack, 0, 0, (long)(threadPointer ?? 0));
        if (RunClone(clone, pending, dropsLent: false).Failed(out int tid, out error))
            return error;
        GuestThread child = new(parent.Listener, parent.Space, tid, slot, parent);
        child.EnterThread(pending.Arrival, parent);
        Platform.Register(child);
        return Result<IGuestThread>.Of(child);
    }

    /// <summary>
    /// What was lent to the stub for mappings, which hold their files by themselves, can be closed. Another thread
    /// might be about to use one; then they stay until a later fork.
    /// </summary>
    private bool MayDropLentDescriptors => parent.Space.HasLentDescriptors && parent.Space.IsLast(parent);

    /// <summary>
    /// The kernel's word for the child (the notification) must be the guest memory's word (the result).
    /// </summary>
    private Result<int> RunClone(HostCommand command, PendingClone pending, bool dropsLent)
    {
        Span<HostCommand> commands = [default, default, default];
        int count = 0;
        // The child must not have its parent's page; the parent gets it back when it resumes.
        context.MustRestorePageBase = context.HasPageBase;
        parent.Shortcuts?.BeforeClone();
        if (context.HasPageBase)
            commands[count++] = parent.Shortcuts!.ClearGsBase();
        if (dropsLent)
            commands[count++] = new HostCommand(Sys.close_range, 0, uint.MaxValue, 0);
        commands[count++] = command;
        bool hasFailed = runner.RunClone(commands[..count], pending).Failed(out int id, out Errno error);
        if (!pending.HasArrived)
        {
            if (hasFailed)
                return error is Errno.ENOSYS ? Errno.EAGAIN : error;
            // A result of 0 was not waited for: no child has it, and kill(2) would take it for everybody.
            parent.Violation("lied about a child");
            return Errno.ESRCH;
        }

        if (!hasFailed && id == pending.Arrival.ThreadId)
            return id;
        parent.Violation("lied about a child");
        return Abandon(pending.Arrival.ThreadId, Errno.ESRCH);
    }

    private static Errno Abandon(int pid, Errno error)
    {
        HostProcess.KillAndReap(pid);
        return error;
    }

    private Result<ulong> TakeSlot()
    {
        SlotAllocator slots = parent.Space.Slots;
        ulong slot;
        while ((slot = slots.Take()) == 0)
        {
            const int readWrite = 3, privateAnonymousNoReplace = 0x100022 | 0x4000;
            if (!slots.TryReserveChunk(out ulong chunk))
                return Errno.EAGAIN;
            Span<HostCommand> commands =
            [
                new HostCommand(
                    Sys.mmap, (long)chunk, SlotAllocator.ChunkSlots * StubLayout.SlotBytes, readWrite,
                    privateAnonymousNoReplace, -1, 0),
            ];
            if (runner.Run(commands, true) is not Errno.Ok and Errno error)
                return error;
            if (HostSyscall.ErrorOf(commands[0].Result) is not Errno.Ok and Errno failed)
                return failed is Errno.ENOMEM ? failed : Errno.EAGAIN;
            slots.AddChunk(chunk);
        }

        return slot;
    }

    private void RequireFullState()
    {
        if (!parent.HasFullState)
            throw new InvalidOperationException("clone needs the full state");
    }
}
