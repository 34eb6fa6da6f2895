using Sandbox.Linux;
using Sandbox.Sentry.Memory;

namespace Sandbox.Sentry.Network.Tcp;

/// <summary>What a connection has received, and how much more it lets the peer send.</summary>
internal sealed partial class TcpConnection
{
    /// <summary>
    /// Acknowledged at once when a connection is new, as Linux does, so that the peer's window opens.
    /// </summary>
    private const int FirstQuickAcks = 16;

    private const long DelayedAck = 40 * Millisecond;

    /// <summary>
    /// Between two ends on this host no round trip has to be filled: what stays in the cache is fastest.
    /// </summary>
    private const int LocalBuffer = 1 << 18;

    private readonly SliceQueue _receiveQueue; // In order, not read yet.
    private readonly Reassembly _reassembly = new();
    private Sequence _receiveNext;
    private Sequence _receiveEdge;       // The first byte that the peer may not send.
    private Sequence _acknowledgedUntil;
    private Sequence _recentOutOfOrder;
    private Sequence _peerFin;
    private long _bytesReceived;
    private int _receiveScale;
    private int _receiveCapacity;
    private int _copiedSinceGrowth;
    private long _growthAt;
    private int _quickAcks;
    private int _peerSegment; // The longest that came.
    private long _heardBytesAt;
    private bool _isAnswering; // The program answers what it reads: an acknowledgment can travel with that.
    private bool _usesScaling;
    private bool _hasPeerFin;     // Its place is known.
    private bool _hasReceivedFin; // All before it has come.
    private uint _recentTimestamp;
    private long _recentTimestampAt;
    private AcceptQueue? _accepts;

    // The urgent byte (RFC 9293, 3.8.5; tcp(7)).
    private UrgentState _urgent;
    private Sequence _urgentAt;
    private byte _urgentByte;

    private enum UrgentState
    {
        None,
        Announced,
        Here,
        Read,
    }

    private Sequence ReadNext => _receiveNext - _receiveQueue.Length - (_hasReceivedFin ? 1 : 0);

    private int ReadableBytes
    {
        get
        {
            int length = _receiveQueue.Length;
            bool isHidden = _urgent is not UrgentState.None && !Settings.IsUrgentInline && length > 0
                && _urgentAt == ReadNext;
            return isHidden ? length - 1 : length;
        }
    }

    private bool HasUrgent => _urgent is UrgentState.Here or UrgentState.Announced;

    private bool IsAtUrgent => _urgent is not UrgentState.None && _urgentAt == ReadNext;

    private void StartReceiving()
    {
        _receiveCapacity = Settings.ReceiveBuffer;
        if (Settings.IsReceiveBufferAutomatic && _path.IsLocal)
            _receiveCapacity = LocalBuffer;
        _receiveNext = default;
        _receiveEdge = new Sequence((uint)_receiveCapacity);
        _quickAcks = FirstQuickAcks;
        (_isAnswering, _hasPeerFin, _hasReceivedFin) = (false, false, false);
        (_usesScaling, _usesSacks, _usesTimestamps) = (false, false, false);
        (_receiveScale, _sendScale, _urgent, _copiedSinceGrowth, _peerSegment) = (0, 0, UrgentState.None, 0, 0);
        _heardBytesAt = -Second;
        DropReceived();
    }

    private void DropReceived() => _receiveQueue.Clear();

    /// <summary>Copies bytes out; a read ends before the urgent byte, and the next begins behind it.</summary>
    private int TakeReceived(Span<byte> destination, bool isPeek, int offset)
    {
        int available = _receiveQueue.Length - offset;
        if (_urgent is not UrgentState.None && available > 0)
        {
            int before = _urgentAt - ReadNext - offset;
            if (before == 0 && !Settings.IsUrgentInline)
            {
                if (--available <= 0)
                    return 0;
                if (isPeek)
                    offset++;
                else
                    _receiveQueue.Drop(1);
            }
            else if (before > 0)
            {
                available = Math.Min(available, before);
            }

            if (!isPeek && before <= 0)
                _urgent = UrgentState.None; // Read past.
        }

        if (available <= 0)
            return 0;
        int count = _receiveQueue.CopyTo(offset, destination[..Math.Min(destination.Length, available)]);
        if (isPeek)
            return count;
        _receiveQueue.Drop(count);
        GrowCapacity(count);
        return count;
    }

