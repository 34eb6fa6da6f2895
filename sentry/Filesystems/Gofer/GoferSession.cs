using System.Diagnostics;
using Sandbox.Gofer.Protocol;
using Sandbox.Linux;

namespace Sandbox.Sentry.Filesystems.Gofer;

/// <summary>How far what a Gofer said may be believed later.</summary>
internal enum GoferCaching
{
    /// <summary>
    /// Only this sandbox changes the tree (a rootfs): everything, missing names too, is remembered for ever.
    /// </summary>
    Exclusive,

    /// <summary>
    /// As Exclusive, but the host's tools reach in now and then (a copy into a container): after a second, and after
    /// every command from outside, names and attributes are asked for again. Missing names always are.
    /// </summary>
    Rechecked,

    /// <summary>Others may change it (a bind mount): names and attributes are asked for again when used.</summary>
    Shared,
}

/// <summary>
/// The connection to one Gofer, and what all its filesystems share: handles and idle descriptors are limited.
/// </summary>
internal sealed class GoferSession : IDisposable
{
    private long _lastCommand;

    public GoferSession(GoferClient client)
    {
        Client = client;
        Handles = new HandleCache(client);
    }

    public GoferClient Client { get; }

    public HandleCache Handles { get; }

    public DonatedFdCache Descriptors { get; } = new();

    /// <summary>
    /// What was asked before this moment (Stopwatch ticks) is not believed any more where a tree is rechecked.
    /// </summary>
    public long BelievedSince =>
        Math.Max(Stopwatch.GetTimestamp() - Stopwatch.Frequency, Volatile.Read(ref _lastCommand));

    /// <summary>Somebody outside does something with the container, and may have changed its files before.</summary>
    public void OnOutsideCommand() => Volatile.Write(ref _lastCommand, Stopwatch.GetTimestamp());

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
