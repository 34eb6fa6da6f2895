using System.Runtime.InteropServices;

namespace Sandbox.Gofer.Protocol;

/// <summary>
/// The value of an extended attribute. The file's name (empty: the handle itself), then the attribute's follow. The
/// reply is the value; with <see cref="BytesMax"/> 0 its length as four bytes.
/// The same without attribute name lists all names.
/// </summary>
[StructLayout(LayoutKind.Sequential, Pack = 1)]
public struct GetXattrRequest
{
    public uint Handle;

    /// <summary>The caller's room; a value that is longer is ERANGE.</summary>
    public uint BytesMax;
}

/// <summary>
/// Sets an attribute. File name, attribute name, then <see cref="ValueBytes"/> bytes follow. No reply body.
/// </summary>
[StructLayout(LayoutKind.Sequential, Pack = 1)]
public struct SetXattrRequest
{
    public uint Handle;

    /// <summary>XATTR_CREATE, XATTR_REPLACE or 0.</summary>
    public uint Flags;
    public uint ValueBytes;

    /// <summary>Zero.</summary>
    public uint Reserved;
}
