using System.Runtime.InteropServices;

namespace Sandbox.Gofer.Protocol;

/// <summary>What a root permits beyond reading.</summary>
[Flags]
public enum RootFlags : uint
{
    None = 0,

    /// <summary>Names, data and attributes may change.</summary>
    Writable = 1,

    /// <summary>mknod may make character and block devices.</summary>
    DeviceNodes = 2,
}

/// <summary>Asks for one of the roots the server was started with.</summary>
[StructLayout(LayoutKind.Sequential, Pack = 1)]
public struct AttachRequest
{
    public uint RootIndex;

    /// <summary>Zero.</summary>
    public uint Reserved;
}

/// <summary>The root: a handle, what it permits, and what it is.</summary>
[StructLayout(LayoutKind.Sequential, Pack = 1)]
public struct AttachReply
{
    public uint Handle;
    public RootFlags Flags;

    /// <summary>
    /// How many handles the server keeps at once, over all roots; beyond it requests fail with ENFILE.
    /// </summary>
    public uint HandlesMax;

    /// <summary>Zero.</summary>
    public uint Reserved;
    public GoferAttributes Attributes;
}
