using Sandbox.Sentry.Sync;

namespace Sandbox.Sentry.Network;

/// <summary>
/// Which multicast groups the sockets of a network namespace have joined, on which interface (ip(7)).
/// </summary>
internal sealed class GroupTable
{
    private const uint AllHosts = 0xE0000001; // 224.0.0.1: every interface is in it.

    private readonly RankedLock _lock = new(LockRank.Leaf);
    private readonly Dictionary<(InetAddress Group, int Interface), int> _joined = []; // Guarded by _lock: how often.

    public void Join(InetAddress group, int index)
    {
        using (_lock.Enter())
            _joined[(group, index)] = _joined.GetValueOrDefault((group, index)) + 1;
    }

    public void Leave(InetAddress group, int index)
    {
        using (_lock.Enter())
        {
            int left = _joined.GetValueOrDefault((group, index)) - 1;
            if (left > 0)
                _joined[(group, index)] = left;
            else
                _joined.Remove((group, index));
        }
    }

    /// <summary>True if packets for that group are for this host.</summary>
    public bool IsJoined(InetAddress group, int index)
    {
        if (group == InetAddress.FromV4(AllHosts))
            return true;
        using (_lock.Enter())
            return _joined.ContainsKey((group, index));
    }
}
