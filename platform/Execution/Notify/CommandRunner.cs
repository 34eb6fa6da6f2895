using System.Buffers.Binary;
using System.Buffers.Text;
using System.Runtime.InteropServices;
using Sandbox.Linux;
using Sandbox.Platform.Stubs;

namespace Sandbox.Platform.Notify;

/// <summary>
/// Runs system calls in the address space of a thread that stands at its doorbell. The commands go into the thread's
/// slot; each raises a notification, which is compared with the command register by register before the host may
/// execute it, so it does not matter that the guest can write the slot.
/// </summary>
internal sealed class CommandRunner(GuestThread thread)
{
    public const int MaxBatch = 48;

    /// <summary>A child's first doorbell is microseconds away; the rest is for a machine that is very busy.</summary>
    private const int PollMilliseconds = 100, MaxPolls = 200;

    /// <summary>Processor time that no child needs (100 ms, in the host's ticks): it went elsewhere.</summary>
    private const long ChildTicks = 10;

    // As long as the longest batch so far: most threads never run more than a clone.
    private HostCommand[] _commands = [];
    private int _count;
    private int _next;
    private bool _isActive;
    private bool _isDone;
    private readonly object _doneLock = new(); // Pulsed when a batch is done, and when the thread is gone.

    /// <summary>
    /// The thread's stub comes from the zygote and still has its descriptors and parameters:
    /// they go before anything else is run.
    /// </summary>
    public bool IsFresh { get; set; }

    /// <summary>Notifications of this thread belong to its batch.</summary>
    public bool IsActive => Volatile.Read(ref _isActive);

    /// <summary>
    /// Runs a batch; files are lent under a number of its own, whatever the commands say. ESRCH if the thread is gone,
    /// EAGAIN if too many threads of the stub map files at once.
    /// </summary>
    public Errno Run(Span<HostCommand> commands, bool stopAtError)
    {
        if (IsFresh)
            return RunFirst(commands, stopAtError);
        for (int start = 0; start < commands.Length; start += MaxBatch)
        {
            Span<HostCommand> part = commands.Slice(start, Math.Min(MaxBatch, commands.Length - start));
            if (RunPart(part, stopAtError, null) is not Errno.Ok and Errno error)
                return error;
            if (!stopAtError || part[^1].Result is >= 0 or < -4095)
                continue;
            foreach (ref HostCommand command in commands[(start + part.Length)..])
                command.Result = -(long)Errno.ECANCELED;
            break;
        }

        return Errno.Ok;
    }

    private Errno RunFirst(Span<HostCommand> commands, bool stopAtError)
    {
        IsFresh = false;
        HostCommand[] all =
        [
            new HostCommand(Sys.close_range, 0, uint.MaxValue, 0),
            new HostCommand(Sys.munmap, (long)StubLayout.ParametersStart, StubLayout.ParametersBytes),
            .. commands,
        ];
        Errno error = Run(all, stopAtError);
        all.AsSpan(all.Length - commands.Length).CopyTo(commands);
        return error;
    }

    /// <summary>Puts one more filter on the thread, or all of its stub. ENOMEM, ESRCH.</summary>
    public Errno RunFilter(ReadOnlySpan<BpfInstruction> filter, bool onAllThreads)
    {
        const int setModeFilter = 1, headerBytes = 16;
        Span<byte> image = stackalloc byte[StubLayout.SlotFilterBytes];
        ReadOnlySpan<byte> instructions = MemoryMarshal.AsBytes(filter);
        ulong address = thread.Slot + StubLayout.SlotFilter;
        BinaryPrimitives.WriteUInt64LittleEndian(image, (ulong)filter.Length);
        BinaryPrimitives.WriteUInt64LittleEndian(image[8..], address + headerBytes);
        instructions.CopyTo(image[headerBytes..]);
        if (!thread.Space.TryWrite(address, image[..(headerBytes + instructions.Length)]))
            return Errno.ESRCH;
        Span<HostCommand> commands =
        [
            new HostCommand(
                Sys.seccomp, setModeFilter, (long)(onAllThreads ? SeccompFlags.ThreadSync : SeccompFlags.None),
                (long)address),
        ];
        int before = CountFilters();
        if (Run(commands, true) is not Errno.Ok and Errno error)
            return error;
        // The result lies where other threads may write, and one that says 0 would be a way around the filter:
        // ask the kernel.
        return commands[0].Result == 0 && CountFilters() == before + 1 ? Errno.Ok : Errno.ENOMEM;
    }

    /// <summary>How many filters the thread is under, as the host counts them (proc_pid_status(5)).</summary>
    private int CountFilters()
    {
        ReadOnlySpan<byte> key = "Seccomp_filters:\t"u8;
        Span<byte> buffer = stackalloc byte[4096];
        if (thread.Space.Host.Proc.ReadStart(thread.HostThreadId, "status"u8, buffer).Failed(out int length, out _))
            return -1;
        int start = buffer[..length].IndexOf(key);
        return start >= 0 && Utf8Parser.TryParse(buffer[(start + key.Length)..length], out int count, out _)
            ? count
            : -1;
    }

