using Sandbox.Linux;
using Sandbox.Sentry.Kernel.Processes;
using Sandbox.Sentry.Kernel.Signals;
using Sandbox.Sentry.Memory;
using Sandbox.Sentry.Sync;
using Sandbox.Sentry.Vfs;

namespace Sandbox.Sentry.Filesystems.Pts;

/// <summary>A pseudo-terminal (pty(7)): what its master and its slave side share.</summary>
internal sealed class Terminal : ControllingTerminal
{
    private const uint DefaultSpeed = 38400; // Baud: what the mode bits of a new terminal say.
    private const byte PacketFlushRead = 1, PacketFlushWrite = 2, PacketStop = 4, PacketStart = 8, PacketNoStop = 16,
        PacketDoStop = 32;
    private readonly RankedLock _lock = new(LockRank.Terminal);
    private readonly LineDiscipline _line; // Guarded by _lock, as all that follows.
    private readonly MemoryAccount _account;
    private WindowSize _size;
    private bool _isMasterOpen = true;
    private bool _isPacketMode;
    private byte _packetStatus;
    private int _slaves;
    private bool _hadSlave;
    private int _generation; // Slave files of an earlier one were hung up.
    private uint _inputSpeed = DefaultSpeed; // Guarded by _lock, as the next.
    private uint _outputSpeed = DefaultSpeed;

    /// <summary>Its price is charged already; it goes back with the last end.</summary>
    public Terminal(Kernel.Kernel kernel, PtsFileSystem fileSystem, int index, MemoryAccount account)
    {
        (Kernel, FileSystem, Index) = (kernel, fileSystem, index);
        (_account, _line) = (account, new LineDiscipline(account));
    }

    public Kernel.Kernel Kernel { get; }

    public PtsFileSystem FileSystem { get; }

    /// <summary>The N of /dev/pts/N.</summary>
    public int Index { get; }

    /// <summary>TIOCSPTLCK: the slave cannot be opened until the master unlocks it.</summary>
    public bool IsLocked { get; set; } = true;

    public WaitQueue MasterWaiters { get; } = new();

    public WaitQueue SlaveWaiters { get; } = new();

    public override ulong DeviceNumber => Vfs.DeviceNumber.Make(136, (uint)Index);

    public Termios Termios
    {
        get
        {
            using (_lock.Enter())
                return _line.Termios;
        }
    }

    public WindowSize Size
    {
        get
        {
            using (_lock.Enter())
                return _size;
        }
    }

    // ---- The slave's side ----

    /// <summary>
    /// One more open slave file; gives the generation it belongs to. EIO if the master is closed or has it locked.
    /// </summary>
    public Result<int> OpenSlave()
    {
        using (_lock.Enter())
        {
            if (!_isMasterOpen || IsLocked)
                return Errno.EIO;
            _slaves++;
            _hadSlave = true;
            return _generation;
        }
    }

    public void CloseSlave()
    {
        bool isLast;
        using (_lock.Enter())
        {
            isLast = --_slaves == 0;
            GiveBack();
        }

        if (isLast)
            MasterWaiters.Notify(PollEvents.HangUp | PollEvents.Readable);
    }

    /// <summary>Reads typed input. EAGAIN; 0 once hung up.</summary>
    /// <param name="destination">Where to.</param>
    /// <param name="generation">Of the slave file.</param>
    /// <param name="takesLess">O_NONBLOCK: fewer bytes than VMIN will do.</param>
    public Result<int> ReadSlave(Span<byte> destination, int generation, bool takesLess)
    {
        Result<int> result;
        using (_lock.Enter())
        {
            if (generation != _generation)
                return 0;
            result = _line.Read(destination, takesLess);
            if (result.Error == Errno.EAGAIN && !_isMasterOpen)
                return 0;
        }

        if (result.Error == Errno.Ok)
            MasterWaiters.Notify(PollEvents.Writable);
        return result;
    }

    /// <summary>Writes output. EAGAIN while it is stopped or nobody reads the master; EIO once hung up.</summary>
    public Result<int> WriteSlave(ReadOnlySpan<byte> source, int generation)
    {
        int count;
        using (_lock.Enter())
        {
            if (!_isMasterOpen || generation != _generation)
                return Errno.EIO;
            if (source.IsEmpty)
                return 0;
            count = _line.IsStopped ? 0 : _line.Write(source);
        }

        if (count == 0)
            return Errno.EAGAIN;
        MasterWaiters.Notify(PollEvents.Readable);
        return count;
    }

