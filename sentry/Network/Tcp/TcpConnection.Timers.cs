using Sandbox.Linux;

namespace Sandbox.Sentry.Network.Tcp;

/// <summary>
/// What a connection does when time passes. All its times share one timer, which is moved only to earlier: that it
/// fires too early now and then costs less than to move it with every segment.
/// </summary>
internal sealed partial class TcpConnection
{
    private const long TimeWait = 60 * Second;
    private const int MaxAbandonedRetries = 8;

    private long _armedAt = NetworkTimer.Never;
    private bool _isUnsettled; // Settle is to come.
    private long _retransmitAt = NetworkTimer.Never; // Also asks a closed window.
    private long _delayedAckAt = NetworkTimer.Never;
    private long _keepAliveAt = NetworkTimer.Never;
    private long _endAt = NetworkTimer.Never; // Of TIME-WAIT, or of waiting for a FIN that does not come.
    private long _heardAt;
    private long _lastSentAt;
    private int _keepAliveProbes;

    void INetworkTimed.OnTimer()
    {
        using (Enter())
        {
            _armedAt = NetworkTimer.Never;
            if (_state is not (TcpState.Closed or TcpState.Listen))
                OnTime(_now);
        }

        Tell();
    }

    private void OnTime(long now)
    {
        if (_endAt <= now)
        {
            End(Errno.Ok);
            return;
        }

        if (_delayedAckAt <= now)
            SendAck();
        if (_keepAliveAt <= now)
            OnKeepAlive(now);
        if (_retransmitAt <= now && _state != TcpState.Closed)
            OnRetransmission(now);
        ArmTimer();
    }

    private void OnRetransmission(long now)
    {
        _retransmitAt = NetworkTimer.Never;
        bool isUnderWay = _sendMaximum > _sendUnacknowledged;
        if (!isUnderWay && (_sendQueue.Length == 0 || !MaySend))
            return;
        if (_retries == 0)
            _firstRetryAt = now;
        _retries++;
        if (IsGivenUp(now, isUnderWay))
        {
            End(Errno.ETIMEDOUT);
            return;
        }

        _roundTrip.Double();
        _timedAt = 0;
        if (_state is TcpState.SynSent or TcpState.SynReceived)
        {
            _totalRetransmits++;
            SendSyn(_state == TcpState.SynSent ? TcpFlags.Syn : TcpFlags.Syn | TcpFlags.Ack);
            return;
        }

        if (!isUnderWay)
        {
            // A closed window is asked; what Nagle, a cork or a small window held back has waited long enough.
            if (_sendWindow == 0)
                SendProbe();
            else
                SendData(_sendNext, Math.Min(Math.Min(_sendWindow, SegmentPayload), _sendQueue.Length), isFin: false);
            ArmRetransmission();
            return;
        }

        // Everything from the first unacknowledged byte on is sent again, as the window lets it (RFC 5681, 3.1).
        _totalRetransmits++;
        _congestion.OnTimeout(_sendMaximum - _sendUnacknowledged);
        (_isRecovering, _duplicates, _recoverUntil) = (false, 0, _sendMaximum);
        _sacked.Clear();
        _sendNext = _sendUnacknowledged;
        if (_sendWindow == 0)
            SendData(_sendNext, Math.Min(SegmentPayload, _sendQueue.Length), _closesSending && _sendQueue.Length == 0);
        Output();
    }

    private bool IsGivenUp(long now, bool isUnderWay)
    {
        if (Settings.UserTimeout > 0 && _state is not TcpState.SynSent)
            return now - _firstRetryAt >= Settings.UserTimeout * Millisecond;
        if (_state is TcpState.SynSent or TcpState.SynReceived)
            return _retries > Settings.SynRetries;
        // A peer that answers every question may keep its window closed for as long as it likes. Its last answer came
        // behind the last question, a whole time-out ago.
        if (!isUnderWay && !_isAbandoned && now - _heardAt < 2 * _roundTrip.Timeout)
            return false;
        return _retries > (_isAbandoned ? MaxAbandonedRetries : TcpSettings.DefaultRetries);
    }

    private void ArmRetransmission()
    {
        bool isNeeded = _sendMaximum > _sendUnacknowledged || (_sendQueue.Length > 0 && MaySend);
        if (!isNeeded || _state == TcpState.Closed)
        {
            _retransmitAt = NetworkTimer.Never;
            return;
        }

        if (_retransmitAt != NetworkTimer.Never)
            return;
        _retransmitAt = _now + _roundTrip.Timeout;
        ArmTimer();
    }

