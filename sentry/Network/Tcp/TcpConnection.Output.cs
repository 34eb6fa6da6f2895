using Sandbox.Sentry.Memory;

namespace Sandbox.Sentry.Network.Tcp;

/// <summary>What a connection sends and when.</summary>
internal sealed partial class TcpConnection
{
    /// <summary>The window scale we offer: windows of up to 8 MiB.</summary>
    private const int OfferedScale = 7, MaxUnscaledWindow = 65535, MinSegment = 88;

    private const long Millisecond = 1_000_000, Second = 1000 * Millisecond;

    private readonly SliceQueue _sendQueue; // What the peer has not acknowledged, from _sendUnacknowledged on.
    private readonly RangeSet _sacked = new();      // What of it the peer has all the same.
    private Congestion _congestion = new(0, isCubic: true);
    private RoundTrip _roundTrip;
    private Sequence _sendUnacknowledged;
    private Sequence _sendNext; // Below _sendMaximum while it sends again after a time-out.
    private Sequence _sendMaximum;
    private Sequence _windowSequence;       // Of the segment that brought _sendWindow.
    private Sequence _windowAcknowledgment;
    private Sequence _timedEnd;             // What the round trip is being measured with.
    private long _timedAt;                  // 0: nothing.
    private int _sendWindow;
    private int _largestWindow;
    private int _sendScale;
    private int _segmentBytes;
    private bool _wantsRoom;
    private bool _closesSending; // A FIN follows the queue.
    private bool _usesTimestamps;
    private bool _usesSacks;
    private uint _timestampOffset;
    private Sequence _urgentEnd; // Behind the last urgent byte we sent.
    private bool _hasUrgentToSend;

    // Recovery from losses (RFC 6675).
    private bool _isRecovering;
    private Sequence _recoverUntil;
    private Sequence _retransmittedUntil;
    private int _duplicates;
    private int _retries;
    private int _totalRetransmits;
    private long _bytesAcknowledged;
    private long _firstRetryAt;

    /// <summary>Where the stream ends that is to be sent; a FIN comes there.</summary>
    private Sequence StreamEnd => _sendUnacknowledged + _sendQueue.Length;

    private bool MaySend =>
        _state is TcpState.Established or TcpState.CloseWait or TcpState.FinWait1 or TcpState.Closing
            or TcpState.LastAck;

    private bool IsFinSent => _closesSending && _sendMaximum > StreamEnd;

    private void Start(TcpPath path, Sequence initial)
    {
        _path = path;
        _sendUnacknowledged = _sendNext = _sendMaximum = _recoverUntil = _retransmittedUntil = initial;
        _timestampOffset = TcpLayer.NextTimestampOffset();
        int most = path.SegmentBytes(Remote.Address.IsV4);
        _segmentBytes = Settings.MaxSegment > 0 ? Math.Min(most, Settings.MaxSegment) : most;
        _congestion = new Congestion(_segmentBytes, Settings.IsCubic);
        _roundTrip = default;
        _sacked.Clear();
        _reassembly.Clear();
        (_isRecovering, _duplicates, _retries, _closesSending, _timedAt, _hasUrgentToSend) =
            (false, 0, 0, false, 0, false);
        StartReceiving();
    }

    /// <summary>Takes the bytes over, as a copy that was made before or as one made now.</summary>
    private void Enqueue(ReadOnlySpan<byte> data, ByteSlice prepared, bool endsUrgent)
    {
        if (_sendUnacknowledged == _sendNext && _sendQueue.Length == 0 && _now - _lastSentAt > _roundTrip.Timeout)
            _congestion.OnIdle();
        if (prepared.Buffer is null)
            _sendQueue.Append(data);
        else
            _sendQueue.Append(prepared.Take(data.Length));
        if (endsUrgent)
            (_urgentEnd, _hasUrgentToSend) = (StreamEnd, true);
    }

    /// <summary>A FIN goes behind what is queued.</summary>
    private void CloseSending()
    {
        if (_closesSending)
            return;
        _closesSending = true;
        if (_state == TcpState.Established)
            SetState(TcpState.FinWait1);
        else if (_state == TcpState.CloseWait)
            SetState(TcpState.LastAck);
        Output();
    }

