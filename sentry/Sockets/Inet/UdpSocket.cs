using Sandbox.Linux;
using Sandbox.Sentry.Kernel.Timers;
using Sandbox.Sentry.Network;
using Sandbox.Sentry.Sync;
using Sandbox.Sentry.Vfs;

namespace Sandbox.Sentry.Sockets.Inet;

/// <summary>
/// AF_INET and AF_INET6 SOCK_DGRAM inside the sandbox (udp(7)): a datagram goes straight into its receiver's queue.
/// </summary>
internal sealed partial class UdpSocket : Socket, IPortUser
{
    private const int MaxDatagramBytes = 65507, MaxSegments = 128;

    private readonly RankedLock _lock = new(LockRank.Socket);
    private readonly InetOptions _inet = new();
    private readonly DatagramQueue _incoming;

    // Guarded by _lock for writing.
    private InetEndpoint _local;
    private InetEndpoint _remote;
    private volatile bool _isConnected;
    private bool _isAddressBound; // By bind(2): connect(AF_UNSPEC) leaves it.
    private bool _isPortBound;
    private ushort _ownPort;

    private volatile bool _isReadShut;
    private volatile bool _isWriteShut;
    private int _isListed;

    public UdpSocket(int domain, NetworkStack stack, ICaller caller, OpenFlags flags)
        : base(domain, SocketKind.Datagram, SocketLevel.Udp, stack, caller, flags)
    {
        _local = new InetEndpoint(AnyAddress, 0);
        _incoming = new DatagramQueue(Options.ReceiveBuffer);
        _multicast = new MulticastOptions(stack.Interfaces, stack.Groups, Account);
        UserId = caller.Credentials.EffectiveUserId;
    }

    public uint UserId { get; }

    public InetAddress BoundAddress => _local.Address;

    public InetEndpoint Local => _local;

    public InetEndpoint Remote => _isConnected ? _remote : default;

    public bool IsConnected => _isConnected;

    public InetEndpoint? OnlyFrom => _isConnected ? _remote : null;

    public bool IsV6Only => Domain == AddressFamily.Inet6 && _inet[SocketLevel.Ipv6, InetOptions.V6Only] != 0;

    public bool ReusesAddress => Options.ReuseAddress;

    public bool ReusesPort => Options.ReusePort;

    /// <summary>Datagrams that found the queue full.</summary>
    public uint Dropped => _incoming.Dropped;

    public int QueuedBytes => _incoming.QueuedBytes;

    public override SocketAddress LocalAddress => _local.Format(Domain);

    public override int MaxMessageBytes => MaxDatagramBytes;

    public override bool HasErrorQueue => true;

    protected override int BytesReadable => _incoming.NextLength;

    private InetAddress AnyAddress => Domain == AddressFamily.Inet ? InetAddress.AnyV4 : InetAddress.AnyV6;

    private bool KeepsErrors => _inet.HasAny
        && (_inet[SocketLevel.Ip, InetOptions.ReceiveError] != 0
        || _inet[SocketLevel.Ipv6, InetOptions.ReceiveError6] != 0);

    /// <summary>Makes it visible in /proc/net; false if there are too many sockets.</summary>
    public bool List()
    {
        if (!Stack.TryAdd(this))
            return false;
        _isListed = 1;
        return true;
    }

    public override Errno Bind(ICaller caller, SocketAddress address)
    {
        if (InetSocketAddress.Parse(address, Domain, out InetEndpoint endpoint) is not Errno.Ok and Errno error)
            return error;
        if (Stack.CheckBind(caller, endpoint) is not Errno.Ok and Errno refused)
            return refused;
        using (_lock.Enter())
        {
            if (_ownPort != 0)
                return Errno.EINVAL;
            if (TakePort(endpoint) is not Errno.Ok and Errno taken)
                return taken;
            (_isAddressBound, _isPortBound) = (!endpoint.Address.IsAny, endpoint.Port != 0);
            return Errno.Ok;
        }
    }

    public override Errno Connect(ICaller caller, SocketAddress address)
    {
        if (address.Family == AddressFamily.Unspecified)
            return Disconnect();
        if (InetSocketAddress.Parse(address, Domain, out InetEndpoint target) is not Errno.Ok and Errno error)
            return error;
        target = target.ResolveAny();
        DatagramControl nothing = new() { Source = AnyAddress };
        if (RouteTo(target, nothing, out _, out InetAddress source) is not Errno.Ok and Errno unreachable)
            return unreachable;
        using (_lock.Enter())
        {
            if (_ownPort == 0 && TakePort(_local) is not Errno.Ok and Errno full)
                return full;
            if (_local.Address.IsAny)
                _local = _local with { Address = source };
            _remote = target;
            _isConnected = true;
        }

        return Errno.Ok;
    }

