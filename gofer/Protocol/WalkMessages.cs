using System.Runtime.InteropServices;

namespace Sandbox.Gofer.Protocol;

[Flags]
public enum WalkFlags : ushort
{
    None = 0,

    /// <summary>Open a handle on the last component, if it was reached.</summary>
    WantHandle = 1,

    /// <summary>
    /// The same, but only if it is a directory: what a lookup wants, which will be asked for names below it.
    /// </summary>
    WantDirectoryHandle = 2,
}

/// <summary>
/// Walks from a directory handle down <see cref="Count"/> components, which follow as names. It stops after the first
/// one that is not a directory, and before the first that is missing.
/// </summary>
[StructLayout(LayoutKind.Sequential, Pack = 1)]
public struct WalkRequest
{
    public uint Handle;
    public ushort Count;
    public WalkFlags Flags;
}

/// <summary>
/// <see cref="Count"/> times <see cref="GoferAttributes"/> follow, then as text the target of the last one reached, if
/// it is a symbolic link (empty if not).
/// </summary>
[StructLayout(LayoutKind.Sequential, Pack = 1)]
public struct WalkReply
{
    /// <summary>Components reached.</summary>
    public ushort Count;

    /// <summary>Zero.</summary>
    public ushort Reserved;

    /// <summary>Why component number <see cref="Count"/> was not reached; 0 if it was not tried.</summary>
    public int StepError;

    /// <summary>Handle of the last component if all were reached and one was asked for, else 0.</summary>
    public uint Handle;

    /// <summary>Zero.</summary>
    public uint Reserved2;
}
