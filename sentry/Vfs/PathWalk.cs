using Sandbox.Linux;
using Sandbox.Sentry.Security;

namespace Sandbox.Sentry.Vfs;

/// <summary>What the last component of a path is.</summary>
internal enum LastComponent
{
    /// <summary>An ordinary name.</summary>
    Name,

    /// <summary>The path was only slashes, or a link of them.</summary>
    Root,
    Dot,
    DotDot,
}

/// <summary>
/// One walk along a path (path_resolution(7)). Cached names cost a lock and a hash lookup per component and no
/// allocation. It lives on the stack of one call.
/// </summary>
internal struct PathWalk
{
    /// <summary>Symbolic links that one walk follows before it gives up with ELOOP.</summary>
    public const int MaxLinks = 40;

    private readonly ICaller _caller;
    private readonly Credentials _credentials;
    private readonly ResolveFlags _flags;
    private readonly VfsPath _root; // ".." goes no further, and absolute links start here.
    private VfsPath _current;
    private int _links;

    /// <param name="caller">Whose root, mounts and credentials hold.</param>
    /// <param name="start">Where a relative path starts.</param>
    /// <param name="flags">Restrictions (openat2(2)).</param>
    /// <param name="credentials">Others than the caller's (access(2)), or null.</param>
    public PathWalk(
        ICaller caller, VfsPath start, ResolveFlags flags = ResolveFlags.None, Credentials? credentials = null)
    {
        (_caller, _flags) = (caller, flags);
        _credentials = credentials ?? caller.Credentials;
        _root = (flags & (ResolveFlags.Beneath | ResolveFlags.InRoot)) != 0 ? start : caller.Fs.Root;
        _current = start;
    }

    /// <summary>Where the walk stands: the parent of the last component, or in the end the file itself.</summary>
    public readonly VfsPath Current => _current;

    /// <summary>
    /// Walks a whole path. The last component is followed too if it is a link and <paramref name="follow"/> is set or a
    /// slash stands behind it. ENOENT, ENOTDIR, EACCES, ELOOP, ENAMETOOLONG, EXDEV.
    /// </summary>
    public static Result<VfsPath> Resolve(
        ICaller caller, VfsPath start, scoped ReadOnlySpan<byte> path, bool follow,
        ResolveFlags flags = ResolveFlags.None,
        Credentials? credentials = null)
    {
        for (int attempt = 0; ; attempt++)
        {
            PathWalk walk = new(caller, start, flags, credentials);
            Errno error = walk.WalkAll(path, follow);
            if (error == Errno.Ok)
                return walk._current;
            if (error != Errno.ESTALE || attempt == 3)
                return error;
        }
    }

    /// <summary>
    /// Walks to the directory of the last component and takes its lock.
    /// See <see cref="LockedParent"/> for what comes back.
    /// </summary>
    public static Errno LockParent(
        ICaller caller, VfsPath start, ReadOnlySpan<byte> path, out LockedParent parent,
        ResolveFlags flags = ResolveFlags.None)
    {
        for (int attempt = 0; ; attempt++)
        {
            PathWalk walk = new(caller, start, flags);
            Errno error = walk.WalkParents(
                path, out ReadOnlySpan<byte> last, out LastComponent kind, out bool isSlashed);
            if (error == Errno.Ok)
            {
                parent = new LockedParent(walk._current, last, kind, isSlashed);
                if (kind != LastComponent.Name)
                    return Errno.Ok;
                error = parent.Lock();
                if (error == Errno.Ok)
                    return Errno.Ok;
            }

            parent = default;
            if (error != Errno.ESTALE || attempt == 3)
                return error;
        }
    }

    /// <summary>The whole path; see <see cref="Resolve"/>.</summary>
    public Errno WalkAll(scoped ReadOnlySpan<byte> path, bool follow)
    {
        if (WalkParents(path, out ReadOnlySpan<byte> last, out _, out bool isSlashed) is not Errno.Ok and Errno error)
            return error;
        if (!last.IsEmpty && Step(last, follow || isSlashed) is not Errno.Ok and Errno stepError)
            return stepError;
        return isSlashed && !_current.Inode.IsDirectory ? Errno.ENOTDIR : Errno.Ok;
    }

    /// <summary>
    /// All components but the last, which is given back for the caller to deal with; empty if there is none ("/").
    /// <paramref name="isSlashed"/>: a slash stands behind it. Search permission in its directory has been checked.
    /// </summary>
    public Errno WalkParents(
        ReadOnlySpan<byte> path, out ReadOnlySpan<byte> last, out LastComponent kind, out bool isSlashed)
    {
        last = default;
        kind = LastComponent.Root;
        isSlashed = false;
        if (path.IsEmpty)
            return Errno.ENOENT;
        if (_links == 0)
            PruneIfDue();
        if ((_flags & ResolveFlags.Cached) != 0)
            return Errno.EAGAIN; // openat2(2): the caller tries again without it; what is cached is not worth telling.
        if (path[0] == '/')
        {
            if ((_flags & ResolveFlags.Beneath) != 0)
                return Errno.EXDEV;
            if (JumpTo(_root) is not Errno.Ok and Errno error)
                return error;
        }

        while (true)
        {
            path = path.TrimStart((byte)'/');
            if (path.IsEmpty)
                return Errno.Ok;
            int end = path.IndexOf((byte)'/');
            ReadOnlySpan<byte> name = end < 0 ? path : path[..end];
            ReadOnlySpan<byte> rest = end < 0 ? default : path[end..];
            if (CheckSearch() is not Errno.Ok and Errno refused)
                return refused;
            if (name.Length > FileName.MaxBytes)
                return Errno.ENAMETOOLONG;
            if (rest.TrimStart((byte)'/').IsEmpty)
            {
                last = name;
                isSlashed = !rest.IsEmpty;
                kind = name is [(byte)'.']
                    ? LastComponent.Dot
                    : name is [(byte)'.', (byte)'.'] ? LastComponent.DotDot : LastComponent.Name;
                return Errno.Ok;
            }

            if (Step(name, follow: true) is not Errno.Ok and Errno error)
                return error;
            path = rest;
        }
    }