    /// <summary>
    /// Runs commands of which the last clones, until parent and child both stand at their doorbells.
    /// Gives the child's id.
    /// </summary>
    public Result<int> RunClone(Span<HostCommand> commands, PendingClone pending)
    {
        if (IsFresh && RunFirst([], stopAtError: false) is not Errno.Ok and Errno gone)
            return gone;
        if (RunPart(commands, true, pending) is not Errno.Ok and Errno error)
            return error;
        return HostSyscall.AsInt(commands[^1].Result);
    }

    private Errno RunPart(Span<HostCommand> commands, bool stopAtError, PendingClone? pending)
    {
        bool lends = false;
        foreach (HostCommand command in commands)
            lends |= command.HostFd >= 0;
        if (!lends)
            return RunAll(commands, stopAtError, pending);
        LentNumbers numbers = thread.Space.LentNumbers;
        int number = numbers.Take();
        if (number < 0)
            return Errno.EAGAIN;
        foreach (ref HostCommand command in commands)
            command.A4 = command.HostFd >= 0 ? number : command.A4;
        Errno error = RunAll(commands, stopAtError, pending);
        numbers.Return(number);
        return error;
    }

    private Errno RunAll(Span<HostCommand> commands, bool stopAtError, PendingClone? pending)
    {
        GuestWait.Begin();
        if (!TryWriteCommands(commands, stopAtError, pending))
            return Errno.ESRCH;
        Counters.Add(Counter.StubCommands, commands.Length);
        Listener listener = thread.Listener;
        if (!listener.TryBeginExecute(!thread.IsUnstarted, out bool isDirect))
            return Errno.EAGAIN;
        if (pending is not null)
            listener.Add(pending);
        (_next, _isDone) = (0, false);
        Volatile.Write(ref _isActive, true);
        thread.Watch();
        HostSeccompListener.Answer(listener.Fd, thread.NotificationId, _count);
        bool isAlive = Wait(isDirect, null);
        Volatile.Write(ref _isActive, false);
        Errno error = isAlive ? ReadResults(commands) : Errno.ESRCH;
        if (pending is not null && error == Errno.Ok && commands[^1].Result > 0)
            error = AwaitChild(isDirect, pending, (int)commands[^1].Result);
        if (pending is not null)
            listener.Remove(pending);
        listener.EndExecute(isDirect);
        return error;
    }

    /// <summary>A notification of this thread while a batch is active; comes from whoever received it.</summary>
    public void OnNotification(in SeccompNotification notification)
    {
        if (notification.InstructionPointer == StubCode.CommandAddress
            && TryMatch(notification, out HostCommand command))
        {
            if (command.HostFd >= 0)
            {
                HostSeccompListener.AddFd(thread.Listener.Fd, notification.Id, command.HostFd, (int)command.A4);
                thread.Space.HasLentDescriptors = true;
            }

            HostSeccompListener.Continue(thread.Listener.Fd, notification.Id);
            return;
        }

        if (GuestThread.IsDoorbell(notification, StubLayout.SignalDone))
        {
            thread.NotificationId = notification.Id;
            lock (_doneLock)
            {
                _isDone = true;
                Monitor.PulseAll(_doneLock);
            }

            return;
        }

        thread.Violation("did something else than the commands it was given");
    }

    /// <summary>The thread is gone: who waits for its batch does so in vain.</summary>
    public void OnGone()
    {
        lock (_doneLock)
            Monitor.PulseAll(_doneLock);
    }

    /// <summary>Sends the thread into one last command, exit(2); nobody waits for it.</summary>
    public bool TryBeginExit()
    {
        Span<HostCommand> commands = [new HostCommand(Sys.exit)];
        if (!TryWriteCommands(commands, true, null))
            return false;
        (_next, _isDone) = (0, false);
        return true;
    }

    /// <summary>
    /// Finds the command this is; those before it were calls that the filter lets pass by themselves.
    /// </summary>
    private bool TryMatch(in SeccompNotification notification, out HostCommand command)
    {
        while (_next < _count)
        {
            command = _commands[_next++];
            if (IsCommand(notification, command))
                return true;
        }

        command = default;
        return false;
    }

    public static bool IsCommand(in SeccompNotification notification, in HostCommand command) =>
        notification.Number == command.Number
        && notification.A0 == (ulong)command.A0 && notification.A1 == (ulong)command.A1
        && notification.A2 == (ulong)command.A2 && notification.A3 == (ulong)command.A3
        && notification.A4 == (ulong)command.A4 && notification.A5 == (ulong)command.A5;

    private bool TryWriteCommands(Span<HostCommand> commands, bool stopAtError, PendingClone? pending)
    {
        Span<byte> image = stackalloc byte[MaxBatch * StubLayout.CommandBytes];
        image = image[..(commands.Length * StubLayout.CommandBytes)];
        if (_commands.Length < commands.Length)
            _commands = new HostCommand[commands.Length];
        for (int i = 0; i < commands.Length; i++)
        {
            CommandImage.Write(
                image[(i * StubLayout.CommandBytes)..], commands[i], stopAtError
                    ? StubLayout.StopAtError
                    : StubLayout.StopNever);
            _commands[i] = commands[i];
        }

        _count = commands.Length;
        ulong address = thread.Slot + StubLayout.SlotCommands;
        return pending is null
            ? thread.Space.TryWrite(address, image)
            : thread.Space.TryWriteBoth(pending.MarkAddress, pending.Mark, address, image);
    }

