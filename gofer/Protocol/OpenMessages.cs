using System.Runtime.InteropServices;

namespace Sandbox.Gofer.Protocol;

/// <summary>
/// Opens a regular file: a name in a directory handle follows, or an empty one for the handle itself. The reply carries
/// a host descriptor; reads, writes and mappings then never come here again.
/// </summary>
[StructLayout(LayoutKind.Sequential, Pack = 1)]
public struct OpenRequest
{
    public uint Handle;

    /// <summary>
    /// Access mode, O_TRUNC, O_APPEND, O_SYNC, O_DSYNC, O_DIRECT; nothing else. See <c>OpenFlags</c>.
    /// </summary>
    public uint Flags;
}

/// <summary>
/// Opens regular files for reading: <see cref="Count"/> paths from a directory handle follow. The reply is an
/// <see cref="OpenManyResult"/> for each, and a descriptor for each that has no error, in this order.
/// </summary>
[StructLayout(LayoutKind.Sequential, Pack = 1)]
public struct OpenManyRequest
{
    public uint Handle;

    /// <summary>1 to <see cref="GoferLimits.OpenManyMax"/>.</summary>
    public uint Count;
}

/// <summary>How one of several opens went.</summary>
[StructLayout(LayoutKind.Sequential, Pack = 1)]
public struct OpenManyResult
{
    /// <summary>An errno, or 0: then a descriptor came along.</summary>
    public int Error;

    /// <summary>Zero.</summary>
    public uint Reserved;
    public GoferAttributes Attributes;
}

/// <summary>Makes and opens a regular file that must not exist; its name follows. Reply as for open.</summary>
[StructLayout(LayoutKind.Sequential, Pack = 1)]
public struct CreateRequest
{
    /// <summary>The directory.</summary>
    public uint Handle;

    /// <summary>As in <see cref="OpenRequest.Flags"/>.</summary>
    public uint Flags;

    /// <summary>Permission bits, the umask already applied.</summary>
    public uint Mode;
    public uint UserId;
    public uint GroupId;

    /// <summary>Zero.</summary>
    public uint Reserved;
}

/// <summary>
/// A file without a name, made by a <see cref="CreateRequest"/> without one: its handle, by which a name can be given
/// to it, and its attributes; a descriptor comes along.
/// </summary>
[StructLayout(LayoutKind.Sequential, Pack = 1)]
public struct CreateTemporaryReply
{
    public uint Handle;

    /// <summary>Zero.</summary>
    public uint Reserved;
    public GoferAttributes Attributes;
}

/// <summary>The attributes of what was opened, made or changed.</summary>
[StructLayout(LayoutKind.Sequential, Pack = 1)]
public struct AttributesReply
{
    public GoferAttributes Attributes;
}
