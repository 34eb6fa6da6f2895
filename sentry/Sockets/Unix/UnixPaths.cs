using Sandbox.Linux;
using Sandbox.Sentry.Vfs;

namespace Sandbox.Sentry.Sockets.Unix;

/// <summary>Socket nodes in filesystems (unix(7), "pathname").</summary>
internal static class UnixPaths
{
    /// <summary>
    /// Makes the node with the umask applied and fixes the socket to it. EEXIST, and what path walk and mknod answer.
    /// </summary>
    public static Result<Inode> Create(ICaller caller, ReadOnlySpan<byte> path, Socket socket)
    {
        uint mode = (uint)FileType.Socket | (socket.Inode.Mode & ModeBits.Permissions);
        Result<VfsPath> made = CreateOperations.CreateNode(caller, caller.Fs.WorkingDirectory, path, mode, 0);
        if (made.Failed(out VfsPath place, out Errno error))
            return error;
        place.Inode.Endpoint = socket;
        return place.Inode;
    }

    /// <summary>
    /// The socket behind a path, with a reference for the caller. ECONNREFUSED if the node is no socket or nobody holds
    /// it any more; EACCES without write permission.
    /// </summary>
    public static Result<Socket> Find(ICaller caller, ReadOnlySpan<byte> path)
    {
        Result<VfsPath> found = PathWalk.Resolve(caller, caller.Fs.WorkingDirectory, path, follow: true);
        if (found.Failed(out VfsPath place, out Errno error))
            return error;
        if (Access.Check(place.Inode, AccessMask.Write, caller.Credentials) is not Errno.Ok and Errno denied)
            return denied;
        return place.Inode.Endpoint is Socket socket && socket.TryAddReference() ? socket : Errno.ECONNREFUSED;
    }
}
