using System.Diagnostics.CodeAnalysis;
using Sandbox.Linux;
using Sandbox.Platform;
using Sandbox.Platform.Shortcuts;
using Sandbox.Sentry.Kernel.Futex;
using Sandbox.Sentry.Kernel.Namespaces;
using Sandbox.Sentry.Kernel.Processes;
using Sandbox.Sentry.Kernel.Seccomp;
using Sandbox.Sentry.Kernel.Shortcuts;
using Sandbox.Sentry.Kernel.Signals;
using Sandbox.Sentry.Memory;
using Sandbox.Sentry.Security;
using Sandbox.Sentry.Sync;
using Sandbox.Sentry.Vfs;

namespace Sandbox.Sentry.Kernel.Tasks;

/// <summary>
/// One guest thread (Linux's task_struct). Fields without a remark belong to the task's own handler thread; another
/// thread may only read them where a stale value is harmless (/proc).
/// </summary>
internal sealed class Task : ICaller, IGuestEvents, IShortcutEvents, IParkOwner
{
    /// <summary>Behind <see cref="VforkParent"/>, which its parent waits on.</summary>
    internal Task? VforkParentField;

    private volatile int _work;
    private volatile SeccompState? _seccomp;
    private volatile Credentials _credentials;
    private volatile Ptrace.TraceState? _trace;
    private IGuestThread _thread;
    private ICallShortcuts _shortcuts;
    private Pid _id;
    private CallFile _callFile;
    private LeaseUse _leaseUse;

    public Task(Kernel kernel, ThreadGroup group, Pid id, IGuestThread thread, TaskResources resources)
    {
        (Kernel, Group, Thread, _id) = (kernel, group, thread, id);
        (GuestMemory, Fs, Files, _credentials, Namespaces) =
            (resources.Memory, resources.Fs, resources.Files, resources.Credentials, resources.Namespaces);
        Sleeper = new Sleeper(this);
        thread.Events = this;
    }

    public Kernel Kernel { get; }

    /// <summary>
    /// The process it belongs to. Never changes: exec by another thread takes the leader's id instead.
    /// </summary>
    public ThreadGroup Group { get; }

    /// <summary>
    /// The thread id; exec by a thread other than the leader gives it the leader's. Guarded by Tree for writing.
    /// </summary>
    public Pid Id
    {
        get => _id;
        set
        {
            _id = value;
            Shortcuts.WithdrawAnswers();
        }
    }

    /// <summary>The platform's side. Replaced by exec.</summary>
    public IGuestThread Thread
    {
        get => _thread;
        [MemberNotNull(nameof(_thread), nameof(_shortcuts))]
        set
        {
            (_thread, _shortcuts) = (value, CallShortcuts.Of(value));
            _shortcuts.Attach(this);
        }
    }

    /// <summary>What the platform's side does for it without notifications.</summary>
    public ICallShortcuts Shortcuts => _shortcuts;

    /// <summary>The address space. Replaced by exec.</summary>
    public GuestMemory GuestMemory { get; set; }

    public UserMemory Memory => GuestMemory.User;

    /// <summary>That of its container.</summary>
    public Memory.MemoryAccount Account => Namespaces.Container.Memory;

    /// <summary>Root, working directory and mounts; after the task's end only what it had.</summary>
    public FsContext Fs { get; private set; }

    /// <summary>Takes another root, working directory or mounts: the caller's share becomes the task's.</summary>
    public void ReplaceFs(FsContext fs)
    {
        FsContext old = Fs;
        Fs = fs;
        old.Release();
    }

    public FdTable Files { get; set; }

    /// <summary>From now on it has a descriptor table that no other task uses. ENOMEM.</summary>
    public Errno UnshareFiles()
    {
        if (Files.IsUnshared)
            return Errno.Ok;
        if (Files.Clone().Failed(out FdTable? copy, out Errno error))
            return error;
        Files.RemoveUser();
        Files = copy;
        return Errno.Ok;
    }

    /// <summary>Replaced as a whole by its own thread; anyone may read the reference.</summary>
    public Credentials Credentials
    {
        get => _credentials;
        set
        {
            _credentials = value;
            Shortcuts.WithdrawAnswers();
        }
    }

    public NamespaceSet Namespaces { get; set; }

    /// <summary>
    /// The guest's own seccomp filters; null if it has none. Replaced as a whole, by another thread with Tree held.
    /// </summary>
    public SeccompState? Seccomp
    {
        get => _seccomp;
        set
        {
            _seccomp = value;
            Shortcuts.WithdrawAnswers();
        }
    }

    public Sleeper Sleeper { get; }

    /// <summary>The open file that the task's present call works on.</summary>
    public ref CallFile CallFile => ref _callFile;

    /// <summary>How the task has used the leases of files that it had.</summary>
    public ref LeaseUse LeaseUse => ref _leaseUse;

