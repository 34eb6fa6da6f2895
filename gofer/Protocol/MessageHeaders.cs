using System.Runtime.InteropServices;

namespace Sandbox.Gofer.Protocol;

/// <summary>
/// First in every request. All integers of the protocol are little-endian, every struct is blittable without implicit
/// padding, and one message is one packet of the socket.
/// </summary>
[StructLayout(LayoutKind.Sequential, Pack = 1)]
public struct RequestHeader
{
    public GoferOperation Operation;

    /// <summary>Zero.</summary>
    public ushort Reserved;

    /// <summary>Of the whole message, this header included; must be the packet's length.</summary>
    public uint LengthBytes;
}

/// <summary>First in every reply. After an error nothing follows.</summary>
[StructLayout(LayoutKind.Sequential, Pack = 1)]
public struct ReplyHeader
{
    /// <summary>The request's.</summary>
    public GoferOperation Operation;

    /// <summary>Descriptors in the ancillary data, 0 or 1.</summary>
    public ushort FdCount;

    /// <summary>Of the whole message, this header included; must be the packet's length.</summary>
    public uint LengthBytes;

    /// <summary>An errno, 0 for success.</summary>
    public int Error;

    /// <summary>Zero.</summary>
    public uint Reserved;
}
