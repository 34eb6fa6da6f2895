using Sandbox.Linux;
using Sandbox.Sentry.Memory;

namespace Sandbox.Sentry.Network.Tcp;

/// <summary>The program's side of a connection: it sends and receives bytes.</summary>
internal sealed partial class TcpConnection
{
    /// <summary>From so many bytes on a copy is made outside of the lock.</summary>
    private const int PrepareBytes = 8192;

    /// <summary>Takes as much as there is room for. EAGAIN, EPIPE, ENOBUFS, what broke the connection.</summary>
    public Result<int> Send(ReadOnlySpan<byte> data, bool hasMore, bool isUrgent)
    {
        SharedBuffer? prepared = Prepare(ref data);
        Result<int> result = SendLocked(data, new ByteSlice(prepared, 0, data.Length), hasMore, isUrgent);
        prepared?.Release();
        Tell();
        return result;
    }

    /// <summary>The same with bytes that may be kept by reference.</summary>
    public Result<int> Send(ByteSlice data, bool hasMore, bool isUrgent)
    {
        Result<int> result = SendLocked(data.Span, data, hasMore, isUrgent);
        Tell();
        return result;
    }

    /// <summary>
    /// Copies much of what is to be sent while nobody waits for the lock; then that is all that is sent at once.
    /// </summary>
    private SharedBuffer? Prepare(ref ReadOnlySpan<byte> data)
    {
        if (data.Length < PrepareBytes || _sendQueue.Length >= SendCapacity)
            return null;
        if (data.Length > SharedBuffer.LargeBytes)
            data = data[..SharedBuffer.LargeBytes];
        SharedBuffer buffer = SharedBuffer.Rent(data.Length);
        data.CopyTo(buffer.Bytes);
        return buffer;
    }

    private Result<int> SendLocked(ReadOnlySpan<byte> data, ByteSlice prepared, bool hasMore, bool isUrgent)
    {
        using (Enter())
        {
            if (_error != Errno.Ok)
                return TakeErrorLocked();
            if (_state is TcpState.SynSent or TcpState.SynReceived)
                return Errno.EAGAIN;
            if (_state is not (TcpState.Established or TcpState.CloseWait) || _isWriteShut)
                return Errno.EPIPE;
            int count = Math.Clamp(SendCapacity - _sendQueue.Length, 0, data.Length);
            if (count == 0 && !data.IsEmpty)
            {
                WantRoom();
                return Errno.EAGAIN;
            }

            if (Settings.Account.FreeObjectBytes < SharedBuffer.LargeBytes)
                return Errno.ENOBUFS;
            Enqueue(data[..count], prepared, isUrgent && count == data.Length);
            Output(hasMore);
            return count;
        }
    }

    /// <summary>
    /// Takes bytes in order, or looks at them. 0 at the end; EAGAIN, ENOTCONN, what broke the connection.
    /// </summary>
    public Result<int> Receive(Span<byte> destination, bool isPeek, int peekOffset = 0)
    {
        Result<int> result = Receive(destination, isPeek, peekOffset, out ByteSlice taken);
        taken.Span.CopyTo(destination);
        taken.Buffer?.Release();
        return result;
    }

    /// <summary>
    /// The same, but much is given as a slice, with its reference, for the caller to copy while nobody waits for the
    /// lock.
    /// </summary>
    public Result<int> Receive(Span<byte> destination, bool isPeek, int peekOffset, out ByteSlice taken)
    {
        Result<int> result = ReceiveLocked(destination, isPeek, peekOffset, out taken);
        if (result.Error == Errno.Ok)
            Tell();
        return result;
    }

    private Result<int> ReceiveLocked(Span<byte> destination, bool isPeek, int peekOffset, out ByteSlice taken)
    {
        taken = default;
        using (Enter())
        {
            if (_state == TcpState.Listen)
                return Errno.ENOTCONN;
            int count = isPeek ? 0 : TakeSlice(destination.Length, out taken);
            if (count == 0)
                count = TakeReceived(destination, isPeek, peekOffset);
            if (count == 0)
            {
                if (_error != Errno.Ok)
                    return TakeErrorLocked();
                if (_isReadShut || _hasReceivedFin)
                    return 0;
                return _state == TcpState.Closed ? _hasBeenConnected ? 0 : Errno.ENOTCONN : Errno.EAGAIN;
            }

            if (!isPeek)
                UpdateWindow();
            return count;
        }
    }

    /// <summary>The urgent byte. EINVAL if there is none or it is read, EAGAIN if it is still under way.</summary>
    public Result<int> ReceiveUrgent(Span<byte> destination, bool isPeek)
    {
        using (_lock.Enter())
        {
            if (_state is TcpState.Listen || (_state == TcpState.Closed && !_hasBeenConnected))
                return Errno.ENOTCONN;
            return TakeUrgent(destination, isPeek);
        }
    }

    /// <summary>SIOCATMARK: the next byte to read is the urgent one, or the one behind it.</summary>
    public bool IsAtMark
    {
        get
        {
            using (_lock.Enter())
                return IsAtUrgent;
        }
    }

    /// <summary>
    /// The sender has to wait. An end on this host says at once what it has, instead of after a while.
    /// </summary>
    private void WantRoom()
    {
        _wantsRoom = true;
        if (_path.IsLocal && _localPeer is { } peer && peer != this)
        {
            Volatile.Write(ref peer._isAcknowledgmentWanted, true);
            Delivery.Add(peer);
        }
    }

    private bool HasRoom => _sendQueue.Length <= SendCapacity / 3 * 2;

    private int SendCapacity =>
        _path.IsLocal && Settings.IsSendBufferAutomatic ? LocalBuffer : Settings.SendBuffer;
}