    private Errno ReadResults(Span<HostCommand> commands)
    {
        Span<byte> image = stackalloc byte[MaxBatch * StubLayout.CommandBytes];
        image = image[..(commands.Length * StubLayout.CommandBytes)];
        if (thread.Space.ReadNow(new UserAddress(thread.Slot + StubLayout.SlotCommands), image).Failed(
            out int count, out _)
            || count != image.Length)
        {
            return Errno.ESRCH;
        }

        for (int i = 0; i < commands.Length; i++)
        {
            ReadOnlySpan<byte> result = image.Slice(
                (i * StubLayout.CommandBytes) + StubLayout.CommandResult, sizeof(long));
            commands[i].Result = BinaryPrimitives.ReadInt64LittleEndian(result); // ECANCELED was there before.
        }

        return Errno.Ok;
    }

    /// <summary>
    /// Receives (direct) or sleeps until the batch is done, or until the child is there. False if the stub died,
    /// or the child.
    /// </summary>
    private bool Wait(bool isDirect, PendingClone? pending)
    {
        if (!isDirect)
        {
            lock (_doneLock)
            {
                while (!IsOver(pending) && !thread.IsGone)
                    Monitor.Wait(_doneLock);
            }

            return IsOver(pending);
        }

        Listener listener = thread.Listener;
        for (int polls = 0; !IsOver(pending);)
        {
            if (pending?.Process is { } child)
            {
                (bool hasNotification, bool hasEnded) = HostPoll.WaitReadable(
                    listener.Fd, child.Number, PollMilliseconds);
                if (hasEnded && !hasNotification)
                    return false;
                if (!hasNotification)
                {
                    if (IsLost(pending, ++polls))
                        return Lied() == Errno.Ok;
                    continue;
                }
            }

            Errno error = listener.Receive(out SeccompNotification notification);
            if (error is Errno.EINTR)
                continue;
            if (error != Errno.Ok)
                return false;
            if (listener.Platform.Threads.Find(notification.ThreadId) == thread)
                OnNotification(notification);
            else
                listener.Arrive(notification);
        }

        return true;
    }

    private bool IsOver(PendingClone? pending) => pending is null ? _isDone : pending.HasArrived;

    /// <summary>
    /// The clone succeeded, says the guest's memory: the child must come, however long a busy machine takes, or be
    /// dead. A new thread cannot die without its process. EAGAIN: the forked child died first; ESRCH: the parent did,
    /// or it lied: somebody else has that id, or nobody comes in time.
    /// </summary>
    private Errno AwaitChild(bool isDirect, PendingClone pending, int childId)
    {
        if (thread.Listener.Platform.Threads.Find(childId) is not null)
            return Lied();
        if (!pending.IsThread)
        {
            if (HostProcess.OpenPidFd(childId).Failed(out int pidFd, out Errno error))
                return error is Errno.ESRCH or Errno.EINVAL ? Lied() : Errno.EAGAIN;
            (pending.Process, pending.ProcessId) = (new HostFd(pidFd), childId);
        }

        HostFd? child = pending.Process;
        if (isDirect)
            return Wait(true, pending) ? Errno.Ok : ReapIfEnded(child);
        for (int polls = 0; !pending.HasArrived;)
        {
            if (pending.WaitForArrival(PollMilliseconds))
                continue;
            if (IsLost(pending, ++polls))
                return Lied();
            if (HasEnded(child) && !pending.HasArrived)
                return ReapIfEnded(child);
        }

        return Errno.Ok;
    }

    /// <summary>The child will not come: its parent is gone, it computes something else, or time is up.</summary>
    private bool IsLost(PendingClone pending, int polls)
    {
        if (thread.IsGone || polls == MaxPolls)
            return true;
        int child = pending.ProcessId;
        return child > 0 && !pending.HasArrived
            && (thread.Listener.Platform.Threads.Find(child) is not null
                || thread.Space.Host.Proc.UserTicks(child) >= ChildTicks);
    }

    private Errno Lied()
    {
        if (!thread.IsGone)
            thread.Violation("lied about a child");
        return Errno.ESRCH;
    }

    private static bool HasEnded(HostFd? process) =>
        process is not null && HostPoll.Now(process.Number, PollEvents.In) != PollEvents.None;

    /// <summary>
    /// Takes away the zombie of a forked child that nobody will ever hear of. One that lives may be a stray.
    /// </summary>
    private static Errno ReapIfEnded(HostFd? child)
    {
        if (child is null || !HasEnded(child))
            return Errno.ESRCH;
        HostProcess.Wait(child.Number);
        return Errno.EAGAIN;
    }
}
