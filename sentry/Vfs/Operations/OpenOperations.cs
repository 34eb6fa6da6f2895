using Sandbox.Linux;
using Sandbox.Sentry.Security;

namespace Sandbox.Sentry.Vfs;

/// <summary>What open(2) and openat2(2) are asked for, checked for flags that contradict each other.</summary>
internal readonly record struct OpenRequest(OpenFlags Flags, uint Mode, ResolveFlags Resolve = ResolveFlags.None)
{
    // __O_TMPFILE without the O_DIRECTORY that O_TMPFILE carries.
    private const OpenFlags TemporaryOnly = (OpenFlags)0x400000;

    public bool IsPathOnly => (Flags & OpenFlags.Path) != 0;

    public bool Creates => (Flags & OpenFlags.Create) != 0;

    public bool IsTemporary => (Flags & TemporaryOnly) != 0;

    public bool FollowsLast => (Flags & OpenFlags.NoFollow) == 0 && !(Creates && (Flags & OpenFlags.Exclusive) != 0);

    /// <summary>What the access mode and O_TRUNC need.</summary>
    public AccessMask Wanted => (Flags & OpenFlags.AccessMode) switch
    {
        OpenFlags.ReadOnly => AccessMask.Read,
        OpenFlags.WriteOnly => AccessMask.Write,
        _ => AccessMask.Read | AccessMask.Write,
    }

    | ((Flags & OpenFlags.Truncate) != 0 ? AccessMask.Write : AccessMask.None);
}

/// <summary>open(2), openat2(2): finding or making the file, access checks, the open file itself.</summary>
internal static class OpenOperations
{
    /// <summary>
    /// Opens a path. <paramref name="start"/> is where a relative path starts. The file comes with one reference. The
    /// request's mode is as the caller gave it; the umask is applied here.
    /// </summary>
    public static Result<OpenFile> Open(ICaller caller, VfsPath start, ReadOnlySpan<byte> path, in OpenRequest request)
    {
        if (request.IsTemporary)
            return OpenTemporary(caller, start, path, request);
        for (int attempt = 0; ; attempt++)
        {
            Result<OpenFile> opened = request.Creates
                ? OpenOrCreate(caller, start, path, request)
                : OpenExisting(caller, start, path, request);
            if (opened.Error != Errno.ESTALE || attempt == 3)
                return opened;
        }
    }

    /// <summary>
    /// Opens a file that is known (a walk's result, /proc/PID/fd through a magic link): all checks but the walk.
    /// </summary>
    public static Result<OpenFile> OpenPlace(ICaller caller, VfsPath place, in OpenRequest request)
    {
        if (CheckType(place, request) is not Errno.Ok and Errno error)
            return error;
        if (request.IsPathOnly)
            return new PathOnlyFile(place, request.Flags, caller.Credentials);
        if (Access.Check(place, request.Wanted, caller.Credentials) is not Errno.Ok and Errno refused)
            return refused;
        if ((request.Wanted & AccessMask.Write) != 0 && place.Inode.IsExecuting)
            return Errno.ETXTBSY;
        if ((request.Flags & OpenFlags.NoAccessTime) != 0 && !Access.IsOwner(place.Inode, caller.Credentials))
            return Errno.EPERM;
        if ((request.Flags & OpenFlags.Truncate) != 0 && place.Inode.IsRegular
            && AttributeOperations.Resize(place, place.Inode, 0, caller.Credentials) is not Errno.Ok and Errno resize)
            return resize;
        return Finish(place, request, caller);
    }

    private static Result<OpenFile> OpenExisting(
        ICaller caller, VfsPath start, ReadOnlySpan<byte> path, in OpenRequest request)
    {
        bool follow = (request.Flags & OpenFlags.NoFollow) == 0;
        if (PathWalk.Resolve(caller, start, path, follow, request.Resolve).Failed(out VfsPath place, out Errno error))
            return error;
        return OpenPlace(caller, place, request);
    }

