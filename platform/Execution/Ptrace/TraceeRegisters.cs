using Sandbox.Linux;

namespace Sandbox.Platform.Ptrace;

/// <summary>
/// The general registers of a stopped tracee: read when somebody asks for them, written back before it runs on. Only
/// its tracer reads and writes the tracee; who else looks must find them read.
/// </summary>
internal sealed class TraceeRegisters(int tid)
{
    private UserRegisters _wanted;
    private UserRegisters _real;
    private bool _isLoaded;

    /// <summary>As they are to be when the guest runs on. Zeros if the tracee is gone.</summary>
    public ref UserRegisters Wanted
    {
        get
        {
            Load();
            return ref _wanted;
        }
    }

    /// <summary>The tracee has run: whatever was known of it is not true any more.</summary>
    public void Forget() => _isLoaded = false;

    /// <summary>Those of a new tracee: it has come to a stop elsewhere.</summary>
    public void CopyFrom(TraceeRegisters other)
    {
        other.Load();
        (_wanted, _real, _isLoaded) = (other._wanted, other._real, true);
    }

    public void Load()
    {
        if (_isLoaded)
            return;
        HostPtrace.GetRegisters(tid, out _wanted);
        (_real, _isLoaded) = (_wanted, true);
        _wanted.OrigRax = ulong.MaxValue;
    }

    /// <summary>The guest's call returns.</summary>
    public void SetResult(long value)
    {
        if (_isLoaded)
            _wanted.Rax = (ulong)value;
        else
            HostPtrace.SetResult(tid, value);
    }

    /// <summary>Puts the registers of a command in place. ESRCH.</summary>
    public Errno Inject(in HostCommand command, ulong instruction)
    {
        Load();
        UserRegisters registers = _real;
        (registers.Rip, registers.Rax, registers.OrigRax) = (instruction, (ulong)command.Number, ulong.MaxValue);
        (registers.Rdi, registers.Rsi, registers.Rdx) = ((ulong)command.A0, (ulong)command.A1, (ulong)command.A2);
        (registers.R10, registers.R8, registers.R9) = ((ulong)command.A3, (ulong)command.A4, (ulong)command.A5);
        (registers.Cs, registers.Ss) = (SignalContext.UserCodeSegment, SignalContext.UserStackSegment);
        registers.Eflags = 0x202;
        return HostPtrace.SetRegisters(tid, registers);
    }

    /// <summary>An injected arch_prctl(2) has changed a segment's base.</summary>
    public void OnSegmentBase(long code, ulong address)
    {
        const long setGs = 0x1001, setFs = 0x1002;
        if (code == setFs)
            (_real.FsBase, _wanted.FsBase) = (address, address);
        else if (code == setGs)
            (_real.GsBase, _wanted.GsBase) = (address, address);
    }

    /// <summary>
    /// Makes the registers real. What is impossible in them, such as the base of a segment in the kernel's half, which
    /// only another guest that traces this one can have asked for, stays as it was. ESRCH.
    /// </summary>
    public Errno WriteBack()
    {
        if (!_isLoaded)
            return Errno.Ok;
        if (_wanted.Cs == 0)
            _wanted.Cs = SignalContext.UserCodeSegment;
        if (_wanted.Ss == 0)
            _wanted.Ss = SignalContext.UserStackSegment;
        _wanted.OrigRax = ulong.MaxValue; // The host is not to restart anything.
        Errno error = HostPtrace.SetRegisters(tid, _wanted);
        if (error is not Errno.EIO)
            return error;
        (_wanted.Cs, _wanted.Ss) = (SignalContext.UserCodeSegment, SignalContext.UserStackSegment);
        (_wanted.FsBase, _wanted.GsBase) = (_real.FsBase, _real.GsBase);
        (_wanted.Ds, _wanted.Es, _wanted.Fs, _wanted.Gs) = (_real.Ds, _real.Es, _real.Fs, _real.Gs);
        return HostPtrace.SetRegisters(tid, _wanted);
    }
}
