using Sandbox.Linux;
using Sandbox.Sentry.Memory;

namespace Sandbox.Sentry.Network.Tcp;

/// <summary>The ways a connection ends.</summary>
internal sealed partial class TcpConnection
{
    /// <summary>No more is sent, or read. ENOTCONN.</summary>
    public Errno Shutdown(bool isRead, bool isWrite)
    {
        if (_state == TcpState.Listen)
        {
            if (isRead)
                StopListening();
            return Errno.Ok;
        }

        using (Enter())
        {
            if (_state is TcpState.Closed or TcpState.SynSent)
                return Errno.ENOTCONN;
            if (isRead)
                _isReadShut = true;
            if (isWrite && !_isWriteShut)
            {
                _isWriteShut = true;
                CloseSending();
            }

            _events |= PollEvents.Readable | PollEvents.Writable | PollEvents.ReadHangUp | PollEvents.HangUp;
        }

        Tell();
        return Errno.Ok;
    }

    /// <summary>
    /// The user is gone. What was not read resets the connection, and so does <paramref name="isReset"/>;
    /// else it ends in peace, by itself.
    /// </summary>
    public void Close(bool isReset)
    {
        StopListening();
        using (Enter())
        {
            _user = null;
            _isAbandoned = true;
            bool hadData = ReadableBytes > 0;
            DropReceived();
            switch (_state)
            {
                case TcpState.Closed:
                    ReleasePort();
                    break;
                case TcpState.SynSent:
                    End(Errno.Ok);
                    break;
                default:
                    if (isReset || hadData)
                    {
                        ResetPeer();
                        End(Errno.Ok);
                        break;
                    }

                    (_isReadShut, _isWriteShut) = (true, true);
                    CloseSending();
                    if (_state == TcpState.FinWait2)
                        WaitForFin();
                    break;
            }

            // No descriptor counts it any more: what a program leaves behind is bounded here.
            if (_state != TcpState.Closed && !(_isKept = TryKeep()))
            {
                ResetPeer();
                End(Errno.Ok);
            }
        }

        Tell();
    }

    /// <summary>connect(AF_UNSPEC): whatever it was, it is unconnected now; the peer is reset.</summary>
    public void Disconnect()
    {
        StopListening();
        using (Enter())
        {
            if (_state is not (TcpState.Closed or TcpState.SynSent or TcpState.Listen))
                ResetPeer();
            End(Errno.Ok);
            DropReceived();
            (_isReadShut, _isWriteShut, _hasReceivedFin, _hasBeenConnected, _error) =
                (false, false, false, false, Errno.Ok);
            Remote = default;
            ForgetLocal();
        }

        Tell();
    }

    /// <summary>SO_ERROR, taken.</summary>
    public Errno TakeError()
    {
        using (_lock.Enter())
            return TakeErrorLocked();
    }

    /// <summary>
    /// An ICMP message says that the peer cannot be reached. While it connects that is the end of it.
    /// </summary>
    public void OnUnreachable(Errno error, Sequence sequence)
    {
        using (Enter())
        {
            if (_state is TcpState.SynSent or TcpState.SynReceived && sequence == _sendUnacknowledged)
                End(error);
        }

        Tell();
    }

    /// <summary>
    /// The connection is over: nobody is told but the user. Closed, out of the table, without timers.
    /// </summary>
    private void End(Errno error)
    {
        if (_state == TcpState.Closed)
            return;
        bool wasListed = _state != TcpState.Listen, wasConnecting = _state == TcpState.SynSent;
        if (_listener is { } listener && _state == TcpState.SynReceived)
        {
            listener._accepts?.OnHalfOpenGone(this);
            ReturnChildCharge();
        }

        SetState(TcpState.Closed);
        _error = error;
        StopTimers();
        _sendQueue.Clear();
        _sacked.Clear();
        _reassembly.Clear();
        if (wasListed)
            _layer.Remove(this);
        (_isListed, _localPeer) = (false, null);
        if (_isKept)
        {
            _layer.Forget();
            Settings.Account.ReturnObject(ObjectCost.Connection);
        }

        _isKept = false;
        ReleasePort();
        if (wasConnecting)
            ForgetLocal();
        _events |= PollEvents.Readable | PollEvents.Writable | PollEvents.ReadHangUp | PollEvents.HangUp
            | (error != Errno.Ok ? PollEvents.Error : PollEvents.None);
    }

    /// <summary>Counts what a program leaves behind, and goes on charging for it; false if there is too much.</summary>
    private bool TryKeep()
    {
        if (!Settings.Account.TryChargeObject(ObjectCost.Connection))
            return false;
        if (_layer.TryKeep())
            return true;
        Settings.Account.ReturnObject(ObjectCost.Connection);
        return false;
    }

    private void StopListening()
    {
        AcceptQueue? accepts;
        using (Enter())
        {
            if (_state != TcpState.Listen)
                return;
            SetState(TcpState.Closed);
            (accepts, _accepts) = (_accepts, null);
            ReleasePort();
            _events |= PollEvents.Readable | PollEvents.HangUp;
        }

        foreach (TcpConnection child in accepts?.Close() ?? [])
        {
            child.Close(isReset: true);
            child.ReturnChildCharge();
        }

        Tell();
    }
}
