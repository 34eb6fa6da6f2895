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

/// <summary><see cref="Count"/> times <see cref="DirectoryEntryHeader"/>, name as text, and attributes if it has them.</summary>
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
/// Lists directories with attributes: <see cref="Count"/> names in a directory handle follow. Each is listed, then what is below it,
/// in the order of the names, and then the next, until the message is full or <see cref="DirectoriesMax"/> were listed.
/// </summary>
[StructLayout(LayoutKind.Sequential, Pack = 1)]
public struct ReadTreeRequest
{
    public uint Handle;

    /// <summary>1 to <see cref="GoferLimits.ReadTreeNamesMax"/>.</summary>
    public ushort Count;

    /// <summary>At least 1.</summary>
    public ushort DirectoriesMax;
}

/// <summary>
/// <see cref="Count"/> times <see cref="TreeDirectoryHeader"/> with its entries, as for ReadDirectory. Directories that do not fit or
/// cannot be listed are left out.
/// </summary>
[StructLayout(LayoutKind.Sequential, Pack = 1)]
public struct ReadTreeReply
{
    public uint Count;

    /// <summary>Zero.</summary>
    public uint Reserved;
}

/// <summary>A directory with all its entries: which one it is, and how many <see cref="DirectoryEntryHeader"/> follow.</summary>
[StructLayout(LayoutKind.Sequential, Pack = 1)]
public struct TreeDirectoryHeader
{
    public ulong Device;
    public ulong Inode;
    public uint Count;

    /// <summary>Zero.</summary>
    public uint Reserved;
}

/// <summary>One entry of a directory.</summary>
[StructLayout(LayoutKind.Sequential, Pack = 1)]
public struct DirectoryEntryHeader
{
    public ulong Inode;

    /// <summary>The type bits of st_mode (not DT_*), or none if the host did not say.</summary>
    public FileType Type;

    /// <summary>1 if <see cref="GoferAttributes"/> follow the name.</summary>
    public uint HasAttributes;
}
