using Sandbox.Gofer.Protocol;
using Sandbox.Linux;

namespace Sandbox.Sentry.Filesystems.Gofer;

/// <summary>A file to be opened, by its path from the directory whose handle the request carries.</summary>
internal readonly record struct NextFile(byte[] Path);

/// <summary>
/// Guesses which files are opened after one: those behind it in its directory's listing, then those of directories below and behind
/// that one, as far as their listings have come along.
/// </summary>
internal sealed class NextFiles(GoferFileSystem fileSystem, int most)
{
    /// <summary>Directories behind one another that are looked into.</summary>
    private const int DirectoriesMax = 32;

    /// <summary>How far below those.</summary>
    private const int DepthMax = 2;

    /// <summary>Levels up to a directory with a handle.</summary>
    private const int LevelsMax = 32;

    public List<NextFile> Chosen { get; } = [];

    /// <summary>
    /// The first of some entries of a directory, and what will probably follow; answers the handle their paths start from. ESTALE.
    /// </summary>
    public Result<uint> Choose(GoferDirectory directory, ReadOnlySpan<GoferEntry> entries)
    {
        if (directory.Place is not { } place || PathOf(place.Parent, out byte[] above).Failed(out uint handle, out _))
        {
            AddFiles(entries, []);
            return directory.EnsureHandle();
        }
        byte[] path = Join(above, place.Name.Bytes);
        AddFiles(entries, path);
        AddDirectories(entries, path, DepthMax);
        if (Chosen.Count < most && place.Parent.CurrentListing() is { } siblings && siblings.Find(place.Name.Bytes) is >= 0 and int index)
            AddDirectories(siblings.Entries[(index + 1)..], above, DepthMax);
        return handle;
    }

    /// <summary>A directory's path from the nearest one above that has a handle, which is answered.</summary>
    private static Result<uint> PathOf(GoferDirectory directory, out byte[] path)
    {
        path = [];
        GoferInode at = directory;
        for (int level = 0; level < LevelsMax; level++)
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

    private void AddFiles(ReadOnlySpan<GoferEntry> entries, byte[] above)
    {
        foreach (ref readonly GoferEntry entry in entries)
        {
            if (Chosen.Count == most)
                return;
            if (Chosen.Count == 0 || entry.Type == FileType.Regular)
                Chosen.Add(new NextFile(Join(above, entry.Name.Bytes)));
        }
    }

    // Recursion is bounded by DepthMax.
    private void AddDirectories(ReadOnlySpan<GoferEntry> entries, byte[] above, int depth)
    {
        int directories = 0;
        foreach (ref readonly GoferEntry entry in entries)
        {
            if (Chosen.Count == most || directories == DirectoriesMax)
                return;
            if (entry.Type != FileType.Directory || !entry.HasAttributes)
                continue;
            directories++;
            if (fileSystem.Listed.Peek((entry.Attributes.Device, entry.Attributes.Inode)) is not { } listing)
                return; // What comes after it is even further away.
            byte[] path = Join(above, entry.Name.Bytes);
            if (path.Length > GoferLimits.PathBytesMax - GoferLimits.NameBytesMax - 1)
                return;
            AddFiles(listing.Entries, path);
            if (depth > 0)
                AddDirectories(listing.Entries, path, depth - 1);
        }
    }
}
