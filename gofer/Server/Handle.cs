using System.Diagnostics;
using Sandbox.Linux;

namespace Sandbox.Gofer;

/// <summary>
/// A file a client refers to: an O_PATH descriptor, the root it came from (whose rights it has for ever), and its type,
/// which cannot change. Counted, because one worker may be using it when another closes it: a descriptor number that is
/// reused in between could belong to a root with other rights. <see cref="Dispose"/> drops one reference.
/// </summary>
internal sealed class Handle(HostFd fd, ServedRoot root, FileType type) : IDisposable
{
    private int _references = 1;

    /// <summary>Borrowed: valid as long as the reference.</summary>
    public int Fd => fd.Number;

    public ServedRoot Root => root;

    public FileType Type => type;

    public bool IsDirectory => type == FileType.Directory;

    /// <summary>Serializes <see cref="Stream"/>.</summary>
    public Lock StreamLock { get; } = new();

    /// <summary>
    /// The listing in progress. Guarded by <see cref="StreamLock"/>, but closed with the last reference.
    /// </summary>
    public DirectoryStream? Stream { get; set; }

    /// <summary>Another reference. The caller holds one, or the lock of the table that does.</summary>
    public Handle AddReference()
    {
        int count = Interlocked.Increment(ref _references);
        Debug.Assert(count > 1, "a handle came back from the dead");
        return this;
    }

    /// <summary>Drops one reference; the last one closes the descriptors.</summary>
    public void Dispose()
    {
        if (Interlocked.Decrement(ref _references) != 0)
            return;
        Stream?.Dispose();
        fd.Dispose();
    }
}
