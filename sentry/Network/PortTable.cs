using Sandbox.Linux;
using Sandbox.Sentry.Sync;

namespace Sandbox.Sentry.Network;

/// <summary>Who holds a port, as the table sees it. All single words, read without the holder's lock.</summary>
internal interface IPortUser
{
    /// <summary>The address it was bound to; possibly unspecified.</summary>
    InetAddress BoundAddress { get; }

    /// <summary>The other end of a connected UDP socket, or null.</summary>
    InetEndpoint? OnlyFrom { get; }

    /// <summary>An IPv6 socket that does not take IPv4 (IPV6_V6ONLY).</summary>
    bool IsV6Only { get; }

    bool IsListening { get; }

    /// <summary>SO_REUSEADDR.</summary>
    bool ReusesAddress { get; }

    /// <summary>SO_REUSEPORT.</summary>
    bool ReusesPort { get; }

    /// <summary>Its owner: only sockets of one user share a port by SO_REUSEPORT.</summary>
    uint UserId { get; }
}

/// <summary>Who holds which port of one protocol in one network namespace.</summary>
internal sealed class PortTable
{
    // /proc/sys/net/ipv4/ip_local_port_range.
    private const int FirstEphemeral = 32768, EphemeralCount = 60999 - FirstEphemeral + 1;

    private readonly RankedLock _lock = new(LockRank.Leaf);
    private readonly Dictionary<ushort, Port> _ports = []; // Guarded by _lock.
    private int _nextEphemeral = Random.Shared.Next(EphemeralCount);
    private int _turn; // Spreads connections over listeners that share a port.

    /// <summary>
    /// The holders of one port. Accepted connections hold it too, but nothing is ever looked for among them.
    /// </summary>
    private sealed class Port
    {
        public readonly List<IPortUser> Users = [];
        public readonly HashSet<IPortUser> Accepted = [];

        /// <summary>connect(2) chose it: others may connect to elsewhere from it too.</summary>
        public bool IsAutomatic;
    }

    /// <summary>Takes a port, or a free one for 0, and gives it. EADDRINUSE.</summary>
    public Result<ushort> Bind(IPortUser user, InetAddress address, ushort port)
    {
        using (_lock.Enter())
        {
            if (port != 0)
                return IsTaken(user, address, port) ? Errno.EADDRINUSE : Add(user, port, isAutomatic: false);
            for (int tries = 0; tries < EphemeralCount; tries++)
            {
                port = NextEphemeral(tries, isToConnect: false);
                if (!_ports.ContainsKey(port))
                    return Add(user, port, isAutomatic: false);
            }

            return Errno.EADDRINUSE;
        }
    }

    /// <summary>Takes a port to connect from: one that no connection to the same place has. EADDRNOTAVAIL.</summary>
    public Result<ushort> BindToConnect<TState>(IPortUser user, TState state, Func<TState, ushort, bool> isFree)
    {
        using (_lock.Enter())
        {
            for (int tries = 0; tries < EphemeralCount; tries++)
            {
                ushort port = NextEphemeral(tries, isToConnect: true);
                if (!_ports.TryGetValue(port, out Port? holders) || (holders.IsAutomatic && isFree(state, port)))
                    return Add(user, port, isAutomatic: true);
            }

            return Errno.EADDRNOTAVAIL;
        }
    }

    /// <summary>An accepted connection holds its listener's port.</summary>
    public void AddAccepted(IPortUser user, ushort port)
    {
        using (_lock.Enter())
        {
            if (!_ports.TryGetValue(port, out Port? holders))
                _ports.Add(port, holders = new Port());
            holders.IsAutomatic = false;
            holders.Accepted.Add(user);
        }
    }