    /// <summary>
    /// Takes the first bytes as they lie, with the reference, if they are many and about all that is asked for;
    /// else gives 0.
    /// </summary>
    private int TakeSlice(int most, out ByteSlice slice)
    {
        slice = default;
        if (most < SliceQueue.CopyBytes || _urgent is not UrgentState.None)
            return 0;
        ByteSlice first = _receiveQueue.Slice(0, most);
        if (first.Length < SliceQueue.CopyBytes || (first.Length < most && first.Length < _receiveQueue.Length))
            return 0;
        slice = first;
        first.Buffer!.AddReference();
        _receiveQueue.Drop(first.Length);
        GrowCapacity(first.Length);
        return first.Length;
    }

    private Result<int> TakeUrgent(Span<byte> destination, bool isPeek)
    {
        if (Settings.IsUrgentInline || _urgent is UrgentState.None or UrgentState.Read)
            return Errno.EINVAL;
        if (_urgent == UrgentState.Announced)
            return Errno.EAGAIN;
        if (!isPeek)
            _urgent = UrgentState.Read;
        if (destination.IsEmpty)
            return 0;
        destination[0] = _urgentByte;
        return 1;
    }

    /// <summary>A segment says where urgent data ends; only a later place than the last counts.</summary>
    private void OnUrgent(in TcpHeader header)
    {
        Sequence at = header.Sequence + header.UrgentPointer - 1;
        if (header.UrgentPointer == 0 || (_urgent is not UrgentState.None && at <= _urgentAt) || at < ReadNext)
            return;
        (_urgent, _urgentAt) = (UrgentState.Announced, at);
        _events |= PollEvents.Priority;
    }

    private void TakeArrivedUrgent(Sequence start, ByteSlice data)
    {
        int offset = _urgentAt - start;
        if (_urgent != UrgentState.Announced || offset < 0 || offset >= data.Length)
            return;
        _urgentByte = data.Span[offset];
        _urgent = UrgentState.Here;
        _events |= PollEvents.Priority;
    }

    /// <summary>The window to advertise now. What was promised once is never taken back.</summary>
    private ushort TakeWindow()
    {
        int free = _receiveCapacity - _receiveQueue.Length - _reassembly.Bytes;
        Sequence edge = _receiveNext + Math.Max(free, 0);
        // Room for less than a segment is not worth telling (RFC 9293, 3.8.6.2.2).
        if (edge - _receiveEdge >= Math.Min(_receiveCapacity / 2, _segmentBytes))
            _receiveEdge = edge;
        int window = Math.Max(_receiveEdge - _receiveNext, 0);
        int scaled = (window + (1 << _receiveScale) - 1) >> _receiveScale;
        if (scaled > MaxUnscaledWindow)
            scaled = MaxUnscaledWindow;
        _receiveEdge = Sequence.Max(_receiveEdge, _receiveNext + (scaled << _receiveScale));
        return (ushort)scaled;
    }

    /// <summary>Bytes were read: tells the peer once the window has opened by much.</summary>
    private void UpdateWindow()
    {
        if (_state is not (TcpState.Established or TcpState.FinWait1 or TcpState.FinWait2))
            return;
        int window = Math.Max(_receiveEdge - _receiveNext, 0);
        int free = _receiveCapacity - _receiveQueue.Length - _reassembly.Bytes;
        bool isMuchMore = free >= 2 * window && free >= Math.Min(_receiveCapacity / 2, _segmentBytes);
        // A sender that waits for room hears of it when its bytes are read, not when the time is up.
        // One on this host asks.
        bool isWaited = !_path.IsLocal && _delayedAckAt != NetworkTimer.Never
            && (_receiveNext - _acknowledgedUntil > _peerSegment || (_receiveQueue.Length == 0 && !_isAnswering));
        if (isMuchMore || isWaited)
            SendAck();
    }