    public PollEvents PollSlave(int generation)
    {
        using (_lock.Enter())
        {
            if (!_isMasterOpen || generation != _generation)
                return PollEvents.Readable | PollEvents.Writable | PollEvents.HangUp | PollEvents.Error;
            return (_line.IsReadable ? PollEvents.Readable : PollEvents.None)
                | (!_line.IsStopped && _line.Output.Free > 256 ? PollEvents.Writable : PollEvents.None);
        }
    }

    /// <summary>When a read that found nothing gives up (VTIME with VMIN 0).</summary>
    public Deadline ReadDeadline()
    {
        using (_lock.Enter())
        {
            bool gives = !_line.IsCanonical && _line.Minimum == 0 && _line.TimeTenths > 0;
            return gives ? Deadline.After(_line.TimeTenths * 100_000_000L) : Deadline.Never;
        }
    }

    /// <summary>True if an empty read is to be answered with 0 after its deadline instead of EAGAIN.</summary>
    public bool EndsReadByTime
    {
        get
        {
            using (_lock.Enter())
                return !_line.IsCanonical && _line.Minimum == 0 && _line.TimeTenths > 0;
        }
    }

    // ---- The master's side ----

    /// <summary>Reads what the screen would show. EAGAIN; EIO when every slave is closed.</summary>
    public Result<int> ReadMaster(Span<byte> destination)
    {
        int count;
        using (_lock.Enter())
        {
            if (destination.IsEmpty)
                return 0;
            if (_isPacketMode && _packetStatus != 0)
            {
                destination[0] = _packetStatus;
                _packetStatus = 0;
                return 1;
            }

            if (_line.IsStopped || _line.Output.IsEmpty)
                return _hadSlave && _slaves == 0 && _line.Output.IsEmpty ? Errno.EIO : Errno.EAGAIN;
            int header = _isPacketMode ? 1 : 0;
            if (header != 0)
                destination[0] = 0;
            count = header + _line.Output.Read(destination[header..]);
        }

        SlaveWaiters.Notify(PollEvents.Writable);
        return count;
    }

    /// <summary>Types. EAGAIN if the program reads too slowly.</summary>
    public Result<int> WriteMaster(ReadOnlySpan<byte> source)
    {
        int count = 0;
        bool wasStopped, isStopped, hasOutput, isReadable;
        using (_lock.Enter())
        {
            wasStopped = _line.IsStopped;
            while (count < source.Length && _line.HasInputRoom)
            {
                Signal signal = _line.Receive(source[count++]);
                if (signal != Signal.None)
                    SendToForeground(signal);
            }

            isStopped = _line.IsStopped;
            if (isStopped != wasStopped)
                _packetStatus =
                    (byte)((_packetStatus & ~(PacketStop | PacketStart)) | (isStopped ? PacketStop : PacketStart));
            hasOutput = !_line.Output.IsEmpty || _packetStatus != 0;
            isReadable = _line.IsReadable;
        }

        if (isReadable)
            SlaveWaiters.Notify(PollEvents.Readable);
        if (hasOutput)
            MasterWaiters.Notify(PollEvents.Readable);
        if (wasStopped && !isStopped)
            SlaveWaiters.Notify(PollEvents.Writable);
        return count == 0 && !source.IsEmpty ? Errno.EAGAIN : count;
    }

    public PollEvents PollMaster()
    {
        using (_lock.Enter())
        {
            PollEvents events = _line.HasInputRoom ? PollEvents.Writable : PollEvents.None;
            if ((!_line.Output.IsEmpty && !_line.IsStopped) || (_isPacketMode && _packetStatus != 0))
                events |= PollEvents.Readable;
            if (_isPacketMode && _packetStatus != 0)
                events |= PollEvents.Priority;
            if (_hadSlave && _slaves == 0)
                events |= PollEvents.HangUp;
            return events;
        }
    }

    /// <summary>The master is closed: the session loses its terminal (pty(7)).</summary>
    public void CloseMaster()
    {
        using (_lock.Enter())
        {
            _isMasterOpen = false;
            _line.Output.Clear();
            GiveBack();
        }

        FileSystem.Remove(this);
        HangUp();
    }

    // ---- Both ----

    // With _lock held. Nobody opens a slave once the master is closed, so this comes about once.
    private void GiveBack()
    {
        if (_isMasterOpen || _slaves != 0)
            return;
        _line.FlushInput();
        _line.Output.Clear();
        _account.ReturnObject(ObjectCost.Terminal);
    }

