namespace Sandbox.Platform.Stubs;

/// <summary>
/// Where the stub lives in a guest's address space, and the layout of what it shares with the Sentry: one *slot* for
/// each guest thread, with a header, a table of commands and the alternate signal stack. Guest code can write all but
/// the code, so nothing read from here is trusted; every command is verified when it becomes a system call.
/// </summary>
internal static class StubLayout
{
    /// <summary>The window: all addresses whose upper word is <see cref="WindowHigh"/>.</summary>
    public const ulong WindowStart = 0x6FFF_0000_0000, WindowEnd = 0x7000_0000_0000;
    public const uint WindowHigh = 0x6FFF;

    /// <summary>With a length below 4 GiB, a range that starts below this word ends before the window.</summary>
    public const uint GuardHigh = 0x6FFE;

    public static bool IsInWindow(ulong address) => address is >= WindowStart and < WindowEnd;

    public const ulong CodeStart = WindowStart + 0x10000;
    public const int CodeBytes = 0x1000;

    /// <summary>
    /// Data page, scratch page, then the zygote's parameter area (filter, sigactions), which stubs drop.
    /// </summary>
    public const ulong DataStart = WindowStart + 0x20000;
    public const ulong ScratchStart = DataStart + 0x1000;
    public const ulong ParametersStart = DataStart + 0x2000;
    public const int ParametersBytes = 0xE000;

    /// <summary>
    /// Offset of a byte that is 1 if rdfsbase may be used; else the stub asks the host for the segment bases.
    /// </summary>
    public const int DataHasFsGsBase = 0;

    public const ulong FirstSlot = WindowStart + 0x30000;

    /// <summary>Power of two; slots are aligned to it, so the code finds its slot from the stack pointer.</summary>
    public const int SlotBytes = 0x8000;

    /// <summary>Offset of the address of the signal frame; in the zygote, of its initial stack pointer.</summary>
    public const int SlotFrame = 16;

    /// <summary>Offset of the number of commands the zygote is asked to run.</summary>
    public const int SlotRequest = 24;

    /// <summary>Offset of the fs and the gs base, as the host tells them.</summary>
    public const int SlotBases = 32;

    /// <summary>Offset and size of the mark of a clone that is under way.</summary>
    public const int SlotMark = 48, SlotMarkBytes = 16;

    public const int SlotCommands = 64;

    /// <summary>Offset and size of a seccomp filter to install, behind the commands.</summary>
    public const int SlotFilter = 0xD00, SlotFilterBytes = SlotStack - SlotFilter;

    /// <summary>Offset and size of the alternate signal stack (AVX-512 and AMX state need about 11 KiB).</summary>
    public const int SlotStack = 0x1000;
    public const int SlotStackBytes = SlotBytes - SlotStack;

    /// <summary>A command: u32 number, u32 stop mode, six u64 arguments, i64 result.</summary>
    public const int CommandBytes = 64, CommandStop = 4, CommandArguments = 8, CommandResult = 56;
    public const int MaxCommands = (SlotStack - SlotCommands) / CommandBytes;

    /// <summary>When a batch ends early: never, at a negative result, at a result that is not 0.</summary>
    public const int StopNever = 0, StopAtError = 1, StopUnlessZero = 2;

    /// <summary>The doorbell: a call number no kernel has. Arguments: signal, frame, fs base, gs base.</summary>
    public const int DoorbellNumber = 0x5F5F;

    /// <summary>
    /// Values of the doorbell's first argument that are no signal: a batch is done; a new thread is here.
    /// </summary>
    public const int SignalDone = 0, SignalNewThread = 1000;
}