    /// <summary>What connect(2) chose is given up; what bind(2) asked for stays.</summary>
    private Errno Disconnect()
    {
        using (_lock.Enter())
        {
            _isConnected = false;
            _remote = default;
            if (!_isAddressBound)
                _local = _local with { Address = AnyAddress };
            if (_isPortBound || _ownPort == 0)
                return Errno.Ok;
            Stack.UdpPorts.Release(this, _ownPort);
            _ownPort = 0;
            _local = _local with { Port = 0 };
        }

        return Errno.Ok;
    }

    public override Result<int> Send(
        ICaller? caller, ReadOnlySpan<byte> data, SocketAddress? destination, ControlData? control, SocketFlags flags)
    {
        DatagramControl said =
            new() { Source = AnyAddress, SegmentBytes = _inet[SocketLevel.Udp, NetworkControl.UdpSegment] };
        Errno error = control is null ? Errno.Ok : said.Read(control.Network.Bytes, Stack.Interfaces);
        control?.Release();
        if (_incoming.TakePending() is not Errno.Ok and Errno pending)
            return pending;
        if (error != Errno.Ok)
            return error;
        if (_isWriteShut)
            return Errno.EPIPE;
        InetEndpoint target = _remote;
        if (destination is not null)
        {
            if (InetSocketAddress.Parse(destination, Domain, out target) is not Errno.Ok and Errno wrong)
                return wrong;
        }
        else if (!_isConnected)
        {
            return Errno.EDESTADDRREQ;
        }

        if (data.Length > MaxDatagramBytes)
            return Errno.EMSGSIZE;
        target = target.ResolveAny();
        return target.Port == 0 ? Errno.EINVAL : SendAll(data, target, said);
    }

    public override Result<int> Receive(Span<byte> destination, SocketFlags flags, ref MessageInfo info)
    {
        if ((flags & SocketFlags.ErrorQueue) != 0)
            return ReceiveError(destination, ref info);
        Result<int> result = _incoming.Take(
            destination, (flags & SocketFlags.Peek) != 0, out DatagramHeader header, out int fullLength);
        if (result.Failed(out int count, out Errno error))
            return error == Errno.EAGAIN && _isReadShut ? 0 : error;
        info.Sender = header.Source.Format(Domain);
        info.FullLength = fullLength;
        info.Flags |= count < fullLength ? SocketFlags.Truncated : 0;
        DatagramReport.Add(ref info.Network, header, _incoming.Dropped, _inet, Options, Domain);
        return count;
    }

    private Result<int> ReceiveError(Span<byte> destination, ref MessageInfo info)
    {
        if (_incoming.TakeError(destination, out NetworkError met).Failed(out int count, out Errno error))
            return error;
        info.Sender = met.Destination.Format(Domain);
        info.FullLength = met.Datagram.Length;
        info.Flags |= SocketFlags.ErrorQueue | (count < met.Datagram.Length ? SocketFlags.Truncated : 0);
        met.AddTo(ref info.Network, Domain);
        return count;
    }

    public override Errno Shutdown(ShutdownHow how)
    {
        if (!_isConnected)
            return Errno.ENOTCONN;
        _isWriteShut |= how is ShutdownHow.Write or ShutdownHow.Both;
        _isReadShut |= how is ShutdownHow.Read or ShutdownHow.Both;
        Waiters.Notify(PollEvents.Readable | PollEvents.Writable | PollEvents.HangUp);
        return Errno.Ok;
    }

    public override Result<SocketAddress> GetPeerAddress() => _isConnected ? _remote.Format(Domain) : Errno.ENOTCONN;

    public override PollEvents Poll()
    {
        PollEvents events = _incoming.Poll() | PollEvents.Writable;
        if (_isReadShut)
            events |= PollEvents.Readable | PollEvents.ReadHangUp;
        return _isReadShut && _isWriteShut ? events | PollEvents.HangUp : events;
    }

    public override Result<int> GetOption(ICaller caller, int level, int name, Span<byte> value) =>
        level is SocketLevel.Ip or SocketLevel.Udp || (level == SocketLevel.Ipv6 && Domain == AddressFamily.Inet6)
            ? _multicast.Get(level, name, value) ?? _inet.Get(level, name, value)
            : base.GetOption(caller, level, name, value);

