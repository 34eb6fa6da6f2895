using Sandbox.Linux;

namespace Sandbox.Sentry.Network.Tcp;

/// <summary>What a connection does with an arriving segment (RFC 9293, 3.10.7).</summary>
internal sealed partial class TcpConnection
{
    /// <summary>
    /// Answers to segments that should not have come are this far apart, or two ends could answer each other for ever.
    /// </summary>
    private const long MinAnswerInterval = 500 * Millisecond;

    private const int DuplicatesForLoss = 3;

    private long _answeredAt = -Second;

    private void OnSegment(TcpSegment segment)
    {
        // It was found when it arrived; this end may have begun another connection since.
        bool isOurs = _state is TcpState.Closed || segment.To.Port == Local.Port;
        if (_state is not (TcpState.Closed or TcpState.Listen))
            isOurs = segment.To == Local && segment.From == Remote;
        if (!isOurs)
        {
            _layer.RejectSegment(segment);
            return;
        }

        switch (_state)
        {
            case TcpState.Closed:
                _layer.RejectSegment(segment);
                break;
            case TcpState.Listen:
                OnFirstSegment(segment);
                break;
            case TcpState.SynSent:
                OnAnswerToSyn(segment);
                break;
            default:
                OnLaterSegment(segment);
                break;
        }
    }

    private void OnLaterSegment(TcpSegment segment)
    {
        ref TcpHeader header = ref segment.Header;
        _heardAt = _now;
        if (_state == TcpState.TimeWait && IsNewConnection(segment))
        {
            End(Errno.Ok);
            _layer.Deliver(segment.Copy());
            return;
        }

        if (IsOldDuplicate(header) || !IsInWindow(header.Sequence, segment.SequenceLength))
        {
            if (!header.Has(TcpFlags.Reset))
                Answer();
            return;
        }

        if (header.Has(TcpFlags.Reset))
        {
            OnReset(header.Sequence);
            return;
        }

        bool isOtherOpening = _state == TcpState.SynReceived && header.Has(TcpFlags.Ack)
            && header.Sequence + 1 == _receiveNext;
        if (header.Has(TcpFlags.Syn) && !isOtherOpening)
        {
            Answer(); // RFC 5961: a peer that really began anew answers with a reset.
            return;
        }

        if (!header.Has(TcpFlags.Ack))
            return;
        if (header.HasTimestamps && header.Sequence <= _acknowledgedUntil)
            (_recentTimestamp, _recentTimestampAt) = (header.TimestampValue, _now);
        if (_state == TcpState.SynReceived)
        {
            if (header.Acknowledgment != _sendMaximum)
            {
                _layer.RejectSegment(segment);
                return;
            }

            if (!FinishHandshake(header, segment.SequenceLength))
                return;
        }

        if (!OnAcknowledgment(header, segment.Data.Length) || _state == TcpState.Closed)
            return;
        OnText(segment);
        Output();
    }

    private void OnText(TcpSegment segment)
    {
        ref TcpHeader header = ref segment.Header;
        bool isFin = header.Has(TcpFlags.Fin);
        if (_state is not (TcpState.Established or TcpState.FinWait1 or TcpState.FinWait2))
        {
            if (_state == TcpState.TimeWait && isFin)
            {
                BeginTimeWait();
                SendAck();
            }
            else if (segment.SequenceLength > 0)
            {
                SendAck();
            }

            return;
        }

        if (_isAbandoned && segment.Data.Length > 0 && header.Sequence + segment.Data.Length > _receiveNext)
        {
            ResetPeer(); // Nobody will ever read it.
            End(Errno.Ok);
            return;
        }

        if (header.Has(TcpFlags.Urgent))
            OnUrgent(header);
        if (segment.SequenceLength > 0 && !header.Has(TcpFlags.Syn))
            OnData(header.Sequence, segment.Data, isFin);
    }

    /// <summary>
    /// A SYN beyond all that came makes a new connection where an old one only waits (RFC 9293, 3.10.7.4).
    /// </summary>
    private bool IsNewConnection(TcpSegment segment)
    {
        ref TcpHeader header = ref segment.Header;
        return header.Has(TcpFlags.Syn) && !header.Has(TcpFlags.Ack) && !header.Has(TcpFlags.Reset)
            && (header.Sequence > _receiveNext
                || (header.HasTimestamps && _usesTimestamps && (int)(header.TimestampValue - _recentTimestamp) > 0));
    }

    /// <summary>PAWS (RFC 7323, 5): an older timestamp than the last is of a segment that was long under way.</summary>
    private bool IsOldDuplicate(in TcpHeader header)
    {
        const long timestampLifetime = 24 * 24 * 3600 * Second;
        return _usesTimestamps && header.HasTimestamps && !header.Has(TcpFlags.Reset)
            && (int)(header.TimestampValue - _recentTimestamp) < 0
            && _now - _recentTimestampAt < timestampLifetime;
    }

    private bool IsInWindow(Sequence start, int length)
    {
        int window = Math.Max(_receiveEdge - _receiveNext, 0);
        if (length == 0)
            return window == 0 ? start == _receiveNext : start >= _receiveNext && start <= _receiveEdge;
        // A segment that ends in old ground is still looked at for what it acknowledges; OnData answers it.
        return start + length >= _receiveNext && (window == 0 ? start <= _receiveNext : start < _receiveEdge);
    }

