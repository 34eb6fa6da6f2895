using Sandbox.Gofer.Protocol;
using Sandbox.Linux;

namespace Sandbox.Gofer;

/// <summary>
/// The only way names reach the host: one component at a time below a directory descriptor, checked for slashes and
/// dots before, and by the kernel (no symbolic link followed, nothing above) as well.
/// </summary>
internal static class Confined
{
    private const ResolveFlags Resolve = ResolveFlags.Beneath | ResolveFlags.NoMagicLinks | ResolveFlags.NoSymlinks;

    /// <summary>
    /// An O_PATH descriptor of a name or a path of checked names in a directory; of the link itself if the last is one.
    /// </summary>
    public static Result<int> OpenPath(int directory, ReadOnlySpan<byte> pathWithNul) =>
        HostDirectory.Open(
            directory, pathWithNul, OpenFlags.Path | OpenFlags.NoFollow | OpenFlags.CloseOnExec, 0, Resolve);

    /// <summary>
    /// A descriptor to list a directory with, at a path of checked components, none of which may be a link. Errors:
    /// ENOTDIR, and whatever the host says; nothing else is ever opened.
    /// </summary>
    public static Result<int> OpenDirectory(int directory, ReadOnlySpan<byte> pathWithNul) =>
        HostDirectory.Open(
            directory, pathWithNul,
            OpenFlags.ReadOnly | OpenFlags.Directory | OpenFlags.NoFollow | OpenFlags.CloseOnExec, 0, Resolve);

    /// <summary>A new regular file. Errors: EEXIST, and whatever the host says.</summary>
    public static Result<int> Create(int directory, ReadOnlySpan<byte> nameWithNul, OpenFlags flags, uint mode) =>
        HostDirectory.Open(
            directory,
            nameWithNul,
            flags | OpenFlags.Create | OpenFlags.Exclusive | OpenFlags.NoFollow | OpenFlags.CloseOnExec,
            mode,
            Resolve);

    /// <summary>A new regular file without a name in a directory. Errors: whatever the host says.</summary>
    public static Result<int> CreateTemporary(int directory, OpenFlags flags, uint mode) =>
        HostDirectory.Open(
            directory, ".\0"u8, flags | OpenFlags.TemporaryFile | OpenFlags.CloseOnExec, mode, Resolve);

    /// <summary>The attributes of a descriptor.</summary>
    public static Errno Attributes(int fd, out GoferAttributes attributes)
    {
        Errno error = HostDirectory.Statx(fd, "\0"u8, AtFlags.EmptyPath | AtFlags.NoAutomount, out Statx statx);
        attributes = error == Errno.Ok ? GoferAttributes.From(statx) : default;
        return error;
    }

    /// <summary>The attributes of a name in a directory, of the link itself if it is one, without opening it.</summary>
    public static Errno Attributes(int directory, ReadOnlySpan<byte> nameWithNul, out GoferAttributes attributes)
    {
        AtFlags flags = AtFlags.SymlinkNoFollow | AtFlags.NoAutomount;
        Errno error = HostDirectory.Statx(directory, nameWithNul, flags, out Statx statx);
        attributes = error == Errno.Ok ? GoferAttributes.From(statx) : default;
        return error;
    }

    /// <summary>
    /// The file a request names: the handle itself if <paramref name="nameWithNul"/> is empty, else the name in it, as
    /// a handle without number. The caller disposes it either way. Errors: EBADF, ENOTDIR, ENOENT.
    /// </summary>
    public static Result<Handle> Locate(HandleTable handles, uint number, ReadOnlySpan<byte> nameWithNul) =>
        Locate(handles, number, nameWithNul, out _);

    /// <summary>As the other, with the attributes if there was a name.</summary>
    public static Result<Handle> Locate(
        HandleTable handles, uint number, ReadOnlySpan<byte> nameWithNul, out GoferAttributes attributes)
    {
        attributes = default;
        if (handles.Borrow(number).Failed(out Handle? handle, out Errno error))
            return error;
        if (nameWithNul.IsEmpty)
            return handle;
        using (handle)
        {
            if (OpenPath(handle.Fd, nameWithNul).Failed(out int fd, out error))
                return error;
            HostFd owner = new(fd);
            if (Attributes(fd, out attributes) is not Errno.Ok and Errno failed)
            {
                owner.Dispose();
                return failed;
            }

            return new Handle(owner, handle.Root, attributes.Type);
        }
    }

    /// <summary>A directory handle in a root that may be written. Errors: EBADF, ENOTDIR, EROFS.</summary>
    public static Result<Handle> BorrowWritableDirectory(HandleTable handles, uint number)
    {
        if (handles.Borrow(number).Failed(out Handle? handle, out Errno error))
            return error;
        error = !handle.IsDirectory ? Errno.ENOTDIR : !handle.Root.IsWritable ? Errno.EROFS : Errno.Ok;
        if (error == Errno.Ok)
            return handle;
        handle.Dispose();
        return error;
    }

    /// <summary>As <c>Locate</c>, in a root that may be written. Errors also: EROFS.</summary>
    public static Result<Handle> LocateWritable(HandleTable handles, uint number, ReadOnlySpan<byte> nameWithNul)
    {
        if (Locate(handles, number, nameWithNul).Failed(out Handle? handle, out Errno error))
            return error;
        if (handle.Root.IsWritable)
            return handle;
        handle.Dispose();
        return Errno.EROFS;
    }
}