    /// <summary>comm: at most 15 bytes (prctl(2), PR_SET_NAME).</summary>
    public byte[] Name { get; set; } = [];

    /// <summary>The pid namespace its own ids are seen in.</summary>
    public PidNamespace PidNamespace => Id.Namespace;

    // ---- The system call being handled ----

    /// <summary>The current call's number, or -1 outside a call; what a restart needs.</summary>
    public int SyscallNumber { get; set; } = -1;

    /// <summary>
    /// What the task waits for, by the name of the kernel function it would sleep in on Linux (/proc/PID/wchan,
    /// proc(5)); "0" if it runs guest code. A guess from its call: it may just not have got to sleep.
    /// </summary>
    public string WaitChannel => IsStopped ? "do_signal_stop" : Kernel.Syscalls.WaitChannelOf(SyscallNumber);

    /// <summary>
    /// The raw result of the call that is being finished, with the kernel's internal restart codes still in it.
    /// </summary>
    public SyscallResult SyscallResult { get; set; }

    /// <summary>
    /// Set by a handler that does not simply return a value (exit, execve, rt_sigreturn, mmap of a file).
    /// </summary>
    public GuestAction? NextAction { get; set; }

    /// <summary>
    /// Set by a handler that answers ERESTARTNOINTR because it needs the thread's full state: it is called once more
    /// with that at hand.
    /// </summary>
    public bool WantsFullState { get; set; }

    /// <summary>When the call began that was deferred, if that is measured (CLOCK_MONOTONIC, nanoseconds).</summary>
    public long CallStarted { get; set; }

    /// <summary>Ends a deferred call in time; made when it is first needed.</summary>
    public CallTimer? CallTimer { get; set; }

    /// <summary>
    /// What restart_syscall(2) continues: deadline of an interrupted sleep, nanoseconds on its clock.
    /// </summary>
    public RestartBlock? Restart { get; set; }

    // ---- Signals. Guarded by Kernel.Tree unless said otherwise ----

    /// <summary>Blocked signals. Changed only by its own thread, with Tree held.</summary>
    public SignalSet SignalMask { get; set; }

    /// <summary>
    /// The mask to put back when the current call's signal handler has been set up (sigsuspend, ppoll…); own thread.
    /// </summary>
    public SignalSet? SavedSignalMask { get; set; }

    /// <summary>Signals sent to this thread.</summary>
    public PendingSignals Pending { get; } = new();

    /// <summary>What rt_sigtimedwait(2) sleeps for: such a signal wakes the call instead of being delivered.</summary>
    public SignalSet WaitedSignals { get; set; }

    /// <summary>
    /// The latest fault of its own code: trap number, error code and address of later signal frames; own thread.
    /// </summary>
    public FaultInfo LastFault { get; set; }

    /// <summary>sigaltstack(2); own thread.</summary>
    public SignalStack AlternateStack { get; set; }

    /// <summary>prctl(PR_SET_PDEATHSIG).</summary>
    public Signal ParentDeathSignal { get; set; }

    // ---- Tracing ----

    /// <summary>Who traces it (ptrace(2)), or null. Guarded by Tree for writing; own thread may read it.</summary>
    public Ptrace.TraceState? Trace
    {
        get => _trace;
        set
        {
            _trace = value;
            Shortcuts.WithdrawAnswers();
        }
    }

    // ---- Thread life ----

    /// <summary>set_tid_address(2), CLONE_CHILD_CLEARTID.</summary>
    public UserAddress ClearChildTid { get; set; }

    /// <summary>set_robust_list(2).</summary>
    public UserAddress RobustListHead { get; set; }

    /// <summary>Its place in the futex table, made at its first wait; own thread.</summary>
    public FutexWaiter? FutexWaiter { get; set; }

    /// <summary>A vfork parent waits until this task execs or exits.</summary>
    public Task? VforkParent
    {
        get => Volatile.Read(ref VforkParentField);
        set => Volatile.Write(ref VforkParentField, value);
    }

    /// <summary>True once the task has left its group's list of live threads. Guarded by Tree.</summary>
    public bool IsExited { get; set; }

    /// <summary>The wait status it ends with (wait(2)). Guarded by Tree.</summary>
    public int ExitStatus { get; set; }

    /// <summary>
    /// What a wait for this thread reports once it has ended: its process's status if that was made to exit.
    /// </summary>
    public int WaitStatus => Group.IsExiting ? Group.ExitStatus : ExitStatus;

    /// <summary>The thread group's run state shows as 'T' (stopped) for this thread. Guarded by Tree.</summary>
    public bool IsStopped { get; set; }

    /// <summary>It waits for its paused container to go on. Guarded by Tree.</summary>
    public bool IsHeld { get; set; }

