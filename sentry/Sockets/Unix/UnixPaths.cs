using Sandbox.Linux;
using Sandbox.Sentry.Vfs;

namespace Sandbox.Sentry.Sockets.Unix;

/// <summary>Socket nodes in filesystems (unix(7), "pathname").</summary>
internal static class UnixPaths
{
    /// <summary>Makes the node with the umask applied and fixes the socket to it. EEXIST, and what path walk and mknod answer.</summary>
    public static Result<Inode> Create(ICaller caller, ReadOnlySpan<byte> path, Socket socket) => Errno.EOPNOTSUPP;

    /// <summary>
    /// The socket behind a path, with a reference for the caller. ECONNREFUSED if the node is no socket or nobody holds it any
    /// more; EACCES without write permission.
    /// </summary>
    public static Result<Socket> Find(ICaller caller, ReadOnlySpan<byte> path) => Errno.ECONNREFUSED;
}