    public override Errno SetOption(ICaller caller, int level, int name, ReadOnlySpan<byte> value) =>
        level is SocketLevel.Ip or SocketLevel.Udp || (level == SocketLevel.Ipv6 && Domain == AddressFamily.Inet6)
            ? _multicast.Set(level, name, value) ?? _inet.Set(level, name, value)
            : base.SetOption(caller, level, name, value);

    protected override Errno TakeError() => _incoming.TakePending();

    protected override void OnBufferSizes() => _incoming.SetCapacity(Options.ReceiveBuffer);

    protected override void OnRelease()
    {
        if (Interlocked.Exchange(ref _isListed, 0) == 1)
            Stack.Remove(this);
        if (_ownPort != 0)
            Stack.UdpPorts.Release(this, _ownPort);
        _multicast.LeaveAll();
        _incoming.Close();
    }

    /// <summary>Sends the bytes as one datagram, or as several of the size that UDP_SEGMENT says.</summary>
    private Result<int> SendAll(ReadOnlySpan<byte> data, InetEndpoint target, in DatagramControl said)
    {
        if (RouteTo(target, said, out int index, out InetAddress source) is not Errno.Ok and Errno unreachable)
            return unreachable;
        int each = said.SegmentBytes;
        if (each > 0 && data.Length > each * MaxSegments)
            return Errno.EINVAL;
        if (_ownPort == 0)
        {
            using (_lock.Enter())
            {
                if (_ownPort == 0 && TakePort(_local) is not Errno.Ok and Errno full)
                    return full;
            }
        }

        DatagramHeader header = HeaderFor(source, target, index, said);
        if (each <= 0 || data.Length <= each)
        {
            Deliver(data, header);
            return data.Length;
        }

        for (int start = 0; start < data.Length; start += each)
            Deliver(data.Slice(start, Math.Min(each, data.Length - start)), header);
        return data.Length;
    }

    private DatagramHeader HeaderFor(InetAddress source, InetEndpoint target, int index, in DatagramControl said)
    {
        bool isGroup = target.Address.IsMulticast;
        (int level, int ttl, int tos) = target.Address.IsV4
            ? (SocketLevel.Ip, isGroup ? 33 : 2, 1)
            : (SocketLevel.Ipv6, isGroup ? 18 : 16, NetworkControl.TrafficClass);
        return new DatagramHeader(
            new InetEndpoint(source, _local.Port), target, said.Ttl != 0 ? said.Ttl : (byte)_inet[level, ttl],
            said.TypeOfService != 0 ? said.TypeOfService : (byte)_inet[level, tos], index, 0);
    }

    private void Deliver(ReadOnlySpan<byte> data, in DatagramHeader header)
    {
        if (header.Destination.Address.IsMulticast)
        {
            DeliverToGroup(data, header);
            return;
        }

        if (Stack.UdpPorts.Find(header.Destination, header.Source) is UdpSocket receiver && receiver.TryAddReference())
        {
            receiver.Take(data, header);
            receiver.Release();
            return;
        }

        // "Port unreachable": a connected socket hears of it at its next call,
        // another only if it keeps errors (udp(7)).
        bool keeps = KeepsErrors;
        if (!_isConnected && !keeps)
            return;
        _incoming.AddError(NetworkError.PortUnreachable(header.Destination.Address, header.Destination), data, keeps);
        Waiters.Notify(PollEvents.Error | PollEvents.Readable);
    }

    private void Take(ReadOnlySpan<byte> data, in DatagramHeader header)
    {
        bool isTimed = Options.IsOn(SocketOption.Timestamp) || Options.IsOn(SocketOption.TimestampNanoseconds);
        if (_incoming.TryAdd(data, isTimed ? header with { Time = GuestClock.Now(GuestClock.Realtime) } : header))
            Waiters.Notify(PollEvents.Readable);
    }

    private InetAddress SourceFor(InetEndpoint target) => Stack.Interfaces.SourceForLocal(target.Address);

    private Errno TakePort(InetEndpoint endpoint)
    {
        if (Stack.UdpPorts.Bind(this, endpoint.Address, endpoint.Port).Failed(out ushort port, out Errno error))
            return error;
        _ownPort = port;
        _local = endpoint with { Port = port };
        return Errno.Ok;
    }
}
