using System.Runtime.InteropServices;

namespace Sandbox.Gofer.Protocol;

/// <summary>Removes a name, which follows. No reply body.</summary>
[StructLayout(LayoutKind.Sequential, Pack = 1)]
public struct UnlinkRequest
{
    public uint Handle;

    /// <summary>AT_REMOVEDIR or 0.</summary>
    public uint Flags;
}

/// <summary>Renames: the old name, then the new one follow. No reply body.</summary>
[StructLayout(LayoutKind.Sequential, Pack = 1)]
public struct RenameRequest
{
    public uint OldHandle;
    public uint NewHandle;

    /// <summary>RENAME_NOREPLACE, RENAME_EXCHANGE.</summary>
    public uint Flags;

    /// <summary>Zero.</summary>
    public uint Reserved;
}

/// <summary>
/// A request with nothing but a handle and, as text, a name in it (empty: the handle itself): GetAttributes
/// (<see cref="AttributesReply"/>), ReadLink (the target as text), StatFs (the host's struct statfs), Sync and
/// SyncFileSystem (nothing).
/// </summary>
[StructLayout(LayoutKind.Sequential, Pack = 1)]
public struct FileRequest
{
    public uint Handle;

    /// <summary>Zero.</summary>
    public uint Reserved;
}

/// <summary><see cref="Count"/> handles follow, four bytes each. Unknown ones are skipped. No reply body.</summary>
[StructLayout(LayoutKind.Sequential, Pack = 1)]
public struct CloseRequest
{
    public uint Count;

    /// <summary>Zero.</summary>
    public uint Reserved;
}
