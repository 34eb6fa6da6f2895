using Sandbox.Linux;

namespace Sandbox.Sentry.Network.Tcp;

/// <summary>
/// The port of a connection's own end: taken by bind, listen or connect, and held until it is really over.
/// </summary>
internal sealed partial class TcpConnection : IPortUser
{
    private const int MaxAttempts = 16;

    private ushort _ownPort;
    private bool _isPortBound; // By bind(2): a broken connection does not give it up.
    private bool _isAddressBound;

    InetAddress IPortUser.BoundAddress => Local.Address;

    InetEndpoint? IPortUser.OnlyFrom => null;

    bool IPortUser.IsV6Only => Settings.IsV6Only;

    bool IPortUser.ReusesAddress => Settings.ReuseAddress;

    bool IPortUser.ReusesPort => Settings.ReusePort;

    uint IPortUser.UserId => Settings.UserId;

    /// <summary>The address of an end that has none: which family it is of.</summary>
    public InetAddress AnyAddress { get; }

    /// <summary>Takes an address and a port, or any for 0. EINVAL if it has one, EADDRINUSE.</summary>
    public Errno Bind(InetEndpoint endpoint)
    {
        using (_lock.Enter())
        {
            if (_ownPort != 0 || _state != TcpState.Closed)
                return Errno.EINVAL;
            if (TakePort(endpoint) is not Errno.Ok and Errno error)
                return error;
            (_isPortBound, _isAddressBound) = (true, !endpoint.Address.IsAny);
            return Errno.Ok;
        }
    }

    private Errno TakePort(InetEndpoint endpoint)
    {
        if (_layer.Ports.Bind(this, endpoint.Address, endpoint.Port).Failed(out ushort port, out Errno error))
            return error;
        _ownPort = port;
        Local = endpoint with { Port = port };
        return Errno.Ok;
    }

    /// <summary>A port to connect from. EADDRNOTAVAIL.</summary>
    private Errno TakePortToConnect(InetAddress source, InetEndpoint remote)
    {
        if (Local.Address.IsAny)
            Local = Local with { Address = source };
        if (_ownPort != 0)
            return Errno.Ok;
        (TcpConnection Connection, InetEndpoint Remote) state = (this, remote);
        for (int attempt = 0; attempt < MaxAttempts; attempt++)
        {
            Result<ushort> taken = _layer.Ports.BindToConnect(
                this, state, static (state, port) => state.Connection.IsFree(port, state.Remote));
            if (taken.Failed(out ushort port, out Errno error))
                return error;
            if (!_layer.TryFind(Local with { Port = port }, remote, out TcpConnection? old) || old.TryEndWait())
            {
                _ownPort = port;
                Local = Local with { Port = port };
                return Errno.Ok;
            }

            _layer.Ports.Release(this, port);
        }

        return Errno.EADDRNOTAVAIL;
    }

    /// <summary>Is nothing connected from there to that place, or only something that waits for its end?</summary>
    private bool IsFree(ushort port, InetEndpoint remote) =>
        !_layer.TryFind(Local with { Port = port }, remote, out TcpConnection? other)
        || (other._state == TcpState.TimeWait && _now - Volatile.Read(ref other._changedAt) >= Second);

    /// <summary>
    /// In TIME-WAIT for long enough that a new connection may take its place: ends it. Under another connection's lock.
    /// </summary>
    public bool TryEndWait()
    {
        using (_lock.EnterNested())
        {
            _now = _layer.Clock.Now;
            if (_state != TcpState.TimeWait || _now - _changedAt < Second)
                return false;
            End(Errno.Ok);
            return true;
        }
    }

    private void ReleasePort()
    {
        if (_ownPort == 0 || (_isPortBound && !_isAbandoned))
            return;
        _layer.Ports.Release(this, _ownPort);
        _ownPort = 0;
    }

    /// <summary>What connect chose is given up; what bind asked for stays.</summary>
    private void ForgetLocal() =>
        Local = new InetEndpoint(_isAddressBound ? Local.Address : AnyAddress, _isPortBound ? Local.Port : (ushort)0);
}