    /// <summary>Sends what windows, Nagle and the congestion allow.</summary>
    private void Output(bool hasMore = false)
    {
        if (!MaySend)
            return;
        while (_isRecovering && InFlight + _segmentBytes <= _congestion.Window && RetransmitGap())
        {
        }

        while (true)
        {
            int offset = _sendNext - _sendUnacknowledged, unsent = _sendQueue.Length - offset;
            if (unsent < 0)
                break; // The FIN is under way too.
            bool isFin = _closesSending && unsent <= SegmentPayload;
            int usable = Math.Min(_sendUnacknowledged + _sendWindow - _sendNext, _congestion.Window - InFlight);
            int length = Math.Min(Math.Min(unsent, usable), _path.IsLocal ? SharedBuffer.LargeBytes : SegmentPayload);
            if (unsent == 0 ? !isFin || usable < 0 : length <= 0)
                break;
            length = Math.Max(length, 0);
            bool isLast = length == unsent;
            if (length < SegmentPayload && !MaySendShort(isLast, isFin, hasMore, usable))
                break;
            if (_path.IsLocal && length > 0)
            {
                // Handed over by reference: of one buffer, and all of it unless the window is never so large.
                int together = _sendQueue.Slice(offset, unsent).Length;
                if (together > length && together <= _largestWindow / 2 && _sendMaximum > _sendUnacknowledged)
                    break;
                length = Math.Min(length, together);
                isLast = length == unsent;
            }

            SendData(_sendNext, length, isFin && isLast);
        }

        ArmRetransmission();
    }

    /// <summary>Nagle (RFC 9293, 3.7.4), cork, and no silly windows: may less than a full segment go now?</summary>
    private bool MaySendShort(bool isLast, bool isFin, bool hasMore, int usable)
    {
        if (isFin || _sendNext < _sendMaximum)
            return true; // What is sent again was sent before, however short it was.
        if (!isLast)
            return usable >= _largestWindow / 2;
        if (Settings.Cork || hasMore)
            return false;
        return Settings.NoDelay || _sendMaximum == _sendUnacknowledged || (_hasUrgentToSend && _urgentEnd > _sendNext);
    }

    /// <summary>Bytes of a full segment, when the options that every segment has are counted.</summary>
    private int SegmentPayload => Math.Max(_segmentBytes - (_usesTimestamps ? TcpCodec.TimestampBytes : 0), 1);

    /// <summary>Bytes that are under way, as far as the acknowledgments tell (RFC 6675, "pipe").</summary>
    private int InFlight
    {
        get
        {
            if (!_isRecovering)
                return _sendNext - _sendUnacknowledged - Math.Min(_sacked.Bytes, _sendNext - _sendUnacknowledged);
            if (_sacked.Count == 0)
                return (int)Math.Max(0L, _sendNext - _sendUnacknowledged - ((long)_duplicates * _segmentBytes));
            int pipe = _sendNext - _sacked.Highest;
            Sequence from = _sendUnacknowledged;
            while (_sacked.FirstGap(from) is { } gap && gap.Start < _retransmittedUntil)
            {
                pipe += Sequence.Min(gap.End, _retransmittedUntil) - gap.Start;
                from = gap.End;
            }

            return Math.Max(0, pipe);
        }
    }

    /// <summary>Sends the next gap that the peer reports again; false if there is none left.</summary>
    private bool RetransmitGap()
    {
        if (_sacked.FirstGap(Sequence.Max(_sendUnacknowledged, _retransmittedUntil)) is not { } gap)
            return false;
        int length = Math.Min(gap.Length, SegmentPayload);
        Retransmit(gap.Start, length);
        return true;
    }

    private void Retransmit(Sequence start, int length)
    {
        int offset = start - _sendUnacknowledged;
        length = Math.Min(length, _sendQueue.Length - offset);
        _timedAt = 0; // An acknowledgment would not tell of which of the two (Karn).
        _totalRetransmits++;
        SendData(start, Math.Max(length, 0), _closesSending && start + length == StreamEnd);
        _retransmittedUntil = Sequence.Max(_retransmittedUntil, start + Math.Max(length, 1));
    }

