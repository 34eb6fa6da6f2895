using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Sandbox.Linux;

namespace Sandbox.Sentry.Vfs;

/// <summary>
/// struct termios2 (44 bytes; include/uapi/asm-generic/termbits.h): termios with both speeds, in baud.
/// </summary>
[StructLayout(LayoutKind.Sequential)]
internal struct Termios2
{
    public Termios Termios;
    public uint InputSpeed;
    public uint OutputSpeed;
}

/// <summary>
/// struct termio (18 bytes; include/uapi/asm-generic/termios.h): System V's form, the low halves of the modes.
/// </summary>
[StructLayout(LayoutKind.Sequential)]
internal struct Termio
{
    public ushort Input;
    public ushort Output;
    public ushort Control;
    public ushort Local;
    public byte Line;
    public ShortCharacters Characters;

    /// <summary>c_cc of struct termio: NCC is 8; the last byte is padding.</summary>
    [InlineArray(9)]
    internal struct ShortCharacters
    {
        private byte _first;
    }
}

/// <summary>
/// The three forms in which ioctl_tty(2) takes and gives a terminal's attributes: TCGETS, TCGETS2 (which glibc's isatty
/// asks since 2.42) and TCGETA, each with three ways to set: at once, after output has drained,
/// and after that with input forgotten.
/// </summary>
internal static class TermiosForms
{
    private const uint Get = 0x5401, Set = 0x5402, SetFlushing = 0x5404, GetShort = 0x5405, SetShort = 0x5406,
        SetShortFlushing = 0x5408, Get2 = 0x802C542A, Set2 = 0x402C542B, Set2Flushing = 0x402C542D;

    private const int ShortCharacterCount = 8, SpeedMask = 0x100F, InputSpeedShift = 16, OtherSpeed = 0x1000;

    private static readonly uint[] _speeds =
    [
        0, 50, 75, 110, 134, 150, 200, 300, 600, 1200, 1800, 2400, 4800, 9600, 19200, 38400,
    ];

    private static readonly uint[] _fastSpeeds =
    [
        57600, 115200, 230400, 460800, 500000, 576000, 921600, 1000000, 1152000, 1500000, 2000000, 2500000, 3000000,
        3500000, 4000000,
    ];

    public static bool IsGet(uint request) => request is Get or GetShort or Get2;

    public static bool IsSet(uint request) =>
        request is (>= Set and <= SetFlushing) or (>= SetShort and <= SetShortFlushing)
            or (>= Set2 and <= Set2Flushing);

    /// <summary>
    /// 0 to set at once, 1 after output has drained (TCSETSW), 2 after that with typed input forgotten (TCSETSF).
    /// </summary>
    public static int ManyOf(uint request) =>
        (int)(request >= Set2
            ? request - Set2
            : request >= SetShort && request <= SetShortFlushing ? request - SetShort : request - Set);

    /// <summary>
    /// Writes the attributes in the form that <paramref name="request"/>, for which <see cref="IsGet"/>, asks for.
    /// </summary>
    public static Errno Write(ICaller caller, uint request, UserAddress address, in Termios2 attributes)
    {
        switch (request)
        {
            case Get2:
                return caller.Memory.Write(new UserPtr<Termios2>(address), attributes);
            case GetShort:
                ref readonly Termios full = ref attributes.Termios;
                Termio termio = new()
                {
                    Input = (ushort)full.Input, Output = (ushort)full.Output, Control = (ushort)full.Control,
                    Local = (ushort)full.Local, Line = full.Line,
                };
                for (int index = 0; index < ShortCharacterCount; index++)
                    termio.Characters[index] = full.Characters[index];
                return caller.Memory.Write(new UserPtr<Termio>(address), termio);
            default:
                return caller.Memory.Write(new UserPtr<Termios>(address), attributes.Termios);
        }
    }

    /// <summary>
    /// Reads what the guest wants in the form of <paramref name="request"/>, for which <see cref="IsSet"/>, over
    /// <paramref name="attributes"/> as they are. The speeds follow the mode bits, but for BOTHER,
    /// which takes them as given.
    /// </summary>
    public static Errno Read(ICaller caller, uint request, UserAddress address, ref Termios2 attributes)
    {
        Errno error;
        if (request is >= Set2 and <= Set2Flushing)
        {
            error = caller.Memory.Read(new UserPtr<Termios2>(address), out Termios2 wanted);
            if (error == Errno.Ok)
                attributes = wanted;
        }
        else if (request is >= SetShort and <= SetShortFlushing)
        {
            error = caller.Memory.Read(new UserPtr<Termio>(address), out Termio wanted);
            if (error == Errno.Ok)
                Apply(wanted, ref attributes.Termios);
        }
        else
        {
            error = caller.Memory.Read(new UserPtr<Termios>(address), out Termios wanted);
            if (error == Errno.Ok)
                attributes.Termios = wanted;
        }

        if (error == Errno.Ok)
            SetSpeeds(ref attributes);
        return error;
    }

    /// <summary>Termios with the speeds that its mode bits name.</summary>
    public static Termios2 WithSpeeds(in Termios termios)
    {
        Termios2 attributes = new() { Termios = termios };
        SetSpeeds(ref attributes);
        return attributes;
    }

    private static void SetSpeeds(ref Termios2 attributes)
    {
        uint control = (uint)attributes.Termios.Control, output = control & SpeedMask,
            input = (control >> InputSpeedShift) & SpeedMask;
        if (output != OtherSpeed)
            attributes.OutputSpeed = SpeedOf(output);
        if (input == 0)
            attributes.InputSpeed = attributes.OutputSpeed;
        else if (input != OtherSpeed)
            attributes.InputSpeed = SpeedOf(input);
    }

    private static uint SpeedOf(uint code) => code < _speeds.Length ? _speeds[code] : _fastSpeeds[(code & 0xF) - 1];

    private static void Apply(in Termio wanted, ref Termios termios)
    {
        termios.Input = (InputModes)Low((uint)termios.Input, wanted.Input);
        termios.Output = (OutputModes)Low((uint)termios.Output, wanted.Output);
        termios.Control = (ControlModes)Low((uint)termios.Control, wanted.Control);
        termios.Local = (LocalModes)Low((uint)termios.Local, wanted.Local);
        termios.Line = wanted.Line;
        for (int index = 0; index < ShortCharacterCount; index++)
            termios.Characters[index] = wanted.Characters[index];

        static uint Low(uint whole, ushort low) => (whole & 0xFFFF0000) | low;
    }
}
