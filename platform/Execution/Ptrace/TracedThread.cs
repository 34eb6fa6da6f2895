using Sandbox.Linux;
using Sandbox.Platform.Stubs;

namespace Sandbox.Platform.Ptrace;

/// <summary>
/// A guest thread: a thread of a stub that a host thread of ours traces for its whole life. Its system calls stop it
/// before they begin (PTRACE_SYSEMU), its faults and kicks before they are delivered; registers are always at hand.
/// </summary>
internal sealed partial class TracedThread : StubThread, IGuestThread
{
    private readonly PtracePlatform _platform;
    private readonly Injector _injector;
    private readonly FileLender _files;
    private readonly TraceeRegisters _registers;
    private readonly Tracer _tracer;
    private SyscallArguments _syscall;

    private TracedThread(
        PtracePlatform platform, AddressSpace space, int hostThreadId, FileLender files, Tracer tracer)
        : base(space, hostThreadId)
    {
        (_platform, _files, _tracer) = (platform, files, tracer);
        _registers = new TraceeRegisters(hostThreadId);
        _injector = new Injector(this, _registers);
        files.AddUser();
        tracer.Assign(this);
    }

    public IAddressSpace AddressSpace => Space;

    public IGuestEvents? Events { get; set; }

    public ref readonly SyscallArguments Syscall => ref _syscall;

    public bool HasFullState => true;

    public ref UserRegisters Registers
    {
        get
        {
            if (_tracer.IsCurrent)
                _registers.Load();
            return ref _registers.Wanted;
        }
    }

    public int ExtendedStateBytes => ExtendedState.FrameBytes(_platform.ExtendedImageBytes);

    /// <summary>The tracer does what others ask for, until the thread runs for the first time.</summary>
    public bool IsServed => (State & (ThreadStates.Unstarted | ThreadStates.Gone)) == ThreadStates.Unstarted;

    /// <summary>
    /// Traces a thread that waits for it in the stub's code. EPERM if the host forbids it, ESRCH if it is gone.
    /// </summary>
    /// <param name="platform">The platform.</param>
    /// <param name="space">The thread's.</param>
    /// <param name="tid">The thread.</param>
    /// <param name="files">The space's.</param>
    /// <param name="parent">Whose registers it gets; null: it keeps its own.</param>
    /// <param name="tracer">Without a guest thread: the thread's from now on.</param>
    public static Result<TracedThread> Attach(
        PtracePlatform platform, AddressSpace space, int tid, FileLender files, TracedThread? parent, Tracer tracer)
    {
        TracedThread thread = new(platform, space, tid, files, tracer);
        Errno error = Errno.Ok;
        thread._tracer.Invoke(() => error = thread.Seize());
        if (error != Errno.Ok)
        {
            thread.OnProcessEnd(0); // Lets the tracer go.
            return error;
        }

        if (parent is not null)
        {
            if (parent.Space != space)
                thread.AskToDieWithUs();
            thread._syscall = parent._syscall;
            thread._registers.CopyFrom(parent._registers);
        }

        platform.Stubs.Register(thread);
        return thread;
    }

    public Result<int> ReadExtendedState(Span<byte> destination)
    {
        if (_tracer.IsCurrent)
            return ExtendedState.Read(HostThreadId, _platform.ExtendedImageBytes, destination);
        byte[] state = new byte[ExtendedStateBytes];
        Result<int> result = Errno.ESRCH;
        Invoke(() => result = ExtendedState.Read(HostThreadId, _platform.ExtendedImageBytes, state));
        if (destination.Length < state.Length)
            return Errno.EINVAL;
        state.CopyTo(destination);
        return result;
    }

    public Errno WriteExtendedState(ReadOnlySpan<byte> source)
    {
        if (_tracer.IsCurrent)
            return ExtendedState.Write(HostThreadId, _platform.ExtendedImageBytes, source);
        if (source.Length > ExtendedStateBytes)
            return Errno.EINVAL;
        byte[] state = source.ToArray();
        Errno result = Errno.ESRCH;
        Invoke(() => result = ExtendedState.Write(HostThreadId, _platform.ExtendedImageBytes, state));
        return result;
    }

