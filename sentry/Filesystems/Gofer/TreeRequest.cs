using Sandbox.Gofer.Protocol;
using Sandbox.Linux;

namespace Sandbox.Sentry.Filesystems.Gofer;

/// <summary>Takes the listings of a reply in the order of the walk.</summary>
internal interface IListingSink
{
    void Add((ulong Device, ulong Inode) directory, GoferListing listing);
}

/// <summary>One question for the listings of a tree: which directories, and what to ask next.</summary>
/// <param name="start">Where the paths start.</param>
/// <param name="paths">Directories, in the order of the walk.</param>
/// <param name="changes">Of the filesystem, when it was asked.</param>
/// <param name="askedTicks">Of Stopwatch, before it was asked.</param>
internal sealed class TreeRequest(GoferDirectory start, List<byte[]> paths, long changes, long askedTicks)
{
    /// <summary>Bytes of paths in one request.</summary>
    private const int PathBytesMax = 16 * 1024;

    public GoferDirectory Start => start;

    public long Changes => changes;

    /// <summary>The names of entries that are directories: the first always, others if wanted.</summary>
    public static List<byte[]> NamesOf(ReadOnlySpan<GoferEntry> entries, Func<GoferEntry, bool> isWanted, int most)
    {
        List<byte[]> paths = [];
        for (int i = 0; i < entries.Length && paths.Count < Math.Min(most, GoferLimits.ReadTreePathsMax); i++)
        {
            if (i == 0 || (entries[i].Type == FileType.Directory && isWanted(entries[i])))
                paths.Add(entries[i].Name.Bytes.ToArray());
        }

        return paths;
    }

    /// <summary>Sends it; the reply is <see cref="Receive"/>'s.</summary>
    public Errno Send(GoferChannel channel, uint handle, int most)
    {
        MessageWriter request = channel.Start();
        request.Write(
            new ReadTreeRequest { Handle = handle, Count = (ushort)paths.Count, DirectoriesMax = (ushort)most });
        foreach (byte[] path in paths)
            request.WriteText(path);
        return channel.Send(GoferOperation.ReadTree, ref request);
    }

    /// <summary>
    /// Waits for the reply. What to ask next, or null at the end. Errors: those of the first directory, EIO.
    /// </summary>
    public Errno Receive(GoferChannel channel, IListingSink sink, out List<byte[]>? next)
    {
        next = null;
        long now = HostClock.Now(HostClock.Monotonic);
        Errno error = channel.Receive(GoferOperation.ReadTree, out MessageReader reply, [], out _, now);
        if (error != Errno.Ok)
            return error;
        if (reply.Read(out ReadTreeReply header) != Errno.Ok)
            return Errno.EIO;
        Level[] levels = new Level[GoferLimits.ReadTreeDepthMax + 1];
        (int depth, int path) = (-1, 0);
        for (uint i = 0; i < header.Count; i++)
        {
            if (ReadDirectory(ref reply, out TreeDirectoryHeader directory, out byte[] name,
                out GoferListing listing) != Errno.Ok
                || directory.Path < path || directory.Path >= paths.Count
                || directory.Depth > (directory.Path == path ? depth + 1 : 0) || directory.Depth >= levels.Length)
                return Errno.EIO;
            (depth, path) = (directory.Depth, directory.Path);
            byte[] place = depth == 0 ? paths[path] : [.. levels[depth - 1].Path, (byte)'/', .. name];
            levels[depth] = new Level(place, name, listing);
            sink.Add((directory.Device, directory.Inode), listing);
        }

        if (header.HasMore != 0 && depth >= 0)
            next = Next(levels.AsSpan(0, depth + 1), path);
        return Errno.Ok;
    }

    /// <summary>A directory on the way to the one that was listed last.</summary>
    private readonly record struct Level(byte[] Path, byte[] Name, GoferListing Listing);

    /// <summary>One directory of a reply. Errors: EPROTO.</summary>
    private Errno ReadDirectory(
        ref MessageReader reply, out TreeDirectoryHeader header, out byte[] name, out GoferListing listing)
    {
        (name, listing) = ([], null!);
        if (reply.Read(out header) is not Errno.Ok and Errno error)
            return error;
        // An entry takes more than 16 bytes: no count makes us take more memory than the message warrants.
        if (reply.ReadName(out ReadOnlySpan<byte> text) != Errno.Ok || header.Count > reply.RemainingBytes / 16)
            return Errno.EPROTO;
        name = text[..^1].ToArray();
        GoferEntry[] entries = header.Count == 0 ? [] : new GoferEntry[header.Count];
        for (int i = 0; i < entries.Length; i++)
        {
            if (GoferEntry.Read(ref reply, out entries[i]) != Errno.Ok)
                return Errno.EPROTO;
        }

        listing = new GoferListing(entries, askedTicks);
        return Errno.Ok;
    }

    /// <summary>
    /// The directories that follow in a walk, after the last of <paramref name="levels"/>,
    /// of which nothing below was listed.
    /// </summary>
    private List<byte[]> Next(ReadOnlySpan<Level> levels, int path)
    {
        List<byte[]> next = [];
        int bytes = 0;
        for (int depth = levels.Length - 1; depth >= 0; depth--)
        {
            Level level = levels[depth];
            int from = depth == levels.Length - 1 ? 0 : level.Listing.Find(levels[depth + 1].Name) + 1;
            foreach (ref readonly GoferEntry entry in level.Listing.Entries[from..])
            {
                if (entry.Type == FileType.Directory && entry.HasAttributes)
                    Add([.. level.Path, (byte)'/', .. entry.Name.Bytes]);
            }
        }

        for (int i = path + 1; i < paths.Count; i++)
            Add(paths[i]);
        return next;

        void Add(byte[] place)
        {
            bytes += place.Length;
            if (next.Count < GoferLimits.ReadTreePathsMax && bytes <= PathBytesMax
                && place.Length <= GoferLimits.PathBytesMax)
                next.Add(place);
        }
    }
}