    // O_CREAT. The name is looked up and created under the directory's lock, so that O_EXCL has no race.
    private static Result<OpenFile> OpenOrCreate(
        ICaller caller, VfsPath start, ReadOnlySpan<byte> path, in OpenRequest request)
    {
        PathWalk walk = new(caller, start, request.Resolve);
        Errno error = walk.WalkParents(path, out ReadOnlySpan<byte> last, out LastComponent kind, out bool isSlashed);
        while (true)
        {
            if (error != Errno.Ok)
                return error;
            if (last.IsEmpty && kind == LastComponent.Root && !walk.Current.Inode.IsDirectory)
                // A magic link.
                return OpenPlace(caller, walk.Current, request with { Flags = request.Flags & ~OpenFlags.Create });
            if (kind != LastComponent.Name || isSlashed)
                return (request.Flags & OpenFlags.Exclusive) != 0 && kind != LastComponent.Name
                    ? Errno.EEXIST
                    : Errno.EISDIR;
            if (FindOrCreate(caller, walk.Current, last, request, out Dentry? child, out bool isNew)
                is not Errno.Ok and Errno failed)
                return failed;
            VfsPath found = new(walk.Current.Mount, child);
            if (isNew)
                return Finish(found, request, caller);
            if ((request.Flags & OpenFlags.Exclusive) != 0)
                return Errno.EEXIST;
            bool isLink = found.Inode.IsSymbolicLink;
            if (isLink && request.FollowsLast)
            {
                error = walk.WalkLinkParents(found, out last, out kind, out isSlashed);
                continue;
            }

            if (walk.Enter(found, follow: false) is not Errno.Ok and Errno blocked)
                return blocked;
            return OpenPlace(caller, walk.Current, request);
        }
    }

    private static Errno FindOrCreate(
        ICaller caller, VfsPath directory, ReadOnlySpan<byte> name, in OpenRequest request, out Dentry child,
        out bool isNew)
    {
        isNew = false;
        using (directory.Dentry.Lock.Enter())
        {
            bool isExclusive = (request.Flags & OpenFlags.Exclusive) != 0;
            bool isBlind = isExclusive && directory.Inode.IsLookupDear
                && DentryCache.CheckUsable(directory.Dentry) == Errno.Ok && directory.Dentry.FindChild(name) is null
                && Access.CheckModifyDirectory(directory, caller.Credentials) == Errno.Ok;
            child = null!;
            if (!isBlind && DentryCache.Lookup(directory.Dentry, name, out child) is not Errno.Ok and Errno error)
                return error;
            if (child?.Inode is not null)
                return Errno.Ok;
            if ((request.Flags & OpenFlags.Directory) != 0)
                return Errno.EINVAL; // open(2): O_DIRECTORY|O_CREAT, since Linux 6.4.
            if (Access.CheckModifyDirectory(directory, caller.Credentials) is not Errno.Ok and Errno refused)
                return refused;
            NewInode attributes = NewAttributes(caller, directory.Inode, FileType.Regular, request.Mode);
            if (directory.Inode.CreateFile(name, attributes).Failed(out Inode? inode, out Errno failed))
                // Somebody else of a shared mount was faster.
                return failed == Errno.EEXIST && !isBlind ? Errno.ESTALE : failed;
            AclOperations.Give(inode, attributes);
            child = DentryCache.Add(directory.Dentry, name, inode);
            isNew = true;
        }

        FileEvents.Created(directory.Inode, child);
        return Errno.Ok;
    }

    // O_TMPFILE: a file without a name in the directory's filesystem, which linkat(2) may give one.
    private static Result<OpenFile> OpenTemporary(
        ICaller caller, VfsPath start, ReadOnlySpan<byte> path, in OpenRequest request)
    {
        bool follow = (request.Flags & OpenFlags.NoFollow) == 0;
        if (PathWalk.Resolve(caller, start, path, follow, request.Resolve).Failed(
            out VfsPath directory, out Errno error))
            return error;
        if (!directory.Inode.IsDirectory)
            return Errno.ENOTDIR;
        if (Access.CheckModifyDirectory(directory, caller.Credentials) is not Errno.Ok and Errno refused)
            return refused;
        NewInode attributes = NewAttributes(caller, directory.Inode, FileType.Regular, request.Mode);
        if (directory.Inode.CreateTemporaryFile(attributes).Failed(out Inode? inode, out error))
            return error;
        AclOperations.Give(inode, attributes);
        string name = "#" + inode.Number.ToString(System.Globalization.CultureInfo.InvariantCulture);
        Dentry dentry = new(directory.Dentry, name, inode)
        {
            IsRemoved = true, MayBeLinked = (request.Flags & OpenFlags.Exclusive) == 0,
        };
        OpenRequest opening = request with { Flags = request.Flags & ~OpenFlags.TemporaryFile };
        Result<OpenFile> opened = Finish(new VfsPath(directory.Mount, dentry), opening, caller);
        dentry.RemovePin(); // It is in no cache: the open file alone keeps it.
        return opened;
    }

