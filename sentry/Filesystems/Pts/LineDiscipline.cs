using Sandbox.Linux;
using Sandbox.Sentry.Memory;

namespace Sandbox.Sentry.Filesystems.Pts;

/// <summary>
/// What a terminal does to bytes between the keyboard and the program (termios(3), N_TTY): editing a line, echo,
/// signals from keys, newline translation. Guarded by the terminal's lock.
/// </summary>
internal sealed class LineDiscipline(MemoryAccount account)
{
    /// <summary>MAX_CANON: the longest line that can be edited.</summary>
    private const int LineBytes = 4096;

    private const int ReadyBytes = 16384;
    private const int OutputBytes = 65536;
    private const int MaxLines = 4096;
    private readonly ByteRing _ready = new(ReadyBytes, account);
    private readonly Queue<int> _lines = new(); // Lengths of the finished lines in _ready; 0 is an end of file.
    private readonly byte[] _line = new byte[LineBytes];
    private int _lineLength;
    private int _lineColumn; // Where the line began.
    private int _column;
    private bool _isLiteralNext;
    private Termios _termios = MakeDefault();

    /// <summary>The attributes; a change of canonical mode keeps what was typed.</summary>
    public Termios Termios
    {
        get => _termios;
        set
        {
            bool wasCanonical = IsCanonical;
            _termios = value;
            if (wasCanonical && !IsCanonical)
            {
                _ready.Write(_line.AsSpan(0, _lineLength));
                _lineLength = 0;
                _lines.Clear();
            }
            else if (!wasCanonical && IsCanonical && _ready.Count > 0)
            {
                _lines.Enqueue(_ready.Count);
            }
        }
    }

    /// <summary>Bytes on their way to the screen.</summary>
    public ByteRing Output { get; } = new(OutputBytes, account);

    /// <summary>The stop character was typed: no output until the start character.</summary>
    public bool IsStopped { get; set; }

    public bool IsCanonical => (_termios.Local & LocalModes.Canonical) != 0;

    /// <summary>True if keyboard input can be taken.</summary>
    public bool HasInputRoom => _ready.Free > _lineLength + 1 || (IsCanonical && _lines.Count == 0);

    /// <summary>Bytes a read would give at most (FIONREAD).</summary>
    public int ReadableBytes => IsCanonical ? (_lines.Count == 0 ? 0 : _lines.Peek()) : _ready.Count;

    /// <summary>True if a read gives something (or an end of file) now.</summary>
    public bool IsReadable =>
        IsCanonical ? _lines.Count > 0 : _ready.Count >= Math.Max(1, TimeTenths == 0 ? Minimum : 1);

    /// <summary>VMIN.</summary>
    public int Minimum => _termios.Characters[ControlCharacter.Minimum];

    /// <summary>VTIME, tenths of a second.</summary>
    public int TimeTenths => _termios.Characters[ControlCharacter.Time];

    /// <summary>Forgets typed input.</summary>
    public void FlushInput()
    {
        _ready.Clear();
        _lines.Clear();
        _lineLength = 0;
        _isLiteralNext = false;
    }

    /// <summary>Takes input for a program: at most one line in canonical mode. EAGAIN if there is not enough.</summary>
    public Result<int> Read(Span<byte> destination, bool takesLess)
    {
        if (destination.IsEmpty)
            return 0;
        if (!IsCanonical)
        {
            int enough = TimeTenths == 0 ? Math.Min(Minimum, destination.Length) : 1;
            if (_ready.Count == 0 && Minimum == 0 && TimeTenths == 0)
                return 0;
            if (_ready.Count == 0 || (_ready.Count < enough && !takesLess))
                return Errno.EAGAIN;
            return _ready.Read(destination);
        }

        if (_lines.Count == 0)
            return Errno.EAGAIN;
        int length = _lines.Peek();
        int count = _ready.Read(destination[..Math.Min(destination.Length, length)]);
        _lines.Dequeue();
        if (count < length)
            PutBack(length - count);
        return count;
    }

    /// <summary>Takes one byte from the keyboard; the signal it stands for, or None.</summary>
    public Signal Receive(byte value)
    {
        if ((_termios.Input & InputModes.StripHighBit) != 0)
            value &= 0x7F;
        if (_isLiteralNext)
        {
            _isLiteralNext = false;
            TakeData(value);
            return Signal.None;
        }

        if (TakeFlowControl(value))
            return Signal.None;
        if ((_termios.Local & LocalModes.Signals) != 0 && SignalOf(value) is not Signal.None and Signal signal)
        {
            if ((_termios.Local & LocalModes.NoFlush) == 0)
            {
                FlushInput();
                Output.Clear();
            }

            IsStopped = false;
            Echo(value);
            return signal;
        }

        if (value == '\r')
        {
            if ((_termios.Input & InputModes.IgnoreReturn) != 0)
                return Signal.None;
            if ((_termios.Input & InputModes.ReturnToNewline) != 0)
                value = (byte)'\n';
        }
        else if (value == '\n' && (_termios.Input & InputModes.NewlineToReturn) != 0)
        {
            value = (byte)'\r';
        }

        if (!IsCanonical || !TakeEditing(value))
            TakeData(value);
        return Signal.None;
    }