    private long NextDue => Math.Min(Math.Min(_retransmitAt, _delayedAckAt), Math.Min(_keepAliveAt, _endAt));

    /// <summary>
    /// Has the timer armed by <see cref="Settle"/>, once this thread has processed what it sent: a peer on this host
    /// has answered by then, and no timer was touched.
    /// </summary>
    private void ArmTimer()
    {
        if (_isUnsettled || NextDue >= _armedAt)
            return;
        _isUnsettled = true;
        Delivery.AddUnsettled(this);
    }

    /// <summary>Arms the timer if it is still needed. Without locks held.</summary>
    public void Settle()
    {
        using (_lock.Enter())
        {
            _isUnsettled = false;
            long due = NextDue;
            if (due >= _armedAt)
                return;
            _armedAt = due;
            _timer.Arm(due);
        }
    }

    private void StopTimers()
    {
        (_retransmitAt, _delayedAckAt, _keepAliveAt, _endAt) =
            (NetworkTimer.Never, NetworkTimer.Never, NetworkTimer.Never, NetworkTimer.Never);
        if (_armedAt == NetworkTimer.Never)
            return;
        _armedAt = NetworkTimer.Never;
        _timer.Arm(NetworkTimer.Never);
    }

    private void BeginTimeWait()
    {
        SetState(TcpState.TimeWait);
        StopTimers();
        _sendQueue.Clear();
        _reassembly.Clear();
        _endAt = _now + TimeWait;
        ArmTimer();
    }

    private void WaitForFin()
    {
        _endAt = _now + (Settings.FinTimeout * Second);
        ArmTimer();
    }

    /// <summary>TCP_INFO.</summary>
    public TcpInformation.Snapshot Inform()
    {
        using (Enter())
        {
            long now = _now;
            return new TcpInformation.Snapshot(
                _state, _isRecovering, _retries, _keepAliveProbes, _roundTrip.Backoff, _usesTimestamps, _usesSacks,
                _usesScaling,
                _sendScale, _receiveScale, _roundTrip, SegmentPayload, _segmentBytes,
                _sendMaximum - _sendUnacknowledged, _sacked.Bytes,
                _totalRetransmits, now - _lastSentAt, now - _heardAt, _path.Mtu, _congestion.Window,
                _congestion.Threshold,
                _receiveCapacity, _bytesAcknowledged, _bytesReceived, Math.Max(0, StreamEnd - _sendNext));
        }
    }

    /// <summary>SO_KEEPALIVE or its times changed.</summary>
    public void OnKeepAliveSettings()
    {
        using (Enter())
        {
            _keepAliveAt = NetworkTimer.Never;
            if (Settings.KeepAlive && _state is not (TcpState.Closed or TcpState.Listen or TcpState.SynSent))
                ArmKeepAlive();
        }

        Delivery.Run();
    }

    /// <summary>TCP_CONGESTION, from now on.</summary>
    public void SetCongestionControl(bool isCubic)
    {
        using (_lock.Enter())
            Settings.IsCubic = _congestion.IsCubic = isCubic;
    }

    /// <summary>TCP_NODELAY came, or TCP_CORK went: what was held back goes now.</summary>
    public void Push()
    {
        using (Enter())
            Output();
        Tell();
    }

    private void ArmKeepAlive()
    {
        _keepAliveProbes = 0;
        _keepAliveAt = _now + (Settings.KeepIdle * Second);
        ArmTimer();
    }

    private void OnKeepAlive(long now)
    {
        _keepAliveAt = NetworkTimer.Never;
        if (!Settings.KeepAlive || _state is TcpState.TimeWait or TcpState.SynSent or TcpState.SynReceived)
            return;
        long idle = now - Math.Max(_heardAt, _changedAt), wait = Settings.KeepIdle * Second;
        if (idle < wait || _sendMaximum > _sendUnacknowledged)
        {
            _keepAliveProbes = 0;
            _keepAliveAt = Math.Max(now, now - idle + wait);
            return;
        }

        bool isDead = Settings.UserTimeout > 0
            ? idle >= Settings.UserTimeout * Millisecond && _keepAliveProbes > 0
            : _keepAliveProbes >= Settings.KeepCount;
        if (isDead)
        {
            ResetPeer();
            End(Errno.ETIMEDOUT);
            return;
        }

        _keepAliveProbes++;
        SendProbe();
        _keepAliveAt = now + (Settings.KeepInterval * Second);
    }
}