    /// <summary>The modes and speeds as ioctl_tty(2) tells them.</summary>
    public Termios2 Attributes
    {
        get
        {
            using (_lock.Enter())
                return new Termios2 { Termios = _line.Termios, InputSpeed = _inputSpeed, OutputSpeed = _outputSpeed };
        }
    }

    /// <summary>TCSETS and its like; with <paramref name="flushes"/> typed input is forgotten.</summary>
    public void SetAttributes(in Termios2 attributes, bool flushes)
    {
        Termios termios = attributes.Termios;
        using (_lock.Enter())
        {
            bool hadFlow = (_line.Termios.Input & InputModes.FlowControl) != 0;
            if (flushes)
                _line.FlushInput();
            _line.Termios = termios;
            (_inputSpeed, _outputSpeed) = (attributes.InputSpeed, attributes.OutputSpeed);
            bool hasFlow = (termios.Input & InputModes.FlowControl) != 0;
            if (!hasFlow)
                _line.IsStopped = false;
            if (hadFlow != hasFlow)
                _packetStatus |= hasFlow ? PacketDoStop : PacketNoStop;
        }

        SlaveWaiters.Notify(PollEvents.Readable | PollEvents.Writable);
        MasterWaiters.Notify(PollEvents.Readable | PollEvents.Writable);
    }

    /// <summary>TIOCSWINSZ: tells the foreground group if it changed.</summary>
    public void SetSize(WindowSize size)
    {
        using (_lock.Enter())
        {
            if (_size == size)
                return;
            _size = size;
            SendToForeground(Signal.WindowChange);
        }
    }

    /// <summary>TIOCPKT.</summary>
    public void SetPacketMode(bool value)
    {
        using (_lock.Enter())
        {
            _isPacketMode = value;
            _packetStatus = 0;
        }
    }

    public bool IsPacketMode
    {
        get
        {
            using (_lock.Enter())
                return _isPacketMode;
        }
    }

    /// <summary>tcflush(3): 0 input, 1 output, 2 both, as the slave sees them.</summary>
    public void Flush(bool input, bool output)
    {
        using (_lock.Enter())
        {
            if (input)
                _line.FlushInput();
            if (output)
                _line.Output.Clear();
            _packetStatus |= (byte)((input ? PacketFlushRead : 0) | (output ? PacketFlushWrite : 0));
        }

        MasterWaiters.Notify(PollEvents.Readable | PollEvents.Writable);
        SlaveWaiters.Notify(PollEvents.Writable);
    }

    /// <summary>tcflow(3): holds output back, or lets it go on.</summary>
    public void SetStopped(bool value)
    {
        using (_lock.Enter())
            _line.IsStopped = value;
        if (value)
            return;
        MasterWaiters.Notify(PollEvents.Readable);
        SlaveWaiters.Notify(PollEvents.Writable);
    }

    /// <summary>Bytes that the slave (FIONREAD) or the master could read.</summary>
    public int ReadableBytes(bool isMaster)
    {
        using (_lock.Enter())
            return isMaster ? _line.Output.Count : _line.ReadableBytes;
    }

    /// <summary>The session leader has gone: whoever still has the terminal open has lost it (vhangup(2)).</summary>
    public override void Disassociate()
    {
        using (_lock.Enter())
        {
            _generation++;
            _line.FlushInput();
        }

        SlaveWaiters.Notify(PollEvents.Readable | PollEvents.Writable | PollEvents.HangUp);
    }

    /// <summary>Sends a signal to the foreground process group.</summary>
    public void SendToForeground(Signal signal)
    {
        using (Kernel.Tree.Enter())
        {
            if (Foreground is { } group)
                SignalSender.SendToProcessGroup(group, SignalInfo.FromKernel(signal));
        }
    }

    private void HangUp()
    {
        using (Kernel.Tree.Enter())
        {
            if (Session is { } session)
            {
                if (session.Leader is { } leader)
                {
                    SignalSender.SendToGroup(leader, SignalInfo.FromKernel(Signal.HangUp));
                    SignalSender.SendToGroup(leader, SignalInfo.FromKernel(Signal.Continue));
                }

                if (Foreground is { } foreground)
                    SignalSender.SendToProcessGroup(foreground, SignalInfo.FromKernel(Signal.HangUp));
                session.Terminal = null;
                Session = null;
                Foreground = null;
            }
        }

        Disassociate();
    }
}
