using System.Runtime.InteropServices;

namespace Sandbox.Gofer.Protocol;

/// <summary>Makes a directory; its name follows. The reply is <see cref="AttributesReply"/>.</summary>
[StructLayout(LayoutKind.Sequential, Pack = 1)]
public struct MakeDirectoryRequest
{
    public uint Handle;

    /// <summary>Permission bits, the umask already applied.</summary>
    public uint Mode;
    public uint UserId;
    public uint GroupId;
}

/// <summary>Makes a FIFO, a socket placeholder, or where the root permits it a device; its name follows.</summary>
[StructLayout(LayoutKind.Sequential, Pack = 1)]
public struct MakeNodeRequest
{
    public uint Handle;

    /// <summary>Type and permission bits.</summary>
    public uint Mode;
    public uint UserId;
    public uint GroupId;
    public ulong RawDevice;
}

/// <summary>Makes a symbolic link; its name and then its target follow.</summary>
[StructLayout(LayoutKind.Sequential, Pack = 1)]
public struct SymbolicLinkRequest
{
    public uint Handle;
    public uint UserId;
    public uint GroupId;

    /// <summary>Zero.</summary>
    public uint Reserved;
}

/// <summary>
/// Makes a hard link. The source's name in <see cref="SourceHandle"/> (or an empty one for that handle itself), then
/// the new name in <see cref="Handle"/> follow.
/// </summary>
[StructLayout(LayoutKind.Sequential, Pack = 1)]
public struct LinkRequest
{
    public uint SourceHandle;
    public uint Handle;
}
