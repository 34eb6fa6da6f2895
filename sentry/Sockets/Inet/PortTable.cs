using Sandbox.Linux;
using Sandbox.Sentry.Network;
using Sandbox.Sentry.Sync;
using Sandbox.Sentry.Vfs;

namespace Sandbox.Sentry.Sockets.Inet;

/// <summary>
/// A socket that holds a port, as the table sees it. All single words, read without the socket's lock.
/// </summary>
internal interface IPortUser
{
    /// <summary>The address it was bound to; possibly unspecified.</summary>
    InetAddress BoundAddress { get; }

    /// <summary>The other end of a connected UDP socket, or null.</summary>
    InetEndpoint? OnlyFrom { get; }

    /// <summary>An IPv6 socket that does not take IPv4 (IPV6_V6ONLY).</summary>
    bool IsV6Only { get; }

    bool IsListening { get; }

    SocketOptions Options { get; }

    /// <summary>Its owner: only sockets of one user share a port by SO_REUSEPORT.</summary>
    uint UserId { get; }
}

/// <summary>Who holds which port of one protocol in one network namespace.</summary>
internal sealed class PortTable
{
    // /proc/sys/net/ipv4/ip_local_port_range.
    private const int FirstEphemeral = 32768, EphemeralCount = 60999 - FirstEphemeral + 1;

    private readonly RankedLock _lock = new(LockRank.Leaf);
    private readonly Dictionary<ushort, List<IPortUser>> _users = []; // Guarded by _lock.
    private int _nextEphemeral = Random.Shared.Next(EphemeralCount);
    private int _turn; // Spreads connections over listeners that share a port.

    /// <summary>bind(2)'s checks that need no table: EADDRNOTAVAIL, EACCES.</summary>
    public static Errno Check(ICaller caller, NetworkStack stack, InetEndpoint endpoint)
    {
        if (!stack.Interfaces.MayBind(endpoint.Address))
            return Errno.EADDRNOTAVAIL;
        return stack.MayBind(caller.Credentials, endpoint.Port) ? Errno.Ok : Errno.EACCES;
    }

    /// <summary>Takes a port, or a free one for 0, and gives it. EADDRINUSE.</summary>
    public Result<ushort> Bind(IPortUser user, InetAddress address, ushort port)
    {
        using (_lock.Enter())
        {
            if (port != 0)
                return IsTaken(user, address, port) ? Errno.EADDRINUSE : Add(user, port);
            for (int tries = 0; tries < EphemeralCount; tries++)
            {
                _nextEphemeral = (_nextEphemeral + 1) % EphemeralCount;
                port = (ushort)(FirstEphemeral + _nextEphemeral);
                if (!_users.ContainsKey(port))
                    return Add(user, port);
            }

            return Errno.EADDRINUSE;
        }
    }

    /// <summary>Gives the port back.</summary>
    public void Release(IPortUser user, ushort port)
    {
        using (_lock.Enter())
        {
            if (_users.TryGetValue(port, out List<IPortUser>? users) && users.Remove(user) && users.Count == 0)
                _users.Remove(port);
        }
    }

    /// <summary>
    /// May this holder of a port listen on it? Another that shares it by SO_REUSEADDR may listen already.
    /// </summary>
    public bool CanListen(IPortUser user, ushort port)
    {
        using (_lock.Enter())
        {
            foreach (IPortUser other in _users[port])
            {
                if (other != user && other.IsListening && Overlaps(user, user.BoundAddress, other)
                    && !SharesPort(user, other))
                    return false;
            }

            return true;
        }
    }

    /// <summary>
    /// Who takes what comes from <paramref name="source"/> to that address, with a reference for the caller; or null.
    /// </summary>
    public OpenFile? Find(InetEndpoint target, InetEndpoint source, bool isListener)
    {
        using (_lock.Enter())
        {
            if (!_users.TryGetValue(target.Port, out List<IPortUser>? users))
                return null;
            IPortUser? best = null;
            int bestScore = 0, start = ++_turn & int.MaxValue;
            for (int index = 0; index < users.Count; index++)
            {
                IPortUser user = users[(start + index) % users.Count];
                int score = !isListener || user.IsListening ? Score(user, target, source) : 0;
                if (score > bestScore)
                    (best, bestScore) = (user, score);
            }

            return best is OpenFile file && file.TryAddReference() ? file : null;
        }
    }

    private ushort Add(IPortUser user, ushort port)
    {
        if (!_users.TryGetValue(port, out List<IPortUser>? users))
            _users.Add(port, users = []);
        users.Add(user);
        return port;
    }

    private bool IsTaken(IPortUser user, InetAddress address, ushort port)
    {
        if (!_users.TryGetValue(port, out List<IPortUser>? users))
            return false;
        foreach (IPortUser other in users)
        {
            bool sharesAddress = user.Options.ReuseAddress && other.Options.ReuseAddress && !other.IsListening;
            if (Overlaps(user, address, other) && !sharesAddress && !SharesPort(user, other))
                return true;
        }

        return false;
    }

    private static bool SharesPort(IPortUser one, IPortUser two) =>
        one.Options.ReusePort && two.Options.ReusePort && one.UserId == two.UserId;

    private static bool Overlaps(IPortUser user, InetAddress address, IPortUser other) =>
        address == other.BoundAddress || Covers(user, address, other.BoundAddress)
            || Covers(other, other.BoundAddress, address);

    /// <summary>True if a socket bound to the first address takes what comes to the second.</summary>
    private static bool Covers(IPortUser user, InetAddress bound, InetAddress address)
    {
        if (bound == InetAddress.AnyV4)
            return address.IsV4;
        return bound == InetAddress.AnyV6 && (!address.IsV4 || !user.IsV6Only);
    }

    private static int Score(IPortUser user, InetEndpoint target, InetEndpoint source)
    {
        int score = user.BoundAddress == target.Address ? 3 : Covers(user, user.BoundAddress, target.Address) ? 1 : 0;
        if (score == 0 || user.OnlyFrom is not { } only)
            return score;
        return only == source ? score + 4 : 0;
    }
}
