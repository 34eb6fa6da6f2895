using System.Buffers.Binary;
using Sandbox.Linux;
using Sandbox.Platform.Stubs;

namespace Sandbox.Platform.Shortcuts.Page;

/// <summary>
/// The data of a thread's page while a call that came by it is handled. What the handler reads of the caller's memory
/// may have come with the request; what it writes is left in the page, and the caller copies it before it goes on. So
/// the host is not asked to copy. Only the host thread that runs the handler uses it.
/// </summary>
/// <remarks>
/// A write that is left in the page counts as done. If the caller cannot make it, the call's value is changed
/// when its thread comes in with its registers, to what it would have been had the host copied.
/// </remarks>
internal sealed class FastWindow(AddressSpace space, FastPage page)
{
    private const int EndBytes = sizeof(ulong);

    [ThreadStatic]
    private static FastWindow? _current;

    // The input, if its length is not 0: what is in the page is the guest's memory from this address.
    private ulong _inputAddress;
    private int _inputBytes;

    // Records from _first up to _next, and the bounds of the guest memory they go to.
    private int _first;
    private int _next;
    private ulong _low;
    private ulong _high;
    private bool _hasFailed;

    /// <summary>Finds the window of the call that the calling host thread handles, if that came by a page.</summary>
    public static IMemoryHook Hook { get; } = new CurrentHook();

    /// <summary>A request was taken, whose handler runs next on this host thread.</summary>
    public void Begin()
    {
        (ulong address, ulong length) = page.Input;
        _inputAddress = address;
        _inputBytes = length <= FastCalls.MaxBufferBytes ? (int)length : 0;
        _first = FastLayout.PageData + Aligned(_inputBytes);
        _hasFailed = false;
        Forget();
        _current = this;
    }

    /// <summary>
    /// The handler has ended. Gives the offset of the output, 0 if there is none,
    /// and may make <paramref name="value"/> EFAULT.
    /// </summary>
    public int End(ref long value)
    {
        _current = null;
        if (_hasFailed)
            value = -(long)Errno.EFAULT;
        if (_next == _first)
            return 0;
        BinaryPrimitives.WriteUInt64LittleEndian(page.Bytes(_next, EndBytes), 0);
        return _first;
    }

    /// <summary>True if all of the range came with the request.</summary>
    private bool TryRead(ulong source, Span<byte> destination)
    {
        if (HoldsWriteTo(source, destination.Length))
            Flush();
        ulong offset = source - _inputAddress;
        if (offset > (ulong)_inputBytes || (ulong)destination.Length > (ulong)_inputBytes - offset)
            return false;
        page.Bytes(FastLayout.PageData + (int)offset, destination.Length).CopyTo(destination);
        return true;
    }

    /// <summary>True if the bytes are left in the page.</summary>
    private bool TryWrite(ulong destination, ReadOnlySpan<byte> source)
    {
        if (destination - _inputAddress < (ulong)_inputBytes || _inputAddress - destination < (ulong)source.Length)
            _inputBytes = 0; // It is no longer what is in memory.
        int bytes = FastLayout.RecordHeader + Aligned(source.Length);
        if (source.Length > FastCalls.MaxBufferBytes || bytes > FastLayout.CallBytes - EndBytes - _next)
        {
            if (HoldsWriteTo(destination, source.Length))
                Flush();
            return false;
        }

        if (source.IsEmpty)
            return true;
        Span<byte> record = page.Bytes(_next, bytes);
        BinaryPrimitives.WriteUInt64LittleEndian(record, (ulong)source.Length);
        BinaryPrimitives.WriteUInt64LittleEndian(record[sizeof(ulong)..], destination);
        source.CopyTo(record[FastLayout.RecordHeader..]);
        _next += bytes;
        _low = Math.Min(_low, destination);
        _high = Math.Max(_high, destination + (ulong)source.Length);
        return true;
    }

    /// <summary>Somebody is to see memory as it is: what was left in the page is written now.</summary>
    private void Flush()
    {
        _inputBytes = 0;
        if (_next == _first)
            return;
        BinaryPrimitives.WriteUInt64LittleEndian(page.Bytes(_next, EndBytes), 0);
        FastOutput output = new(page, _first);
        if (output.Write(space) != Errno.Ok)
            _hasFailed = true;
        Forget();
    }

    private bool IsOf(AddressSpace other) => space == other;

    private void Forget() => (_next, _low, _high) = (_first, ulong.MaxValue, 0);

    private bool HoldsWriteTo(ulong address, int length) => address < _high && address + (ulong)length > _low;

    private static int Aligned(int length) => (length + 7) & ~7;

    private sealed class CurrentHook : IMemoryHook
    {
        public bool TryRead(AddressSpace space, UserAddress source, Span<byte> destination) =>
            _current is { } window && window.IsOf(space) && window.TryRead(source.Value, destination);

        public bool TryWrite(AddressSpace space, UserAddress destination, ReadOnlySpan<byte> source) =>
            _current is { } window && window.IsOf(space) && window.TryWrite(destination.Value, source);

        public void Flush() => _current?.Flush();
    }
}
