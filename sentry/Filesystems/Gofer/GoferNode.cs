using Sandbox.Gofer.Protocol;
using Sandbox.Linux;
using Sandbox.Sentry.Vfs;

namespace Sandbox.Sentry.Filesystems.Gofer;

/// <summary>
/// A FIFO, socket or device node of the host: a name only. What is behind it is the Sentry's own (a pipe, a device it emulates),
/// but for sockets the root allows to connect to.
/// </summary>
internal sealed class GoferNode(GoferFileSystem fileSystem, in GoferAttributes attributes, Place? place)
    : GoferInode(fileSystem, attributes, place)
{
    public override Result<OpenFile> Open(VfsPath path, OpenFlags flags, ICaller caller) =>
        SpecialFiles.Open(this, path, flags, caller);

    /// <summary>
    /// A connection to a socket of the host: a non-blocking descriptor. Errors: EACCES (the mount does not allow it), ENOTSOCK,
    /// ECONNREFUSED, EAGAIN (its backlog is full), EPROTOTYPE.
    /// </summary>
    public Result<HostFd> ConnectToHost(SocketType type)
    {
        if ((Gofer.RootFlags & RootFlags.HostSockets) == 0)
            return Errno.EACCES;
        return Locate(out uint handle, out FileName name) is not Errno.Ok and Errno error
            ? error
            : Client.Connect(handle, NameBytes(name), type);
    }
}
