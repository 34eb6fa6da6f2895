using Sandbox.Linux;
using Sandbox.Sentry.Sync;

namespace Sandbox.Sentry.Vfs;

/// <summary>
/// A directory, locked, and the name in it that an operation is about. If <see cref="Kind"/> is not a name ("/", "..")
/// nothing is locked. Dispose gives the lock back.
/// </summary>
internal ref struct LockedParent
{
    private RankedLock.Scope _scope;
    private bool _isLocked;

    public LockedParent(VfsPath directory, ReadOnlySpan<byte> name, LastComponent kind, bool isSlashed)
    {
        Directory = directory;
        Name = name;
        Kind = kind;
        IsSlashed = isSlashed;
    }

    public VfsPath Directory { get; }

    public ReadOnlySpan<byte> Name { get; }

    public LastComponent Kind { get; }

    /// <summary>A slash stands behind the name: only a directory will do.</summary>
    public bool IsSlashed { get; }

    /// <summary>ENOENT if the directory was removed, ESTALE if it left the cache (walk again).</summary>
    public Errno Lock()
    {
        Dentry dentry = Directory.Dentry;
        _scope = dentry.Lock.Enter();
        _isLocked = true;
        if (!dentry.IsRemoved && (!dentry.IsDropped || dentry.IsPinned))
            return Errno.Ok;
        bool isRemoved = dentry.IsRemoved;
        Dispose();
        return isRemoved ? Errno.ENOENT : Errno.ESTALE;
    }

    /// <summary>The name's dentry, positive or negative. With the lock held.</summary>
    public readonly Errno Lookup(out Dentry child) => DentryCache.Lookup(Directory.Dentry, Name, out child);

    public void Dispose()
    {
        if (!_isLocked)
            return;
        _isLocked = false;
        _scope.Dispose();
    }
}
