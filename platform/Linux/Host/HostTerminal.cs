using System.Runtime.InteropServices;

namespace Sandbox.Linux;

/// <summary>struct termios as the kernel has it (36 bytes; include/uapi/asm-generic/termbits.h).</summary>
[StructLayout(LayoutKind.Sequential)]
public struct Termios
{
    public InputModes Input;
    public OutputModes Output;
    public ControlModes Control;
    public LocalModes Local;
    public byte Line;
    public ControlCharacters Characters;
}

/// <summary>c_cc: NCCS is 19.</summary>
[System.Runtime.CompilerServices.InlineArray(19)]
public struct ControlCharacters
{
    private byte _first;
}

/// <summary>Indices into c_cc (termios(3)).</summary>
public static class ControlCharacter
{
    public const int Interrupt = 0, Quit = 1, Erase = 2, Kill = 3, EndOfFile = 4, Time = 5, Minimum = 6, Start = 8,
        Stop = 9,
        Suspend = 10, EndOfLine = 11, Reprint = 12, Discard = 13, WordErase = 14, LiteralNext = 15, EndOfLine2 = 16;
}

/// <summary>c_iflag (termios(3)).</summary>
[Flags]
public enum InputModes : uint
{
    None = 0,
    IgnoreBreak = 0x1,
    BreakInterrupt = 0x2,
    StripHighBit = 0x20,
    NewlineToReturn = 0x40,
    IgnoreReturn = 0x80,
    ReturnToNewline = 0x100,
    UpperToLower = 0x200,
    FlowControl = 0x400,
    AnyRestarts = 0x800,
    SendFlowControl = 0x1000,
    BellIfFull = 0x2000,
    Utf8 = 0x4000,
}

/// <summary>c_oflag (termios(3)).</summary>
[Flags]
public enum OutputModes : uint
{
    None = 0,
    Process = 0x1,
    LowerToUpper = 0x2,
    NewlineToReturnNewline = 0x4,
    ReturnToNewline = 0x8,
    NoReturnAtColumn0 = 0x10,
    NewlineReturns = 0x20,
    TabMask = 0x1800,
    ExpandTabs = 0x1800,
}

/// <summary>c_cflag (termios(3)).</summary>
[Flags]
public enum ControlModes : uint
{
    None = 0,
    Speed38400 = 0xF,
    Size8 = 0x30,
    EnableReceiver = 0x80,
    HangUpOnClose = 0x400,
}

/// <summary>c_lflag (termios(3)).</summary>
[Flags]
public enum LocalModes : uint
{
    None = 0,
    Signals = 0x1,
    Canonical = 0x2,
    Echo = 0x8,
    EchoErase = 0x10,
    EchoKill = 0x20,
    EchoNewline = 0x40,
    NoFlush = 0x80,
    StopBackgroundOutput = 0x100,
    EchoControl = 0x200,
    EchoPrint = 0x400,
    EchoKillErase = 0x800,
    Extended = 0x8000,
}

/// <summary>struct winsize (ioctl_tty(2)).</summary>
[StructLayout(LayoutKind.Sequential)]
public readonly record struct WindowSize(ushort Rows, ushort Columns, ushort PixelWidth, ushort PixelHeight);

/// <summary>The host's terminals (ioctl_tty(2)).</summary>
public static unsafe class HostTerminal
{
    private const uint GetAttributesRequest = 0x5401, SetAttributesRequest = 0x5402, GetWindowSizeRequest = 0x5413,
        SetWindowSizeRequest = 0x5414;

    /// <summary>ENOTTY if it is no terminal.</summary>
    public static Errno GetAttributes(int fd, out Termios termios)
    {
        fixed (Termios* start = &termios)
        {
            *start = default;
            return HostSyscall.ErrorOf(HostSyscall.CallRetrying(Sys.ioctl, fd, GetAttributesRequest, (long)start));
        }
    }

    /// <summary>Takes effect at once (TCSETS), or when output was sent (1) or input flushed too (2).</summary>
    public static Errno SetAttributes(int fd, in Termios termios, int when = 0)
    {
        fixed (Termios* start = &termios)
            return HostSyscall.ErrorOf(
                HostSyscall.CallRetrying(Sys.ioctl, fd, SetAttributesRequest + (uint)when, (long)start));
    }

    public static Errno GetWindowSize(int fd, out WindowSize size)
    {
        fixed (WindowSize* start = &size)
        {
            *start = default;
            return HostSyscall.ErrorOf(HostSyscall.CallRetrying(Sys.ioctl, fd, GetWindowSizeRequest, (long)start));
        }
    }

    public static Errno SetWindowSize(int fd, WindowSize size) =>
        HostSyscall.ErrorOf(HostSyscall.CallRetrying(Sys.ioctl, fd, SetWindowSizeRequest, (long)&size));

    /// <summary>Bytes that can be read (FIONREAD).</summary>
    public static Result<int> GetReadableBytes(int fd)
    {
        int count;
        long result = HostSyscall.CallRetrying(Sys.ioctl, fd, Ioctl.BytesReadable, (long)&count);
        return HostSyscall.ErrorOf(result) is not Errno.Ok and Errno error ? error : count;
    }

    /// <summary>The attributes of a line that passes everything through as it comes (cfmakeraw(3)).</summary>
    public static Termios MakeRaw(in Termios termios)
    {
        Termios raw = termios;
        raw.Input &= ~(InputModes.IgnoreBreak | InputModes.BreakInterrupt | InputModes.StripHighBit
            | InputModes.NewlineToReturn
            | InputModes.IgnoreReturn | InputModes.ReturnToNewline | InputModes.FlowControl);
        raw.Output &= ~OutputModes.Process;
        raw.Local &= ~(LocalModes.Echo | LocalModes.EchoNewline | LocalModes.Canonical | LocalModes.Signals
            | LocalModes.Extended);
        raw.Control |= ControlModes.Size8;
        raw.Characters[ControlCharacter.Minimum] = 1;
        raw.Characters[ControlCharacter.Time] = 0;
        return raw;
    }
}