    /// <summary>
    /// Goes on along the text of a link that stands in the current directory: all but its last component, which comes
    /// back. A magic link, which has no such text, is gone through at once: then <paramref name="last"/> is empty.
    /// </summary>
    public Errno WalkLinkParents(
        VfsPath link, out ReadOnlySpan<byte> last, out LastComponent kind, out bool isSlashed)
    {
        last = default;
        kind = LastComponent.Root;
        isSlashed = false;
        if (ReadLink(link, out byte[]? text) is not Errno.Ok and Errno error)
            return error;
        return text is null ? Errno.Ok : WalkParents(text, out last, out kind, out isSlashed);
    }

    /// <summary>One component from the current directory, which is known to be searchable.</summary>
    public Errno Step(scoped ReadOnlySpan<byte> name, bool follow)
    {
        if (name is [(byte)'.'])
            return Errno.Ok;
        if (name is [(byte)'.', (byte)'.'])
            return StepUp();
        Dentry child;
        Errno error;
        Dentry directory = _current.Dentry;
        using (directory.Lock.Enter())
            error = DentryCache.Lookup(directory, name, out child);
        if (error != Errno.Ok)
            return error;
        return child.Inode is null ? Errno.ENOENT : Enter(new VfsPath(_current.Mount, child), follow);
    }

    /// <summary>
    /// Goes to a child of the current directory: through what is mounted there, and along a link if wanted.
    /// </summary>
    public Errno Enter(VfsPath child, bool follow)
    {
        if (child.Dentry.MountCount != 0 && CrossMounts(ref child) is not Errno.Ok and Errno error)
            return error;
        if (!child.Inode.IsSymbolicLink || !follow)
        {
            _current = child;
            return Errno.Ok;
        }

        return FollowLink(child);
    }

    // Recursion is bounded by MaxLinks.
    private Errno FollowLink(VfsPath link)
    {
        if (ReadLink(link, out byte[]? text) is not Errno.Ok and Errno error)
            return error;
        return text is null ? Errno.Ok : WalkAll(text, follow: true);
    }

    // Counts a link and reads it; null for a magic link, which has moved the walk already.
    private Errno ReadLink(VfsPath link, out byte[]? text)
    {
        text = null;
        if ((_flags & ResolveFlags.NoSymlinks) != 0 || (link.Mount.Flags & MountFlags.NoSymbolicFollow) != 0
            || ++_links > MaxLinks)
            return Errno.ELOOP;
        if (link.Inode.FollowMagicLink(_caller).Failed(out VfsPath? target, out Errno error))
            return error;
        if (target is { } place)
        {
            if ((_flags & ResolveFlags.NoMagicLinks) != 0)
                return Errno.ELOOP;
            return (_flags & (ResolveFlags.Beneath | ResolveFlags.InRoot)) != 0 ? Errno.EXDEV : JumpTo(place);
        }

        if (link.Inode.ReadLink(_caller).Failed(out text, out error))
            return error;
        return text.Length == 0 ? Errno.ENOENT : Errno.Ok;
    }

    private Errno StepUp()
    {
        if (_current == _root)
            return (_flags & ResolveFlags.Beneath) != 0 ? Errno.EXDEV : Errno.Ok;
        VfsPath place = _current;
        while (place.Dentry == place.Mount.Root)
        {
            if (place.Mount.Parent is not { } parent || place.Mount.MountPoint is not { } mountPoint || place == _root)
                return Errno.Ok; // The top: ".." stays.
            if ((_flags & ResolveFlags.NoCrossDevice) != 0)
                return Errno.EXDEV;
            place = new VfsPath(parent, mountPoint);
        }

        if (place != _root && place.Dentry.Parent is { } above)
            place = place with { Dentry = above };
        if (place.Dentry.MountCount != 0 && CrossMounts(ref place) is not Errno.Ok and Errno error)
            return error;
        _current = place;
        return Errno.Ok;
    }

    private readonly Errno CrossMounts(ref VfsPath place)
    {
        while (place.Mount.Namespace?.FindAt(place.Mount, place.Dentry) is { } mounted)
        {
            if ((_flags & ResolveFlags.NoCrossDevice) != 0)
                return Errno.EXDEV;
            place = new VfsPath(mounted, mounted.Root);
        }

        return Errno.Ok;
    }

    private Errno JumpTo(VfsPath place)
    {
        if ((_flags & ResolveFlags.NoCrossDevice) != 0 && place.Mount != _current.Mount)
            return Errno.EXDEV;
        _current = place;
        return Errno.Ok;
    }

    private readonly Errno CheckSearch()
    {
        Inode inode = _current.Inode;
        return inode.IsDirectory ? Access.Check(inode, AccessMask.Execute, _credentials) : Errno.ENOTDIR;
    }

    private readonly void PruneIfDue()
    {
        FileSystem fileSystem = _current.Dentry.FileSystem;
        if (DentryCache.IsOverCapacity(fileSystem))
            DentryCache.Prune(fileSystem);
        fileSystem = _root.Dentry.FileSystem;
        if (DentryCache.IsOverCapacity(fileSystem))
            DentryCache.Prune(fileSystem);
    }
}