    public Errno Execute(Span<HostCommand> commands, bool stopAtError)
    {
        if (_tracer.IsCurrent)
            return RunCommands(commands, stopAtError);
        HostCommand[] copy = commands.ToArray();
        Errno result = Errno.ESRCH;
        Invoke(() => result = RunCommands(copy, stopAtError));
        copy.CopyTo(commands);
        return result;
    }

    /// <summary>All calls come here anyway.</summary>
    public Errno TrapCalls(ReadOnlySpan<int> numbers, bool onAllThreads) => Errno.Ok;

    public Result<IGuestThread> Fork()
    {
        Result<IGuestThread> result = Errno.ESRCH;
        Invoke(() => result = new TracedClone(_platform, this, _injector).Fork());
        return result;
    }

    public Result<IGuestThread> CreateThread(ulong? threadPointer)
    {
        Result<IGuestThread> result = Errno.ESRCH;
        Invoke(() => result = new TracedClone(_platform, this, _injector).CreateThread(_files, threadPointer));
        return result;
    }

    public void Start()
    {
        ThreadStates old = Clear(ThreadStates.Unstarted);
        if ((old & ThreadStates.Gone) != 0)
            ReportExit(0); // The watcher came before there was anybody to tell.
        else
            _tracer.Post(static () => { });
    }

    public void Interrupt()
    {
        ThreadStates old = Set(ThreadStates.Interrupted);
        if ((old & (ThreadStates.Busy | ThreadStates.Interrupted)) == 0)
            Kick();
    }

    public void Kill()
    {
        if (Space.IsLast(this))
        {
            Space.Kill();
            return;
        }

        ThreadStates old = Set(ThreadStates.Dying);
        if ((old & ThreadStates.Unstarted) != 0)
            Start();
        else if ((old & (ThreadStates.Busy | ThreadStates.Dying)) == 0)
            Kick();
    }

    /// <summary>
    /// The stub is gone, or nobody will ever run this thread. One that runs, or has a handler,
    /// learns it from its own tracer.
    /// </summary>
    public override void OnProcessEnd(int signal)
    {
        ThreadStates old = Set(ThreadStates.Gone);
        if ((old & ThreadStates.Unstarted) == 0)
            return;
        ReportExit(signal);
        _tracer.Post(static () => { });
    }

    /// <summary>A thread that was told to exit tells so itself.</summary>
    public override void EndExit(int signal)
    {
    }

    /// <summary>Has something done by the tracer, which is the calling thread, or serves.</summary>
    private void Invoke(Action work)
    {
        if (_tracer.IsCurrent || IsServed)
            _tracer.Invoke(work);
        else if (!IsGone)
            throw new InvalidOperationException("a thread that was started is its handler's alone");
    }

    /// <summary>Has something done by the tracer before the thread runs for the first time.</summary>
    public void Serve(Action work) => Invoke(work);

    private Errno Seize()
    {
        if (HostPtrace.Seize(HostThreadId, HostPtrace.MarkCalls | HostPtrace.ExitKill) is not Errno.Ok and Errno error)
            return error;
        HostPtrace.Interrupt(HostThreadId);
        TraceeStop stop = TraceeStop.Await(HostThreadId);
        if (stop.Kind == StopKind.Gone)
            return Errno.ESRCH;
        _registers.Load();
        return Errno.Ok;
    }

    /// <summary>
    /// A forked stub asks by itself, before it pauses, to die with the Sentry; one that was stopped before it came to
    /// that does it now.
    /// </summary>
    private void AskToDieWithUs() => Invoke(() =>
    {
        const int setParentDeathSignal = 1;
        if (_registers.Wanted.Rip < StubCode.BornAddress)
            _injector.Run(new HostCommand(Sys.prctl, setParentDeathSignal, (long)Signal.Kill));
    });

    private Errno RunCommands(Span<HostCommand> commands, bool stopAtError)
    {
        bool hasFailed = false;
        foreach (ref HostCommand command in commands)
        {
            if (hasFailed)
            {
                command.Result = -(long)Errno.ECANCELED;
                continue;
            }

            command.Result = RunCommand(command);
            if (command.Result == -(long)Errno.ESRCH)
                return Errno.ESRCH;
            hasFailed = stopAtError && command.Result is < 0 and >= -4095;
        }

        return Errno.Ok;
    }

    private long RunCommand(in HostCommand command) =>
        command.HostFd < 0 ? _injector.Run(command) : _files.Run(this, _injector, command);
}
