using System.Runtime.InteropServices;
using Sandbox.Linux;

namespace Sandbox.Gofer.Protocol;

[Flags]
public enum ReadDirectoryFlags : uint
{
    None = 0,

    /// <summary>Each entry with its <see cref="GoferAttributes"/>.</summary>
    WithAttributes = 1,
}

/// <summary>
/// The entries of a directory from <see cref="Cookie"/> on (0: the beginning), without "." and "..", as many as fit.
/// </summary>
[StructLayout(LayoutKind.Sequential, Pack = 1)]
public struct ReadDirectoryRequest
{
    public uint Handle;
    public ReadDirectoryFlags Flags;
    public long Cookie;
}

/// <summary>
/// <see cref="Count"/> entries: <see cref="DirectoryEntryHeader"/>, name as text, and what the header says follows.
/// </summary>
[StructLayout(LayoutKind.Sequential, Pack = 1)]
public struct ReadDirectoryReply
{
    public uint Count;

    /// <summary>1 if there is nothing after these entries.</summary>
    public uint IsEnd;

    /// <summary>Where to go on.</summary>
    public long NextCookie;
}

/// <summary>
/// Lists directories with attributes: <see cref="Count"/> paths from a directory handle follow, names with single
/// slashes between. Each is listed, then what is below it, in the order of the names, and then the next, until the
/// message is full or <see cref="DirectoriesMax"/> were listed.
/// </summary>
[StructLayout(LayoutKind.Sequential, Pack = 1)]
public struct ReadTreeRequest
{
    public uint Handle;

    /// <summary>1 to <see cref="GoferLimits.ReadTreePathsMax"/>.</summary>
    public ushort Count;

    /// <summary>At least 1.</summary>
    public ushort DirectoriesMax;
}

/// <summary>
/// <see cref="Count"/> times <see cref="TreeDirectoryHeader"/>, the directory's name as text, and its entries, as for
/// ReadDirectory. Directories that cannot be listed are left out.
/// </summary>
[StructLayout(LayoutKind.Sequential, Pack = 1)]
public struct ReadTreeReply
{
    public uint Count;

    /// <summary>1 if it ended before everything was listed.</summary>
    public uint HasMore;
}

/// <summary>
/// A directory with all its entries: which one it is, and how many <see cref="DirectoryEntryHeader"/> follow.
/// </summary>
[StructLayout(LayoutKind.Sequential, Pack = 1)]
public struct TreeDirectoryHeader
{
    public ulong Device;
    public ulong Inode;
    public uint Count;

    /// <summary>Which of the paths it is or lies below.</summary>
    public ushort Path;

    /// <summary>How far below that: 0 for the path itself, else below the last record that is one less deep.</summary>
    public ushort Depth;
}

/// <summary>One entry of a directory.</summary>
[StructLayout(LayoutKind.Sequential, Pack = 1)]
public struct DirectoryEntryHeader
{
    public ulong Inode;

    /// <summary>The type bits of st_mode (not DT_*), or none if the host did not say.</summary>
    public FileType Type;

    /// <summary>What follows the name.</summary>
    public DirectoryEntryContents Contents;
}

/// <summary>What follows the name of a directory's entry, in this order.</summary>
[Flags]
public enum DirectoryEntryContents : uint
{
    None = 0,

    /// <summary><see cref="GoferAttributes"/>.</summary>
    Attributes = 1,

    /// <summary>
    /// A symbolic link's target as text, of 1 to <see cref="GoferLimits.ListedTargetBytesMax"/> bytes; only with
    /// attributes. A link may come without it.
    /// </summary>
    LinkTarget = 2,
}