    /// <summary>A program that reads as fast as a window comes gets a larger one.</summary>
    private void GrowCapacity(int count)
    {
        if (!Settings.IsReceiveBufferAutomatic || _path.IsLocal)
            return;
        _copiedSinceGrowth += count;
        long now = _now;
        if (now - _growthAt < _roundTrip.Smoothed)
            return;
        if (_copiedSinceGrowth >= _receiveCapacity / 2)
            _receiveCapacity = Math.Min(_receiveCapacity * 2, TcpSettings.MaxReceiveBuffer);
        (_copiedSinceGrowth, _growthAt) = (0, now);
    }

    /// <summary>SO_RCVBUF changed: the window grows at once, and shrinks as bytes come.</summary>
    public void OnReceiveBuffer()
    {
        using (_lock.Enter())
            _receiveCapacity = Settings.ReceiveBuffer;
    }

    /// <summary>Takes a segment's bytes, in turn or not, and decides when to acknowledge them.</summary>
    private void OnData(Sequence start, ByteSlice data, bool isFin)
    {
        if (isFin)
            (_peerFin, _hasPeerFin) = (start + data.Length, true);
        int known = Math.Max(_receiveNext - start, 0);
        if (known > data.Length || (known == data.Length && !(isFin && _peerFin == _receiveNext)))
        {
            SendAck(); // All of it was here before: the peer did not hear so.
            return;
        }

        data = data.Skip(known);
        start += known;
        // What there is no memory for is dropped like what is beyond the window: the peer sends it again.
        int room = Settings.Account.FreeObjectBytes >= SharedBuffer.LargeBytes ? _receiveEdge - start : 0;
        int fitting = Math.Clamp(room, 0, data.Length);
        bool isCut = fitting < data.Length;
        data = data.Take(fitting);
        TakeArrivedUrgent(start, data);
        if (start != _receiveNext)
        {
            _reassembly.Add(start, data);
            _recentOutOfOrder = start;
            SendAck();
            return;
        }

        bool filledGap = !_reassembly.IsEmpty;
        Sequence before = _receiveNext;
        _receiveQueue.Append(data);
        _receiveNext += data.Length;
        if (filledGap)
            _receiveNext = _reassembly.MoveTo(_receiveQueue, _receiveNext);
        _bytesReceived += _receiveNext - before;
        _peerSegment = Math.Max(_peerSegment, data.Length);
        _heardBytesAt = _now;
        if (data.Length > 0)
            _events |= PollEvents.Readable;
        if (_hasPeerFin && _receiveNext == _peerFin)
        {
            OnFin();
            return;
        }

        if (filledGap || isCut || _receiveNext - _acknowledgedUntil >= 2 * _segmentBytes
            || (_quickAcks > 0 && !_isAnswering))
        {
            _quickAcks = Math.Max(_quickAcks - 1, 0);
            SendAck();
        }
        else if (_delayedAckAt == NetworkTimer.Never)
        {
            _delayedAckAt = _now + DelayedAck;
            ArmTimer();
        }
    }

    private void OnFin()
    {
        _receiveNext += 1;
        _hasReceivedFin = true;
        _events |= PollEvents.Readable | PollEvents.ReadHangUp;
        switch (_state)
        {
            case TcpState.SynReceived or TcpState.Established:
                SetState(TcpState.CloseWait);
                break;
            case TcpState.FinWait1:
                SetState(TcpState.Closing); // Its acknowledgment of our FIN would have been processed before.
                break;
            case TcpState.FinWait2:
                BeginTimeWait();
                break;
        }

        if (_isWriteShut)
            _events |= PollEvents.HangUp;
        SendAck();
    }
}
