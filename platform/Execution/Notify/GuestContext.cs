using System.Buffers.Binary;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Sandbox.Linux;
using Sandbox.Platform.Stubs;

namespace Sandbox.Platform.Notify;

/// <summary>
/// The full state of a thread at its doorbell: the signal frame in guest memory, read once and edited here. Only the
/// thread's current owner uses it.
/// </summary>
internal sealed class GuestContext(GuestThread thread)
{
    /// <summary>Offset of struct _fpx_sw_bytes in an FXSAVE image, and its magic (asm/sigcontext.h).</summary>
    private const int SoftwareOffset = 464;
    private const uint Magic1 = 0x46505853;
    private const int LegacyBytes = 512, MaxExtendedBytes = StubLayout.SlotStackBytes - 0x1000;

    /// <summary>
    /// Where the extended state of a frame that was built here lies behind it: XRSTOR wants multiples of 64 bytes.
    /// </summary>
    private const int StateOffset = 0x200;

    private SignalFrame _frame;
    private UserRegisters _registers;
    private UserRegisters _original;
    private bool _isLoaded;
    private ulong _extendedAddress;
    private int _extendedBytes;

    /// <summary>Where the frame lies in guest memory: whatever the guest claims.</summary>
    public ulong FrameAddress { get; private set; }

    public ref readonly SignalFrame Frame => ref _frame;

    public ref UserRegisters Registers
    {
        get
        {
            Load();
            return ref _registers;
        }
    }

    /// <summary>The thread's gs base leads to its page for the fast path, which the kernel sees as 0.</summary>
    public bool HasPageBase { get; private set; }

    /// <summary>The page's address was taken out of gs for a clone.</summary>
    public bool MustRestorePageBase { get; set; }

    /// <summary>
    /// It was looking for its page, or copying to or from it: where it faulted, the fault is not the guest's.
    /// </summary>
    public bool HasStoppedCopy { get; private set; }

    private ulong FsBase { get; set; }

    private ulong GsBase { get; set; }

    /// <summary>Reads the frame the doorbell named. False if it is not in readable memory.</summary>
    public bool TryEnter(in SeccompNotification doorbell)
    {
        (FrameAddress, FsBase, GsBase) = (doorbell.A1, doorbell.A2, doorbell.A3);
        (HasPageBase, MustRestorePageBase, HasStoppedCopy, _isLoaded) = (false, false, false, false);
        if (thread.Shortcuts?.IsOwnGsBase(GsBase) == true)
            (HasPageBase, GsBase) = (true, 0);
        _extendedBytes = 0;
        // The mask that the frame brings back is empty wherever honest code was interrupted.
        if (!thread.Space.TryRead(FrameAddress, out _frame) || (_frame.SignalMask & StubSignals.KickBit) != 0)
            return false;
        _extendedAddress = _frame.Context.ExtendedState;
        if (thread.Shortcuts?.TryMapIn(ref _frame.Context, out bool hasStoppedCopy) == true)
        {
            HasStoppedCopy = hasStoppedCopy;
            Load();
        }

        return true;
    }

    /// <summary>The child of a fork: the same frame at the same address, in its own copy of the memory.</summary>
    public void CopyFrom(GuestContext parent)
    {
        parent.Load();
        (_frame, _registers, _original, _isLoaded) = (parent._frame, parent._registers, parent._original, true);
        (FrameAddress, FsBase, GsBase) = (parent.FrameAddress, parent.FsBase, parent.GsBase);
        (_extendedAddress, _extendedBytes) = (parent._extendedAddress, parent._extendedBytes);
    }

    /// <summary>
    /// Builds the frame of a new thread in its slot, as a copy of this one with its registers as they stand. Errors:
    /// EFAULT.
    /// </summary>
    public Errno WriteCopy(ulong slot)
    {
        Load();
        int bytes = ExtendedBytes();
        Span<byte> image = stackalloc byte[StateOffset + bytes];
        if (ReadExtended(image[StateOffset..]).Failed(out _, out Errno error))
            return error;
        SignalFrame copy = CopyFor(slot);
        copy.Context.Rip = thread.MapOut(copy.Context.Rip);
        MemoryMarshal.Write(image, in copy);
        ulong frame = FrameOf(slot);
        ReadOnlySpan<byte> place = MemoryMarshal.AsBytes(new ReadOnlySpan<ulong>(in frame));
        return thread.Space.TryWriteBoth(slot + StubLayout.SlotFrame, place, frame, image) ? Errno.Ok : Errno.EFAULT;
    }