    /// <summary>Writes what a program says, as far as it fits; gives the number of bytes taken.</summary>
    public int Write(ReadOnlySpan<byte> source)
    {
        int count = 0;
        while (count < source.Length && Output.Free >= 8)
            Put(source[count++]);
        return count;
    }

    private static Termios MakeDefault()
    {
        Termios termios = new()
        {
            Input = InputModes.ReturnToNewline | InputModes.FlowControl,
            Output = OutputModes.Process | OutputModes.NewlineToReturnNewline,
            Control = ControlModes.Speed38400 | ControlModes.Size8 | ControlModes.EnableReceiver,
            Local = LocalModes.Signals | LocalModes.Canonical | LocalModes.Echo | LocalModes.EchoErase
                | LocalModes.EchoKill
                | LocalModes.EchoControl | LocalModes.EchoKillErase | LocalModes.Extended,
        };
        ReadOnlySpan<byte> characters = [3, 28, 127, 21, 4, 0, 1, 0, 17, 19, 26, 0, 18, 15, 23, 22, 0];
        for (int index = 0; index < characters.Length; index++)
            termios.Characters[index] = characters[index];
        return termios;
    }

    private bool IsCharacter(byte value, int index) => value != 0 && _termios.Characters[index] == value;

    private Signal SignalOf(byte value) =>
        IsCharacter(value, ControlCharacter.Interrupt) ? Signal.Interrupt
        : IsCharacter(value, ControlCharacter.Quit) ? Signal.Quit
        : IsCharacter(value, ControlCharacter.Suspend) ? Signal.TerminalStop
        : Signal.None;

    private bool TakeFlowControl(byte value)
    {
        if ((_termios.Input & InputModes.FlowControl) == 0)
            return false;
        if (IsCharacter(value, ControlCharacter.Stop))
        {
            IsStopped = !IsCharacter(value, ControlCharacter.Start) || !IsStopped;
            return true;
        }

        if (IsCharacter(value, ControlCharacter.Start))
        {
            IsStopped = false;
            return true;
        }

        if ((_termios.Input & InputModes.AnyRestarts) != 0)
            IsStopped = false;
        return false;
    }

    // True if the byte was a key of the line editor.
    private bool TakeEditing(byte value)
    {
        bool isExtended = (_termios.Local & LocalModes.Extended) != 0;
        if (IsCharacter(value, ControlCharacter.Erase))
            EraseCharacters(1);
        else if (IsCharacter(value, ControlCharacter.Kill))
            KillLine(value);
        else if (isExtended && IsCharacter(value, ControlCharacter.WordErase))
            EraseCharacters(CharactersOfLastWord());
        else if (isExtended && IsCharacter(value, ControlCharacter.LiteralNext))
            BeginLiteral();
        else if (isExtended && IsCharacter(value, ControlCharacter.Reprint))
            Reprint(value);
        else if (IsCharacter(value, ControlCharacter.EndOfFile))
            FinishLine();
        else if (value == '\n' || IsCharacter(value, ControlCharacter.EndOfLine)
            || (isExtended && IsCharacter(value, ControlCharacter.EndOfLine2)))
            EndLine(value);
        else
            return false;
        return true;
    }

    private void TakeData(byte value)
    {
        if (!IsCanonical)
        {
            if (_ready.Free == 0)
                return;
            Echo(value);
            _ready.Write([value]);
            return;
        }

        if (_lineLength >= LineBytes - 1)
        {
            if ((_termios.Input & InputModes.BellIfFull) != 0)
                PutRaw(7);
            return;
        }

        if (_lineLength == 0)
            _lineColumn = _column;
        _line[_lineLength++] = value;
        Echo(value);
    }

    private void EndLine(byte value)
    {
        if (value == '\n' && (_termios.Local & (LocalModes.Echo | LocalModes.EchoNewline)) != 0)
            Put((byte)'\n');
        else if (value != '\n')
            Echo(value);
        _line[_lineLength++] = value; // One place is always kept for it.
        FinishLine();
    }

    private void FinishLine()
    {
        if (_lines.Count >= MaxLines || _ready.Free < _lineLength)
        {
            _lineLength = 0;
            return;
        }

        _ready.Write(_line.AsSpan(0, _lineLength));
        _lines.Enqueue(_lineLength);
        _lineLength = 0;
    }

    // The rest of a line that was read in part comes first again.
    private void PutBack(int length)
    {
        int waiting = _lines.Count;
        _lines.Enqueue(length);
        for (int moved = 0; moved < waiting; moved++)
            _lines.Enqueue(_lines.Dequeue());
    }

    private void BeginLiteral()
    {
        _isLiteralNext = true;
        if ((_termios.Local & (LocalModes.Echo | LocalModes.EchoControl)) != (LocalModes.Echo | LocalModes.EchoControl))
            return;
        PutRaw((byte)'^');
        PutRaw((byte)'\b');
    }

