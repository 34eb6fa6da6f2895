using Sandbox.Linux;
using Sandbox.Sentry.Memory;

namespace Sandbox.Sentry.Network.Tcp;

/// <summary>How a connection comes to be: the segments up to ESTABLISHED, from both sides (RFC 9293, 3.5).</summary>
internal sealed partial class TcpConnection
{
    /// <summary>A listener gets a segment for a connection that does not exist yet.</summary>
    private void OnFirstSegment(TcpSegment segment)
    {
        ref TcpHeader header = ref segment.Header;
        if (header.Has(TcpFlags.Reset))
            return;
        if (header.Has(TcpFlags.Ack))
        {
            _layer.RejectSegment(segment);
            return;
        }

        if (!header.Has(TcpFlags.Syn) || _accepts is not { IsFull: false } accepts)
            return; // The peer tries again by itself.
        if (!Settings.Account.TryChargeObject(ObjectCost.Connection))
            return;
        TcpConnection child = new(_layer, Settings.Clone(), AnyAddress) { _listener = this, _isChargedAsChild = 1 };
        TcpConnection? tooOld = accepts.OnHalfOpen(child); // Before anybody can answer it.
        if (!child.StartAsChild(segment))
        {
            accepts.OnHalfOpenGone(child);
            child.ReturnChildCharge();
        }

        tooOld?.GiveUp();
    }

    /// <summary>
    /// A child is charged to the listener's account until a socket is, or until it is dropped. May come again.
    /// </summary>
    public void ReturnChildCharge()
    {
        if (Interlocked.Exchange(ref _isChargedAsChild, 0) != 0)
            Settings.Account.ReturnObject(ObjectCost.Connection);
    }

    private bool StartAsChild(TcpSegment segment)
    {
        using (_lock.EnterNested())
        {
            _now = _layer.Clock.Now;
            (Local, Remote) = (segment.To, segment.From);
            SetState(TcpState.SynReceived);
            if (!_layer.TryAdd(this))
            {
                SetState(TcpState.Closed);
                return false;
            }

            _isListed = true;
            _ownPort = Local.Port;
            _layer.Ports.AddAccepted(this, _ownPort);
            Start(_layer.PathTo(Remote.Address), _layer.InitialSequence(Local, Remote));
            TakeSyn(segment.Header);
            SendSyn(TcpFlags.Syn | TcpFlags.Ack);
            return true;
        }
    }

    /// <summary>What the peer's SYN says: where its stream begins and what it can do.</summary>
    private void TakeSyn(in TcpHeader header)
    {
        _receiveNext = header.Sequence + 1;
        _acknowledgedUntil = _receiveNext;
        _receiveEdge = _receiveNext + Math.Min(_receiveCapacity, MaxUnscaledWindow);
        const int defaultSegment = 536;
        int offered = header.MaxSegment == 0 ? defaultSegment : header.MaxSegment;
        _segmentBytes = Math.Max(Math.Min(_segmentBytes, offered), MinSegment);
        _congestion.SetSegment(_segmentBytes);
        _usesSacks = header.SackPermitted;
        _usesTimestamps = header.HasTimestamps;
        (_recentTimestamp, _recentTimestampAt) = (header.TimestampValue, _now);
        _usesScaling = header.WindowScale >= 0;
        (_sendScale, _receiveScale) = _usesScaling ? (header.WindowScale, OfferedScale) : (0, 0);
        (_sendWindow, _largestWindow) = (header.Window, header.Window); // A SYN's window is not scaled.
        (_windowSequence, _windowAcknowledgment) = (header.Sequence, header.Acknowledgment);
    }

    private void OnAnswerToSyn(TcpSegment segment)
    {
        ref TcpHeader header = ref segment.Header;
        if (header.Has(TcpFlags.Ack) && header.Acknowledgment != _sendMaximum)
        {
            if (!header.Has(TcpFlags.Reset))
                _layer.RejectSegment(segment);
            return;
        }

        if (header.Has(TcpFlags.Reset))
        {
            if (header.Has(TcpFlags.Ack))
                End(Errno.ECONNREFUSED);
            return;
        }

        if (!header.Has(TcpFlags.Syn))
            return;
        TakeSyn(header);
        if (!header.Has(TcpFlags.Ack))
        {
            SetState(TcpState.SynReceived); // Both opened at once.
            _retries = 0;
            SendSyn(TcpFlags.Syn | TcpFlags.Ack);
            return;
        }

        _sendUnacknowledged = header.Acknowledgment;
        MeasureRoundTrip();
        Establish();
        SendAck();
        Output();
    }

    private void Establish()
    {
        SetState(TcpState.Established);
        _hasBeenConnected = true;
        (_retries, _retransmitAt) = (0, NetworkTimer.Never);
        _roundTrip.ResetBackoff();
        _heardAt = _now;
        if (Settings.KeepAlive)
            ArmKeepAlive();
        _events |= PollEvents.Writable;
    }

    /// <summary>
    /// The handshake's last segment came for a child, or for an end of a simultaneous open. False if it has to wait.
    /// </summary>
    private bool FinishHandshake(in TcpHeader header, int bytes)
    {
        if (_listener is { } listener)
        {
            bool isDeferred = listener.Settings.DeferAccept > 0 && bytes == 0
                && _now - _changedAt < listener.Settings.DeferAccept * Second;
            if (isDeferred || listener._accepts is not { } accepts || !accepts.TryAdd(this))
                return false;
            _isReadyForAccept = true;
        }

        _sendUnacknowledged = header.Acknowledgment;
        MeasureRoundTrip();
        SetSendWindow(header);
        Establish();
        if (_closesSending)
            SetState(TcpState.FinWait1); // Shut down before it was open.
        return true;
    }
}