    /// <summary>Gives the port back.</summary>
    public void Release(IPortUser user, ushort port)
    {
        using (_lock.Enter())
        {
            if (!_ports.TryGetValue(port, out Port? holders))
                return;
            if (!holders.Accepted.Remove(user))
                holders.Users.Remove(user);
            if (holders.Users.Count == 0 && holders.Accepted.Count == 0)
                _ports.Remove(port);
        }
    }

    /// <summary>
    /// May this holder of a port listen on it? Another that shares it by SO_REUSEADDR may listen already.
    /// </summary>
    public bool CanListen(IPortUser user, ushort port)
    {
        using (_lock.Enter())
        {
            foreach (IPortUser other in _ports[port].Users)
            {
                if (other != user && other.IsListening && Overlaps(user, user.BoundAddress, other)
                    && !SharesPort(user, other))
                    return false;
            }

            return true;
        }
    }

    /// <summary>Who takes what comes from <paramref name="source"/> to that address; or null.</summary>
    public IPortUser? Find(InetEndpoint target, InetEndpoint source) => Find(target, source, isListener: false);

    /// <summary>The same among listeners.</summary>
    public IPortUser? FindListener(InetEndpoint target, InetEndpoint source) => Find(target, source, isListener: true);

    /// <summary>Adds all who take what comes from <paramref name="source"/> to that group, at most so many.</summary>
    public void FindAll(InetEndpoint target, InetEndpoint source, List<IPortUser> found, int most)
    {
        using (_lock.Enter())
        {
            if (!_ports.TryGetValue(target.Port, out Port? holders))
                return;
            foreach (IPortUser user in holders.Users)
            {
                if (found.Count < most && Score(user, target, source) > 0)
                    found.Add(user);
            }
        }
    }

    private IPortUser? Find(InetEndpoint target, InetEndpoint source, bool isListener)
    {
        using (_lock.Enter())
        {
            if (!_ports.TryGetValue(target.Port, out Port? holders))
                return null;
            List<IPortUser> users = holders.Users;
            IPortUser? best = null;
            int bestScore = 0, start = ++_turn & int.MaxValue;
            for (int index = 0; index < users.Count; index++)
            {
                IPortUser user = users[(start + index) % users.Count];
                int score = !isListener || user.IsListening ? Score(user, target, source) : 0;
                if (score > bestScore)
                    (best, bestScore) = (user, score);
            }

            return best;
        }
    }

    /// <summary>
    /// The next port to try. Even ones first to connect from and odd ones first to bind, as Linux has it: however many
    /// connections wait for their end, a server finds a port.
    /// </summary>
    private ushort NextEphemeral(int tries, bool isToConnect)
    {
        const int half = EphemeralCount / 2;
        _nextEphemeral = (_nextEphemeral + 1) % half;
        int parity = isToConnect == tries < half ? 0 : 1;
        return (ushort)(FirstEphemeral + (2 * _nextEphemeral) + parity);
    }

    private ushort Add(IPortUser user, ushort port, bool isAutomatic)
    {
        if (!_ports.TryGetValue(port, out Port? holders))
            _ports.Add(port, holders = new Port { IsAutomatic = isAutomatic });
        holders.IsAutomatic &= isAutomatic;
        holders.Users.Add(user);
        return port;
    }

    private bool IsTaken(IPortUser user, InetAddress address, ushort port) =>
        _ports.TryGetValue(port, out Port? holders)
        && (IsTaken(user, address, holders.Users) || IsTaken(user, address, holders.Accepted));

    private static bool IsTaken(IPortUser user, InetAddress address, IReadOnlyCollection<IPortUser> others)
    {
        foreach (IPortUser other in others)
        {
            bool sharesAddress = user.ReusesAddress && other.ReusesAddress && !other.IsListening;
            if (Overlaps(user, address, other) && !sharesAddress && !SharesPort(user, other))
                return true;
        }

        return false;
    }

    private static bool SharesPort(IPortUser one, IPortUser two) =>
        one.ReusesPort && two.ReusesPort && one.UserId == two.UserId;

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