    private void Reprint(byte value)
    {
        if ((_termios.Local & LocalModes.Echo) == 0)
            return;
        Echo(value);
        Put((byte)'\n');
        _lineColumn = _column;
        foreach (byte typed in _line.AsSpan(0, _lineLength))
            Echo(typed);
    }

    private void KillLine(byte value)
    {
        const LocalModes visible = LocalModes.EchoErase | LocalModes.EchoKill | LocalModes.EchoKillErase;
        if ((_termios.Local & LocalModes.Echo) == 0 || (_termios.Local & visible) == visible)
        {
            EraseCharacters(int.MaxValue);
            return;
        }

        _lineLength = 0;
        Echo(value);
        if ((_termios.Local & LocalModes.EchoKill) != 0)
            Put((byte)'\n');
    }

    private int CharactersOfLastWord()
    {
        int end = _lineLength, characters = 0;
        bool sawWord = false;
        while (end > 0)
        {
            bool isWord = char.IsAsciiLetterOrDigit((char)_line[end - 1]) || _line[end - 1] == '_'
                || _line[end - 1] >= 0x80;
            if (sawWord && !isWord)
                break;
            sawWord |= isWord;
            end -= LastCharacterBytes(end);
            characters++;
        }

        return characters;
    }

    private int LastCharacterBytes(int end)
    {
        int bytes = 1;
        if ((_termios.Input & InputModes.Utf8) != 0)
        {
            while (bytes < 4 && bytes < end && (_line[end - bytes] & 0xC0) == 0x80)
                bytes++;
        }

        return bytes;
    }

    private void EraseCharacters(int count)
    {
        for (int erased = 0; erased < count && _lineLength > 0; erased++)
        {
            int bytes = LastCharacterBytes(_lineLength);
            byte first = _line[_lineLength - bytes];
            int columnsBefore = ColumnAfter(_lineLength);
            _lineLength -= bytes;
            if ((_termios.Local & LocalModes.Echo) == 0)
                continue;
            if ((_termios.Local & LocalModes.EchoErase) == 0)
            {
                Echo(_termios.Characters[ControlCharacter.Erase]);
                continue;
            }

            int width = columnsBefore - ColumnAfter(_lineLength);
            for (int column = 0; column < width; column++)
            {
                PutRaw((byte)'\b');
                if (first == '\t')
                    continue; // The columns of a tab are blank already.
                PutRaw((byte)' ');
                PutRaw((byte)'\b');
            }

            _column = Math.Max(0, _column - width);
        }
    }

    // The column behind the first so many bytes of the line.
    private int ColumnAfter(int length)
    {
        int column = _lineColumn;
        foreach (byte value in _line.AsSpan(0, length))
        {
            if (value == '\t')
                column = (column | 7) + 1;
            else if (value < 0x20 || value == 0x7F)
                column += (_termios.Local & LocalModes.EchoControl) != 0 ? 2 : 0;
            else if ((_termios.Input & InputModes.Utf8) == 0 || (value & 0xC0) != 0x80)
                column++;
        }

        return column;
    }

    private void Echo(byte value)
    {
        if ((_termios.Local & LocalModes.Echo) == 0)
            return;
        bool isControl = (value < 0x20 && value != '\t' && value != '\n') || value == 0x7F;
        if (isControl && (_termios.Local & LocalModes.EchoControl) != 0)
        {
            Put((byte)'^');
            Put((byte)(value ^ 0x40));
            return;
        }

        Put(value);
    }

    private void PutRaw(byte value) => Output.Write([value]);

    // Output processing (c_oflag). Up to eight bytes for one.
    private void Put(byte value)
    {
        OutputModes modes = _termios.Output;
        if ((modes & OutputModes.Process) == 0)
        {
            PutRaw(value);
            return;
        }

        switch (value)
        {
            case (byte)'\n':
                if ((modes & OutputModes.NewlineToReturnNewline) != 0)
                {
                    PutRaw((byte)'\r');
                    _column = 0;
                }
                else if ((modes & OutputModes.NewlineReturns) != 0)
                {
                    _column = 0;
                }

                PutRaw(value);
                break;
            case (byte)'\r':
                if ((modes & OutputModes.NoReturnAtColumn0) != 0 && _column == 0)
                    break;
                _column = 0;
                PutRaw((modes & OutputModes.ReturnToNewline) != 0 ? (byte)'\n' : value);
                break;
            case (byte)'\t':
                PutTab((modes & OutputModes.TabMask) == OutputModes.ExpandTabs);
                break;
            case (byte)'\b':
                _column = Math.Max(0, _column - 1);
                PutRaw(value);
                break;
            default:
                if ((modes & OutputModes.LowerToUpper) != 0 && value is >= (byte)'a' and <= (byte)'z')
                    value -= 0x20;
                if (value >= 0x20 && (value & 0xC0) != 0x80)
                    _column++;
                PutRaw(value);
                break;
        }
    }

    private void PutTab(bool expands)
    {
        int next = (_column | 7) + 1;
        if (!expands)
            PutRaw((byte)'\t');
        for (int column = _column; expands && column < next; column++)
            PutRaw((byte)' ');
        _column = next;
    }
}
