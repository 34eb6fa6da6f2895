using Sandbox.Linux;
using Sandbox.Sentry.Memory;
using Sandbox.Sentry.Sync;

namespace Sandbox.Sentry.Sockets;

/// <summary>A queue of whole messages: datagrams, or the packets of a SOCK_SEQPACKET connection.</summary>
internal sealed class PacketChannel(WaitQueue readers, int capacity, MemoryAccount account) : Channel(
    readers, capacity, account)
{
    /// <summary>What a message costs beside its bytes, so that empty ones cannot fill the memory.</summary>
    private const int OverheadBytes = ObjectCost.Message;

    private readonly Queue<Packet> _packets = new();
    private int _queuedBytes; // With overhead.

    private readonly record struct Packet(NativeBlock Bytes, int Length, SocketAddress? Sender, ControlData? Control);

    protected override bool IsEmpty => _packets.Count == 0;

    protected override bool HasRoom => _queuedBytes < Capacity;

    protected override Result<int> Put(ReadOnlySpan<byte> data, SocketAddress? sender, ControlData? control)
    {
        if (data.Length > Capacity - OverheadBytes)
            return Errno.EMSGSIZE;
        if (_queuedBytes > 0 && _queuedBytes + data.Length + OverheadBytes > Capacity)
            return Errno.EAGAIN;
        if (Store(data).Failed(out NativeBlock block, out Errno error))
            return error;
        _packets.Enqueue(new Packet(block, data.Length, sender, control));
        _queuedBytes += data.Length + OverheadBytes;
        return data.Length;
    }

    protected override Result<int> Take(Span<byte> destination, SocketFlags flags, ref MessageInfo info)
    {
        Packet packet = _packets.Peek();
        int count = Math.Min(destination.Length, packet.Length);
        packet.Bytes.Span[..count].CopyTo(destination);
        info.Sender = packet.Sender;
        info.FullLength = packet.Length;
        info.Flags |= count < packet.Length ? SocketFlags.Truncated : 0;
        if ((flags & SocketFlags.Peek) != 0)
        {
            info.Control = packet.Control?.Duplicate();
            return count;
        }

        info.Control = packet.Control;
        _packets.Dequeue();
        _queuedBytes -= packet.Length + OverheadBytes;
        Return(packet);
        return count;
    }

    protected override void Clear(List<ControlData> dropped)
    {
        foreach (Packet packet in _packets)
        {
            if (packet.Control is not null)
                dropped.Add(packet.Control);
            Return(packet);
        }

        _packets.Clear();
        _queuedBytes = 0;
    }

    protected override int CountReadable() => _packets.TryPeek(out Packet packet) ? packet.Length : 0;

    protected override int CountQueued() => _queuedBytes;

    private Result<NativeBlock> Store(ReadOnlySpan<byte> data)
    {
        int bytes = data.IsEmpty ? 0 : NativeArena.CapacityFor(data.Length);
        if (!Account.TryChargeObject(ObjectCost.Message))
            return Errno.ENOBUFS;
        if (bytes == 0)
            return default(NativeBlock);
        if (Account.TryCharge(MemoryKind.Buffers, bytes))
        {
            if (!NativeArena.Allocate(bytes, isCleared: false).Failed(out NativeBlock block, out _))
            {
                data.CopyTo(block.Span);
                return block;
            }

            Account.Return(MemoryKind.Buffers, bytes);
        }

        Account.ReturnObject(ObjectCost.Message);
        return Errno.ENOBUFS;
    }

    private void Return(in Packet packet)
    {
        Account.ReturnObject(ObjectCost.Message);
        Account.Return(MemoryKind.Buffers, packet.Bytes.Capacity);
        NativeArena.Free(packet.Bytes);
    }
}