    /// <summary>
    /// Owner, group and mode of something new: the umask,
    /// and the group and set-group-ID bit of a directory that has it (inode(7)).
    /// </summary>
    public static NewInode NewAttributes(ICaller caller, Inode directory, FileType type, uint mode)
    {
        Credentials credentials = caller.Credentials;
        uint bits = mode & ModeBits.All;
        PosixAcl? inherited = type == FileType.SymbolicLink ? null : directory.Acls?.Default;
        if (type != FileType.SymbolicLink && inherited is null)
            bits &= ~caller.Fs.Umask;
        uint group = credentials.FileSystemGroupId;
        if ((directory.Mode & ModeBits.SetGroupId) != 0)
        {
            const uint groupExecute = 0x8;
            group = directory.GroupId;
            if (type == FileType.Directory)
                bits |= ModeBits.SetGroupId;
            else if ((bits & groupExecute) != 0 && !credentials.IsInGroup(group)
                && !credentials.Effective.Has(Capability.FileSetId))
                bits &= ~ModeBits.SetGroupId;
        }

        NewInode attributes = new((uint)type | bits, credentials.FileSystemUserId, group) { Creator = caller };
        return inherited is null ? attributes : AclOperations.Inherit(attributes, inherited, bits);
    }

    private static Errno CheckType(VfsPath place, in OpenRequest request)
    {
        Inode inode = place.Inode;
        bool wantsDirectory = (request.Flags & OpenFlags.Directory) != 0;
        switch (inode.Type)
        {
            case FileType.Directory when request.IsPathOnly:
                return Errno.Ok;
            case FileType.Directory:
                return (request.Wanted & AccessMask.Write) != 0 || request.Creates ? Errno.EISDIR : Errno.Ok;
            case FileType.SymbolicLink when !request.IsPathOnly:
                return wantsDirectory ? Errno.ENOTDIR : Errno.ELOOP;
            case FileType.CharacterDevice or FileType.BlockDevice
                when (place.Mount.Flags & MountFlags.NoDevices) != 0 && !request.IsPathOnly:
                return Errno.EACCES;
            default:
                return wantsDirectory ? Errno.ENOTDIR : Errno.Ok;
        }
    }

    private static Result<OpenFile> Finish(VfsPath place, in OpenRequest request, ICaller caller)
    {
        if (place.Inode.Open(place, request.Flags, caller).Failed(out OpenFile? file, out Errno error))
            return error;
        if (file.IsWritable && place.Inode.IsRegular)
            file.CountAsWriter();
        FileEvents.Opened(file);
        return file;
    }
}

/// <summary>O_PATH: a place, held; nothing can be read from it.</summary>
internal sealed class PathOnlyFile(VfsPath path, OpenFlags flags, Credentials credentials)
    : OpenFile(path, flags & (OpenFlags.Path | OpenFlags.Directory | OpenFlags.NoFollow), credentials)
{
    public override Inode Inode => Path.Inode;

    public override PollEvents Poll() => PollEvents.Invalid;

    public override Result<int> Read(Span<byte> destination) => Errno.EBADF;

    public override Result<int> Write(ReadOnlySpan<byte> source) => Errno.EBADF;

    public override Result<int> ReadAt(Span<byte> destination, long offset) => Errno.EBADF;

    public override Result<int> WriteAt(ReadOnlySpan<byte> source, long offset) => Errno.EBADF;

    public override Result<long> Seek(long offset, SeekWhence whence) => Errno.EBADF;

    public override Errno Truncate(long length) => Errno.EBADF;

    public override Errno Synchronize(bool dataOnly) => Errno.EBADF;
}
