using Sandbox.Gofer.Protocol;
using Sandbox.Linux;

namespace Sandbox.Sentry.Filesystems.Gofer;

/// <summary>A file to be opened, by its path from the directory whose handle the request carries.</summary>
internal readonly record struct NextFile(byte[] Path);

/// <summary>
/// Guesses which files are opened after one, as whoever goes down a tree in the order of its listings does: those
/// behind it in its directory, with those of directories between, then those behind that directory,
/// as far as listings are known.
/// </summary>
internal sealed class NextFiles(GoferFileSystem fileSystem, int most)
{
    /// <summary>How far below a listing.</summary>
    private const int DepthMax = 3;

    /// <summary>How many directories above are gone on with.</summary>
    private const int LevelsUp = 3;

    /// <summary>Levels up to a directory with a handle.</summary>
    private const int LevelsMax = 32;

    /// <summary>Of the path down to where the guess begins: there is room for what comes below.</summary>
    private const int TopPathBytesMax = GoferLimits.PathBytesMax / 2;

    /// <summary>Of all paths: they go into one message.</summary>
    private const int PathBytesMax = GoferLimits.MessageBytesMax / 2;

    private int _entriesLeft = 512; // To be looked at: more are not worth the time.
    private int _bytes; // Of the chosen paths.

    public List<NextFile> Chosen { get; } = [];

    /// <summary>
    /// What will probably follow in a directory from some entries on; the first of them in any case if
    /// <paramref name="isFirstCertain"/>. Answers the handle their paths start from. ESTALE.
    /// </summary>
    public Result<uint> Choose(GoferDirectory directory, ReadOnlySpan<GoferEntry> entries, bool isFirstCertain)
    {
        List<Place> up = [];
        GoferDirectory top = directory;
        for (; up.Count < LevelsUp && top.Place is { } place; top = place.Parent)
            up.Add(place);
        if (PathOf(top, out byte[] path).Failed(out uint handle, out Errno error))
            return error;
        byte[][] above = new byte[up.Count][];
        for (int i = up.Count - 1; i >= 0; i--)
            (above[i], path) = (path, Join(path, up[i].Name.Bytes));
        if (isFirstCertain)
            Add(Join(path, entries[0].Name.Bytes));
        Add(isFirstCertain ? entries[1..] : entries, path, DepthMax);
        for (int i = 0; i < up.Count && Chosen.Count < most; i++)
        {
            if (up[i].Parent.CurrentListing() is not { } siblings
                || siblings.Find(up[i].Name.Bytes) is not (>= 0 and int index))
                break;
            Add(siblings.Entries[(index + 1)..], above[i], DepthMax);
        }

        return handle;
    }

    /// <summary>A directory's path from the nearest one above that has a handle, which is answered.</summary>
    private static Result<uint> PathOf(GoferDirectory directory, out byte[] path)
    {
        path = [];
        GoferInode at = directory;
        for (int level = 0; level < LevelsMax && path.Length <= TopPathBytesMax; level++)
        {
            if (at.PeekHandle() is > 0 and uint handle)
                return handle;
            if (at.Place is not { } place)
                return Errno.ESTALE;
            path = path.Length == 0 ? place.Name.Bytes.ToArray() : Join(place.Name.Bytes, path);
            at = place.Parent;
        }

        path = [];
        return directory.EnsureHandle();
    }

    private static byte[] Join(ReadOnlySpan<byte> above, ReadOnlySpan<byte> name) =>
        above.IsEmpty ? name.ToArray() : [.. above, (byte)'/', .. name];

    // Recursion is bounded by DepthMax.
    private void Add(ReadOnlySpan<GoferEntry> entries, byte[] above, int depth)
    {
        if (above.Length > GoferLimits.PathBytesMax - GoferLimits.NameBytesMax - 1)
            return;
        foreach (ref readonly GoferEntry entry in entries)
        {
            if (Chosen.Count == most || _bytes > PathBytesMax || _entriesLeft-- <= 0)
                return;
            if (!entry.HasAttributes)
                continue;
            (ulong Device, ulong Inode) id = (entry.Attributes.Device, entry.Attributes.Inode);
            if (entry.Type == FileType.Regular && !fileSystem.Ahead.Has(id))
                Add(Join(above, entry.Name.Bytes));
            else if (entry.Type == FileType.Directory && depth > 0 && ListingOf(id) is { } listing)
                Add(listing.Entries, Join(above, entry.Name.Bytes), depth - 1);
        }
    }

    private void Add(byte[] path)
    {
        Chosen.Add(new NextFile(path));
        _bytes += path.Length;
    }

    private GoferListing? ListingOf((ulong Device, ulong Inode) directory) =>
        fileSystem.Listed.Peek(directory) ?? fileSystem.Listings.Peek(directory);
}
