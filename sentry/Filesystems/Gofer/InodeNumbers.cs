using Sandbox.Sentry.Sync;

namespace Sandbox.Sentry.Filesystems.Gofer;

/// <summary>
/// Makes one inode number of a host device and inode. A tree can span several host devices (mounts below it,
/// overlayfs), while the guest sees one: files of the root's device keep their numbers,
/// others get one from above <see cref="FirstOwn"/>.
/// </summary>
internal sealed class InodeNumbers(ulong rootDevice)
{
    /// <summary>Numbers stay below 2^48: the overlay has its own above.</summary>
    private const ulong FirstOwn = 1ul << 47;

    private readonly RankedLock _lock = new(LockRank.Leaf);
    private readonly Dictionary<(ulong Device, ulong Inode), ulong> _own = []; // Guarded by _lock.

    public ulong Of(ulong device, ulong inode)
    {
        if (device == rootDevice && inode < FirstOwn)
            return inode;
        using (_lock.Enter())
        {
            if (!_own.TryGetValue((device, inode), out ulong number))
                _own[(device, inode)] = number = FirstOwn + (ulong)_own.Count;
            return number;
        }
    }
}
