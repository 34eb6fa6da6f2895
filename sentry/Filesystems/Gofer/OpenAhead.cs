using Sandbox.Gofer.Protocol;
using Sandbox.Linux;
using Sandbox.Sentry.Sync;
using Sandbox.Sentry.Vfs;

namespace Sandbox.Sentry.Filesystems.Gofer;

/// <summary>
/// Descriptors of files that are likely to be opened next: whoever opens the files of a directory one after the other (tar, grep,
/// cp, git) gets several with one message. A few are kept, for reading, until they are asked for or others take their place.
/// </summary>
/// <remarks>Only for trees that nobody else changes. A directory whose names change forgets its own.</remarks>
internal sealed class OpenAhead(GoferClient client)
{
    private const int KeptMax = 64;

    private readonly RankedLock _lock = new(LockRank.Leaf);
    private readonly Kept[] _kept = new Kept[KeptMax]; // Guarded by _lock, as is the next. Empty ones have no directory.
    private int _next;

    private readonly record struct Kept(GoferDirectory? Directory, FileName Name, HostFd? Fd, GoferAttributes Attributes);

    /// <summary>Takes a descriptor out, if there is one.</summary>
    public HostFd? Take(GoferDirectory directory, FileName name, out GoferAttributes attributes)
    {
        attributes = default;
        using (_lock.Enter())
        {
            for (int i = 0; i < KeptMax; i++)
            {
                if (_kept[i].Directory != directory || !_kept[i].Name.Equals(name))
                    continue;
                attributes = _kept[i].Attributes;
                HostFd? fd = _kept[i].Fd;
                _kept[i] = default;
                return fd;
            }
        }
        return null;
    }

    /// <summary>
    /// Opens the first of some entries, and keeps descriptors of the regular files after it, at most <paramref name="most"/> in
    /// all. Errors: those of an open of the first.
    /// </summary>
    public Result<HostFd> Open(
        GoferDirectory directory, uint handle, ReadOnlySpan<GoferEntry> entries, int most, out GoferAttributes attributes)
    {
        attributes = default;
        Span<int> chosen = stackalloc int[GoferLimits.OpenManyMax];
        int wanted = Choose(entries, chosen[..most]);
        using GoferChannel channel = client.Take();
        MessageWriter request = channel.Start();
        request.Write(new OpenManyRequest { Handle = handle, Count = (uint)wanted });
        foreach (int index in chosen[..wanted])
            request.WriteText(entries[index].Name.Bytes);
        Span<int> fds = stackalloc int[GoferLimits.OpenManyMax];
        Errno error = channel.Exchange(GoferOperation.OpenMany, ref request, out MessageReader reply, fds, out int count);
        if (error != Errno.Ok)
            return error;

        Result<HostFd> first = Errno.EIO;
        int used = 0;
        for (int i = 0; i < wanted; i++)
        {
            if (reply.Read(out OpenManyResult result) != Errno.Ok || (result.Error == 0 && used == count))
                break; // The Gofer breaks the protocol: what it gave so far is good.
            if (i == 0)
                (first, attributes) = (result.Error == 0 ? new HostFd(fds[used++]) : (Errno)result.Error, result.Attributes);
            else if (result.Error == 0)
                Keep(new Kept(directory, entries[chosen[i]].Name, new HostFd(fds[used++]), result.Attributes));
        }
        foreach (int fd in fds[used..count])
            HostFile.Close(fd);
        return first;
    }

    /// <summary>Closes what is kept of a directory, or everything.</summary>
    public void Forget(GoferDirectory? directory = null)
    {
        for (int i = 0; i < KeptMax; i++)
        {
            HostFd? dropped = null;
            using (_lock.Enter())
            {
                if (directory is null || _kept[i].Directory == directory)
                    (dropped, _kept[i]) = (_kept[i].Fd, default);
            }
            dropped?.Dispose();
        }
    }

    /// <summary>Indexes of the first entry and of regular files after it; how many.</summary>
    private static int Choose(ReadOnlySpan<GoferEntry> entries, Span<int> chosen)
    {
        int count = 0;
        for (int i = 0; i < entries.Length && count < chosen.Length; i++)
        {
            if (i == 0 || entries[i].Type == FileType.Regular)
                chosen[count++] = i;
        }
        return count;
    }

    private void Keep(in Kept kept)
    {
        HostFd? old;
        using (_lock.Enter())
        {
            old = _kept[_next].Fd;
            _kept[_next] = kept;
            _next = (_next + 1) % KeptMax;
        }
        old?.Dispose();
    }
}
