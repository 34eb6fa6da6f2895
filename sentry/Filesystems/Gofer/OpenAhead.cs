using Sandbox.Gofer.Protocol;
using Sandbox.Linux;
using Sandbox.Sentry.Sync;

namespace Sandbox.Sentry.Filesystems.Gofer;

/// <summary>
/// Descriptors of files that are likely to be opened next: whoever opens the files of directories one after the other
/// (tar, grep, cp, git) gets several with one message, also of the directories that follow. A few are kept, for
/// reading, until they are asked for or others take their place.
/// </summary>
/// <remarks>
/// Only for trees that nobody else changes. When a name changes, all are closed:
/// they could keep a removed file's space.
/// </remarks>
internal sealed class OpenAhead(GoferFileSystem fileSystem)
{
    private const int KeptMax = 128;

    /// <summary>Files that come with one that is opened in order, before it is known whether that pays.</summary>
    private const int FewFiles = 4;

    private readonly RankedLock _lock = new(LockRank.Leaf);
    // Guarded by _lock, as are the next three. Empty ones have no descriptor.
    private readonly Kept[] _kept = new Kept[KeptMax];
    private int _next;
    private int _count;
    private int _most = FewFiles;

    private readonly record struct Kept((ulong Device, ulong Inode) File, HostFd? Fd, GoferAttributes Attributes);

    /// <summary>
    /// True while what was opened ahead is used: then also the first file of a directory is probably one of many.
    /// </summary>
    public bool Pays => Volatile.Read(ref _most) > FewFiles;

    /// <summary>Takes a descriptor out, if there is one.</summary>
    public HostFd? Take((ulong Device, ulong Inode) file, out GoferAttributes attributes)
    {
        attributes = default;
        if (Volatile.Read(ref _count) == 0)
            return null;
        using (_lock.Enter())
        {
            for (int i = 0; i < KeptMax; i++)
            {
                if (_kept[i].Fd is not { } fd || _kept[i].File != file)
                    continue;
                attributes = _kept[i].Attributes;
                _kept[i] = default;
                _count--;
                _most = Math.Min(2 * _most, GoferLimits.OpenManyMax);
                return fd;
            }
        }

        return null;
    }

    /// <summary>True if a descriptor of a file is kept.</summary>
    public bool Has((ulong Device, ulong Inode) file)
    {
        if (Volatile.Read(ref _count) == 0)
            return false;
        using (_lock.Enter())
        {
            foreach (ref readonly Kept kept in _kept.AsSpan())
            {
                if (kept.Fd is not null && kept.File == file)
                    return true;
            }
        }

        return false;
    }

    /// <summary>
    /// Opens the first of some entries of a directory, and keeps descriptors of regular files after it and of those in
    /// directories that follow. Errors: those of an open of the first, ESTALE.
    /// </summary>
    public Result<HostFd> Open(
        GoferDirectory directory, ReadOnlySpan<GoferEntry> entries, out GoferAttributes attributes)
    {
        attributes = default;
        NextFiles files = new(fileSystem, Volatile.Read(ref _most));
        if (files.Choose(directory, entries, isFirstCertain: true).Failed(out uint handle, out Errno error))
            return error;
        using GoferChannel channel = fileSystem.Client.Take();
        MessageWriter request = channel.Start();
        request.Write(new OpenManyRequest { Handle = handle, Count = (uint)files.Chosen.Count });
        foreach (NextFile file in files.Chosen)
            request.WriteText(file.Path);
        Span<int> fds = stackalloc int[GoferLimits.OpenManyMax];
        error = channel.Exchange(GoferOperation.OpenMany, ref request, out MessageReader reply, fds, out int count);
        if (error != Errno.Ok)
            return error;

        Result<HostFd> first = Errno.EIO;
        int used = 0;
        for (int i = 0; i < files.Chosen.Count; i++)
        {
            if (reply.Read(out OpenManyResult result) != Errno.Ok || (result.Error == 0 && used == count))
                break; // The Gofer breaks the protocol: what it gave so far is good.
            if (i == 0)
                (first, attributes) =
                    (result.Error == 0 ? new HostFd(fds[used++]) : (Errno)result.Error, result.Attributes);
            else if (result.Error == 0)
                Keep(new Kept(
                    (result.Attributes.Device, result.Attributes.Inode), new HostFd(fds[used++]), result.Attributes));
        }

        foreach (int fd in fds[used..count])
            HostFile.Close(fd);
        return first;
    }

    /// <summary>Closes everything.</summary>
    public void Forget()
    {
        for (int i = 0; i < KeptMax && Volatile.Read(ref _count) > 0; i++)
        {
            HostFd? dropped;
            using (_lock.Enter())
            {
                dropped = _kept[i].Fd;
                _kept[i] = default;
                _count -= dropped is null ? 0 : 1;
            }

            dropped?.Dispose();
        }
    }

    private void Keep(in Kept kept)
    {
        HostFd? old;
        using (_lock.Enter())
        {
            old = _kept[_next].Fd;
            _kept[_next] = kept;
            _next = (_next + 1) % KeptMax;
            _count += old is null ? 1 : 0;
            if (old is not null)
                _most = FewFiles; // Nobody wanted it.
        }

        old?.Dispose();
    }
}