    /// <summary>
    /// The new thread for whose slot <paramref name="parent"/> has built a frame: it need not be read.
    /// </summary>
    public void EnterThread(in SeccompNotification doorbell, GuestContext parent)
    {
        (FrameAddress, FsBase, GsBase) = (FrameOf(thread.Slot), doorbell.A2, doorbell.A3);
        _frame = parent.CopyFor(thread.Slot);
        (_extendedAddress, _extendedBytes) = (_frame.Context.ExtendedState, parent._extendedBytes);
    }

    private static ulong FrameOf(ulong slot) => slot + StubLayout.SlotStack;

    /// <summary>This frame with the registers as they stand, for the slot of another thread.</summary>
    private SignalFrame CopyFor(ulong slot)
    {
        SignalFrame copy = _frame;
        copy.SetRegisters(_registers);
        copy.Context.ExtendedState = FrameOf(slot) + StateOffset;
        (copy.StackPointer, copy.StackFlags, copy.StackBytes) =
            (slot + StubLayout.SlotStack, 0, StubLayout.SlotStackBytes);
        return copy;
    }

    /// <summary>
    /// Writes what was changed back to the frame, so that rt_sigreturn makes it real. False: the frame is gone.
    /// </summary>
    public bool TryWriteBack()
    {
        ulong rip = thread.MapOut(_isLoaded ? _registers.Rip : _frame.Context.Rip);
        if (!_isLoaded && _frame.Context.ExtendedState == _extendedAddress && rip == _frame.Context.Rip)
            return true;
        if (_isLoaded)
            _frame.SetRegisters(_registers);
        _frame.Context.Rip = rip;
        int start = SignalFrame.ContextOffset;
        int bytes = (int)Unsafe.ByteOffset(
            ref Unsafe.As<SignalFrame, ulong>(ref _frame), ref _frame.Context.ExtendedState)
            + sizeof(ulong) - start;
        ReadOnlySpan<byte> frame = MemoryMarshal.AsBytes(new ReadOnlySpan<SignalFrame>(in _frame));
        return thread.Space.TryWrite(FrameAddress + (ulong)start, frame.Slice(start, bytes));
    }

    /// <summary>The segment base to set by a command before the thread resumes, if the handler changed it.</summary>
    public bool HasNewFsBase(out ulong fsBase)
    {
        fsBase = _registers.FsBase;
        return _isLoaded && _registers.FsBase != _original.FsBase;
    }

    /// <summary>As <see cref="HasNewFsBase"/>.</summary>
    public bool HasNewGsBase(out ulong gsBase)
    {
        gsBase = _registers.GsBase;
        return _isLoaded && _registers.GsBase != _original.GsBase;
    }

    /// <summary>The size of the extended state in this frame; hostile, so bounded.</summary>
    public int ExtendedBytes()
    {
        if (_extendedBytes != 0)
            return _extendedBytes;
        Span<byte> software = stackalloc byte[8];
        UserAddress address = new(_extendedAddress + SoftwareOffset);
        bool isRead = !thread.Space.ReadNow(address, software).Failed(out int count, out _)
            && count == software.Length;
        uint size = BinaryPrimitives.ReadUInt32LittleEndian(software[4..]);
        bool isExtended = isRead && BinaryPrimitives.ReadUInt32LittleEndian(software) == Magic1
            && size is >= LegacyBytes and <= MaxExtendedBytes;
        return _extendedBytes = isExtended ? (int)size : LegacyBytes;
    }

    public Result<int> ReadExtended(Span<byte> destination)
    {
        int bytes = ExtendedBytes();
        if (destination.Length < bytes)
            return Errno.EINVAL;
        if (_frame.Context.ExtendedState == 0)
        {
            ReadOnlySpan<byte> initial = thread.Listener.Platform.InitialExtendedState;
            destination[..bytes].Clear();
            initial[..Math.Min(bytes, initial.Length)].CopyTo(destination);
            return bytes;
        }

        UserAddress address = new(_frame.Context.ExtendedState);
        return thread.Space.ReadNow(address, destination[..bytes]).Failed(out int count, out Errno error)
            || count != bytes ? (error == Errno.Ok ? Errno.EFAULT : error) : bytes;
    }

    public Errno WriteExtended(ReadOnlySpan<byte> source)
    {
        if (source.IsEmpty)
        {
            _frame.Context.ExtendedState = 0; // The kernel takes a null pointer for "initial state".
            return Errno.Ok;
        }

        if (source.Length < LegacyBytes || source.Length > ExtendedBytes())
            return Errno.EINVAL;
        if (!thread.Space.TryWrite(_extendedAddress, source))
            return Errno.EFAULT;
        _frame.Context.ExtendedState = _extendedAddress;
        return Errno.Ok;
    }

    private void Load()
    {
        if (_isLoaded)
            return;
        _original = _registers = _frame.ToRegisters(FsBase, GsBase);
        _isLoaded = true;
    }
}