    private void OnReset(Sequence sequence)
    {
        if (sequence != _receiveNext)
        {
            Answer(); // RFC 5961: only the exact place counts, or a guess could end a connection.
            return;
        }

        End(_state switch
        {
            TcpState.SynReceived => _listener is null ? Errno.ECONNREFUSED : Errno.Ok,
            TcpState.CloseWait => Errno.EPIPE,
            TcpState.Closing or TcpState.LastAck or TcpState.TimeWait => Errno.Ok,
            _ => Errno.ECONNRESET,
        });
    }

    private void Answer()
    {
        long now = _now;
        if (now - _answeredAt < MinAnswerInterval)
            return;
        _answeredAt = now;
        if (_state == TcpState.SynReceived)
            SendSyn(TcpFlags.Syn | TcpFlags.Ack); // It was lost.
        else
            SendAck();
    }

    // ---- Acknowledgments ----

    /// <summary>False if the segment is to be dropped.</summary>
    private bool OnAcknowledgment(in TcpHeader header, int bytes)
    {
        Sequence acknowledged = header.Acknowledgment;
        if (acknowledged > _sendMaximum)
        {
            Answer();
            return false;
        }

        if (acknowledged < _sendUnacknowledged - Math.Max(_largestWindow, MaxUnscaledWindow))
        {
            Answer(); // RFC 5961, 5.
            return false;
        }

        if (_usesSacks)
            TakeSacks(header);
        int windowBefore = _sendWindow;
        bool isCurrent = _windowSequence < header.Sequence
            || (_windowSequence == header.Sequence && _windowAcknowledgment <= acknowledged);
        if (acknowledged >= _sendUnacknowledged && isCurrent)
            SetSendWindow(header);
        if (acknowledged > _sendUnacknowledged)
        {
            OnNewAcknowledgment(acknowledged);
        }
        else if (acknowledged == _sendUnacknowledged && bytes == 0 && _sendWindow == windowBefore
            && _sendMaximum > _sendUnacknowledged && !header.Has(TcpFlags.Fin))
        {
            OnDuplicate();
        }

        return true;
    }

    private void SetSendWindow(in TcpHeader header)
    {
        _sendWindow = header.Window << _sendScale;
        _largestWindow = Math.Max(_largestWindow, _sendWindow);
        (_windowSequence, _windowAcknowledgment) = (header.Sequence, header.Acknowledgment);
    }

    private void TakeSacks(in TcpHeader header)
    {
        for (int index = 0; index < header.SackCount; index++)
        {
            SequenceRange block = header.Sacks[index];
            if (block.Start > _sendUnacknowledged && block.Start < block.End && block.End <= _sendMaximum)
                _sacked.Add(block);
        }
    }

    private void OnNewAcknowledgment(Sequence acknowledged)
    {
        int bytes = acknowledged - _sendUnacknowledged, ofQueue = Math.Min(bytes, _sendQueue.Length),
            inFlight = InFlight;
        bool isFinAcknowledged = _closesSending && bytes > ofQueue;
        _sendQueue.Drop(ofQueue);
        _bytesAcknowledged += ofQueue;
        _sendUnacknowledged = acknowledged;
        _sendNext = Sequence.Max(_sendNext, acknowledged);
        _sacked.DropBefore(acknowledged);
        if (_hasUrgentToSend && _urgentEnd <= acknowledged)
            _hasUrgentToSend = false;
        MeasureRoundTrip();
        _roundTrip.ResetBackoff();
        (_retries, _duplicates) =
            (0, _isRecovering ? Math.Max(0, _duplicates - (bytes / Math.Max(_segmentBytes, 1))) : 0);
        if (_isRecovering && acknowledged >= _recoverUntil)
            _isRecovering = false;
        else if (_isRecovering && !_usesSacks)
            Retransmit(_sendUnacknowledged, SegmentPayload); // NewReno: the next one is lost too (RFC 6582).
        else if (!_isRecovering && inFlight + bytes >= _congestion.Window / 2)
            _congestion.OnAcknowledged(bytes, _roundTrip.Smoothed, _now);
        _retransmitAt = NetworkTimer.Never; // Armed anew by what is still under way.
        if (_wantsRoom && HasRoom)
        {
            _wantsRoom = false;
            _events |= PollEvents.Writable;
        }

        if (isFinAcknowledged)
            OnFinAcknowledged();
        else
            ArmRetransmission();
    }

    private void OnFinAcknowledged()
    {
        switch (_state)
        {
            case TcpState.FinWait1:
                SetState(TcpState.FinWait2);
                if (_isAbandoned)
                    WaitForFin();
                break;
            case TcpState.Closing:
                BeginTimeWait();
                break;
            case TcpState.LastAck:
                End(Errno.Ok);
                break;
        }
    }

    private void OnDuplicate()
    {
        _duplicates++;
        if (_isRecovering || _sendUnacknowledged < _recoverUntil)
            return; // One recovery for one window's losses.
        bool isLost = _duplicates >= DuplicatesForLoss || _sacked.Count >= DuplicatesForLoss
            || _sacked.Bytes > (DuplicatesForLoss - 1) * _segmentBytes;
        if (!isLost)
            return;
        _congestion.OnLoss(_sendMaximum - _sendUnacknowledged);
        (_isRecovering, _recoverUntil, _retransmittedUntil) = (true, _sendMaximum, _sendUnacknowledged);
        int gap = _sacked.FirstGap(_sendUnacknowledged) is { } first ? first.Length : SegmentPayload;
        Retransmit(_sendUnacknowledged, Math.Min(gap, SegmentPayload));
    }

    private void MeasureRoundTrip()
    {
        if (_timedAt == 0 || _sendUnacknowledged < _timedEnd)
            return;
        _roundTrip.Measure(_now - _timedAt);
        _timedAt = 0;
    }
}