    private void SendData(Sequence start, int length, bool isFin)
    {
        TcpFlags flags = TcpFlags.Ack | (isFin ? TcpFlags.Fin : TcpFlags.None);
        if (length > 0 && start + length == StreamEnd)
            flags |= TcpFlags.Push;
        if (length > 0 && _now - _heardBytesAt < DelayedAck)
            _isAnswering = true;
        Sequence end = start + length + (isFin ? 1 : 0);
        if (end > _sendMaximum && _timedAt == 0 && start >= _sendMaximum)
            (_timedEnd, _timedAt) = (end, _now);
        if (start == _sendNext)
            _sendNext = end;
        _sendMaximum = Sequence.Max(_sendMaximum, end);
        Transmit(NewHeader(start, flags), start - _sendUnacknowledged, length);
    }

    private void SendAck() => Transmit(NewHeader(_sendNext, TcpFlags.Ack), 0, 0);

    /// <summary>
    /// Asks the peer for a word: an old byte's number is answered by an acknowledgment (RFC 9293, 3.8.4).
    /// </summary>
    private void SendProbe() => Transmit(NewHeader(_sendUnacknowledged - 1, TcpFlags.Ack), 0, 0);

    private void SendSyn(TcpFlags flags)
    {
        TcpHeader header = NewHeader(_sendUnacknowledged, flags);
        bool isAnswer = (flags & TcpFlags.Ack) != 0;
        int most = _path.SegmentBytes(Remote.Address.IsV4);
        header.MaxSegment =
            (ushort)(Settings.MaxSegment > 0 ? Math.Min(most, Settings.MaxSegment) : Math.Min(most, ushort.MaxValue));
        header.WindowScale = !isAnswer || _usesScaling ? (sbyte)OfferedScale : (sbyte)TcpHeader.NoScale;
        header.SackPermitted = !isAnswer || _usesSacks;
        header.HasTimestamps = !isAnswer || _usesTimestamps;
        if (header.HasTimestamps)
            (header.TimestampValue, header.TimestampEcho) = (TimestampNow, isAnswer ? _recentTimestamp : 0);
        header.Window = (ushort)Math.Min(Math.Max(_receiveEdge - _receiveNext, 0), MaxUnscaledWindow);
        if (_timedAt == 0 && _retries == 0)
            (_timedEnd, _timedAt) = (_sendUnacknowledged + 1, _now);
        else
            _timedAt = 0;
        _sendNext = _sendMaximum = _sendUnacknowledged + 1;
        Transmit(header, 0, 0);
        ArmRetransmission();
    }

    private void ResetPeer()
    {
        if (_state is TcpState.TimeWait)
            return;
        TcpHeader header = NewHeader(_sendNext, TcpFlags.Reset | TcpFlags.Ack);
        header.SackCount = 0;
        Transmit(header, 0, 0);
    }

    private TcpHeader NewHeader(Sequence sequence, TcpFlags flags)
    {
        TcpHeader header = new()
        {
            SourcePort = Local.Port, DestinationPort = Remote.Port, Sequence = sequence, Flags = flags,
                WindowScale = TcpHeader.NoScale,
        };
        if ((flags & TcpFlags.Ack) == 0)
            return header;
        header.Acknowledgment = _receiveNext;
        header.Window = TakeWindow();
        if (_usesTimestamps)
            (header.HasTimestamps, header.TimestampValue, header.TimestampEcho) =
                (true, TimestampNow, _recentTimestamp);
        if (_usesSacks && !_reassembly.IsEmpty)
        {
            const int withTimestamps = 3;
            int most = _usesTimestamps ? withTimestamps : TcpHeader.MaxSackBlocks;
            header.SackCount = _reassembly.Report(_recentOutOfOrder, ref header.Sacks, most);
        }

        if (_hasUrgentToSend && _urgentEnd > sequence)
        {
            header.Flags |= TcpFlags.Urgent;
            header.UrgentPointer = _urgentEnd - sequence;
        }

        return header;
    }

    private uint TimestampNow => (uint)(_now / Millisecond) + _timestampOffset;

    private void Transmit(in TcpHeader header, int offset, int length)
    {
        if (header.Has(TcpFlags.Ack))
        {
            _acknowledgedUntil = _receiveNext;
            _delayedAckAt = NetworkTimer.Never;
        }

        _lastSentAt = _now;
        _layer.Transmit(this, _path, header, _sendQueue, offset, length);
    }
}
