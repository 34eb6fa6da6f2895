using System.Runtime.InteropServices;
using Sandbox.Linux;

namespace Sandbox.Gofer.Protocol;

/// <summary>Which members of a <see cref="SetAttributesRequest"/> count.</summary>
[Flags]
public enum AttributeMask : uint
{
    None = 0,
    Mode = 1,
    UserId = 2,
    GroupId = 4,
    Size = 8,
    AccessTime = 16,
    ModifyTime = 32,

    /// <summary>The host's clock, instead of the time in the message.</summary>
    AccessTimeNow = 64,
    ModifyTimeNow = 128,
    All = 255,
}

/// <summary>
/// Changes attributes: a name follows, or an empty one for the handle itself. Order: size, owner, mode, times; the
/// first failure ends it, and what was done before stays. The reply is <see cref="AttributesReply"/>.
/// </summary>
[StructLayout(LayoutKind.Sequential, Pack = 1)]
public struct SetAttributesRequest
{
    public uint Handle;
    public AttributeMask Mask;

    /// <summary>Permission bits.</summary>
    public uint Mode;
    public uint UserId;
    public uint GroupId;

    /// <summary>Zero.</summary>
    public uint Reserved;
    public long SizeBytes;
    public Timespec AccessTime;
    public Timespec ModifyTime;
}
