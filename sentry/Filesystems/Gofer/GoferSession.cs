using Sandbox.Gofer.Protocol;
using Sandbox.Linux;

namespace Sandbox.Sentry.Filesystems.Gofer;

/// <summary>How far what a Gofer said may be believed later.</summary>
internal enum GoferCaching
{
    /// <summary>Only this sandbox changes the tree (a rootfs): everything, missing names too, is remembered for ever.</summary>
    Exclusive,

    /// <summary>Others may change it (a bind mount): names and attributes are asked for again when used.</summary>
    Shared,
}

/// <summary>The connection to one Gofer, and what all its filesystems share: handles and idle descriptors are limited.</summary>
internal sealed class GoferSession : IDisposable
{
    public GoferSession(GoferClient client)
    {
        Client = client;
        Handles = new HandleCache(client);
    }

    public GoferClient Client { get; }

    public HandleCache Handles { get; }

    public DonatedFdCache Descriptors { get; } = new();

    /// <summary>The filesystem of a root. Errors: ENOENT (no such root), EIO (the Gofer is gone).</summary>
    public Result<GoferFileSystem> Mount(uint rootIndex, GoferCaching caching, string source)
    {
        if (Client.Attach(rootIndex, out AttachReply root) is not Errno.Ok and Errno error)
            return error;
        Handles.SetServerLimit(root.HandlesMax);
        return new GoferFileSystem(this, root, caching) { Source = source };
    }

    /// <summary>Ends the connection, and with the last one the Gofer.</summary>
    public void Dispose()
    {
        Descriptors.CloseIdle();
        Client.Dispose();
    }
}