    /// <summary>True while it sleeps in a call: state 'S' of /proc. A hint.</summary>
    public bool IsSleeping { get; set; }

    /// <summary>CLOCK_MONOTONIC when it was made, nanoseconds.</summary>
    public long StartTime { get; } = HostClock.Now(HostClock.Monotonic);

    /// <summary>Policy, nice value, affinity…; anyone may replace it.</summary>
    public Scheduling Scheduling { get; set; } = Scheduling.Default;

    /// <summary>/proc/PID/loginuid; only the task itself sets it.</summary>
    public Login Login { get; set; } = Login.None;

    /// <summary>personality(2).</summary>
    public uint Personality { get; set; }

    /// <summary>
    /// Somebody wants to see the registers the next time the thread is brought in from guest code; see
    /// <see cref="RegisterSample"/>.
    /// </summary>
    public RegisterSample? Sample { get; set; }

    // ---- Work on the way back to the guest ----

    /// <summary>True if signals, a stop or an exit may want something before guest code runs again.</summary>
    public bool HasWork => _work != 0;

    /// <summary>
    /// Makes the task look for signals, stops and exits soon, wherever it is: ends an interruptible sleep, or brings it
    /// in from guest code. Any thread, usually with Tree held.
    /// </summary>
    public void Notify()
    {
        _work = 1;
        Sleeper.Parker.Interrupt();
        Thread.Interrupt();
    }

    /// <summary>
    /// As <see cref="Notify"/>, but a sleep goes on: the task looks when it would return to guest code.
    /// </summary>
    public void NotifyOnReturn()
    {
        _work = 1;
        Thread.Interrupt();
    }

    /// <summary>
    /// As <see cref="Notify"/>, by the task's own thread inside a handler: there is nobody to bring in.
    /// </summary>
    public void MarkWork()
    {
        _work = 1;
        Sleeper.Parker.Interrupt();
    }

    /// <summary>
    /// Called by the task's own thread before it looks for work, so that later notifications are not lost.
    /// </summary>
    public void BeginWork()
    {
        _work = 0;
        Sleeper.Parker.ClearInterrupt();
    }

    // ---- Platform events ----

    GuestIds? IShortcutEvents.Ids => TaskIds.Of(this);

    GuestAction IGuestEvents.OnSyscall(IGuestThread thread) => RunLoop.OnSyscall(this, thread);

    void IShortcutEvents.OnUnread(int descriptor, long bytes)
    {
        // What was at the number when the call began, unless another thread has closed it since.
        if (Files.Get(new Fd(descriptor)).Failed(out OpenFile? file, out _))
            return;
        if (file.IsSeekable)
            file.Seek(-bytes, SeekWhence.Current);
        file.Release();
    }

    GuestAction IGuestEvents.OnFault(IGuestThread thread, in FaultInfo info) => RunLoop.OnFault(this, thread, info);

    GuestAction IGuestEvents.OnInterrupt(IGuestThread thread) => RunLoop.OnInterrupt(this, thread);

    CallProgress IShortcutEvents.OnCall(IGuestThread thread, bool mayWait, out GuestAction action) =>
        Deferral.OnCall(this, thread, mayWait, out action);

    void IParkOwner.Resume() => Shortcuts.Continue();

    void IParkOwner.BeforeSleep() => Shortcuts.BeforeSleep();

    void IGuestEvents.OnExit(IGuestThread thread, int hostSignal) => RunLoop.OnExit(this, thread, hostSignal);
}

/// <summary>What a task is made with; each is shared with or copied from its maker (clone(2)).</summary>
internal readonly record struct TaskResources(
    GuestMemory Memory, FsContext Fs, FdTable Files, Credentials Credentials, NamespaceSet Namespaces);

/// <summary>sigaltstack(2).</summary>
internal readonly record struct SignalStack(UserAddress Base, ulong Size, int Flags)
{
    public const int OnStack = 1, Disable = 2, AutoDisarm = unchecked((int)0x80000000);
}

/// <summary>Continues an interrupted call from what it left behind (restart_syscall(2)).</summary>
internal delegate SyscallResult RestartHandler(Task task, in RestartBlock block);

/// <summary>
/// What an interrupted call needs to go on; it sets <c>task.Restart</c> and answers ERESTART_RESTARTBLOCK.
/// </summary>
/// <param name="Continue">A static method that does the rest of the call.</param>
/// <param name="Deadline">When the call gives up, however often it is interrupted.</param>
/// <param name="Address">Where to write what is left, the futex word, the poll set…</param>
/// <param name="Argument">Call-specific.</param>
/// <param name="SecondArgument">Call-specific.</param>
internal readonly record struct RestartBlock(
    RestartHandler Continue, Deadline Deadline, UserAddress Address, ulong Argument = 0, ulong SecondArgument = 0);
