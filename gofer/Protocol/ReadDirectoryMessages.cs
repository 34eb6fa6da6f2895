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
