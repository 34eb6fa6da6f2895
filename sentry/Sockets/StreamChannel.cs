using Sandbox.Linux;
using Sandbox.Sentry.Memory;
using Sandbox.Sentry.Sync;

namespace Sandbox.Sentry.Sockets;

/// <summary>
/// A stream of bytes, with files and credentials fixed to the bytes they were sent with (unix(7)): a read ends behind
/// bytes that carried files, and does not mix bytes of different senders once credentials are asked for.
/// </summary>
internal sealed class StreamChannel : Channel
{
    /// <summary>Messages with ancillary data that may be queued at once; the next waits.</summary>
    private const int MaxMarks = 512;

    private readonly ByteRing _ring;
    private Queue<Mark>? _marks; // In stream order; first bytes not read yet or just being read.
    private long _written;
    private long _read;

    public StreamChannel(WaitQueue readers, int capacity, MemoryAccount account)
        : base(readers, capacity, account) => _ring = new ByteRing(Capacity, account);

    /// <summary>Ancillary data of the bytes [Start, End) of the stream.</summary>
    private readonly record struct Mark(long Start, long End, ControlData Control);

    protected override bool IsEmpty => _ring.IsEmpty;

    // As TCP has it: a writer that ran out of room is told when a third is free, not at each byte.
    protected override bool HasRoom => _ring.Free >= Capacity / 3 && (_marks is null || _marks.Count < MaxMarks);

    protected override Result<int> Put(ReadOnlySpan<byte> data, SocketAddress? sender, ControlData? control)
    {
        if (_ring.Free <= 0 || (control is not null && _marks?.Count >= MaxMarks))
            return Errno.EAGAIN;
        if (control is not null && !Account.TryChargeObject(ObjectCost.Message))
            return Errno.ENOBUFS;
        if (_ring.Write(data).Failed(out int count, out _))
        {
            Account.ReturnObject(ObjectCost.Message, control is null ? 0 : 1);
            return Errno.ENOBUFS;
        }

        if (control is not null)
            (_marks ??= new Queue<Mark>()).Enqueue(new Mark(_written, _written + count, control));
        _written += count;
        return count;
    }

    protected override Result<int> Take(Span<byte> destination, SocketFlags flags, ref MessageInfo info)
    {
        bool isPeek = (flags & SocketFlags.Peek) != 0;
        int count = Math.Min(destination.Length, _ring.Count);
        if (_marks is { Count: > 0 } && count > 0)
            count = TakeMark(count, isPeek, ref info);
        _ring.Peek(destination[..count], 0);
        if (!isPeek)
        {
            _ring.Skip(count);
            _read += count;
            DropReadMarks();
        }

        info.FullLength = count;
        return count;
    }

    /// <summary>
    /// Limits a read of <paramref name="count"/> bytes at the marks it meets, and gives it the first one's data.
    /// </summary>
    private int TakeMark(int count, bool isPeek, ref MessageInfo info)
    {
        Mark mark = _marks!.Peek();
        if (mark.Start > _read)
        {
            // Plain bytes first. Those that carry something are left for the next read.
            return (int)Math.Min(count, mark.Start - _read);
        }

        info.Control = isPeek ? mark.Control.Duplicate() : Split(mark.Control);
        return (int)Math.Min(count, mark.End - _read);
    }

    /// <summary>The files go with the first read of their bytes, the credentials with every one.</summary>
    private static ControlData Split(ControlData control)
    {
        ControlData first = new() { Credentials = control.Credentials };
        if (control.Files is not null)
            first.MoveFilesFrom(control);
        return first;
    }

    private void DropReadMarks()
    {
        while (_marks is { Count: > 0 } && _marks.Peek().End <= _read)
        {
            _marks.Dequeue();
            Account.ReturnObject(ObjectCost.Message);
        }
    }

    protected override void Clear(List<ControlData> dropped)
    {
        foreach (Mark mark in _marks ?? [])
            dropped.Add(mark.Control);
        Account.ReturnObject(ObjectCost.Message, _marks?.Count ?? 0);
        _marks = null;
        _ring.Clear();
        _read = _written;
    }

    protected override int CountReadable() => _ring.Count;

    protected override int CountQueued() => _ring.Count;

    protected override void OnCapacity() => _ring.SetCapacity(Capacity);
}
