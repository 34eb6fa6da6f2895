namespace Sandbox.Gofer.Protocol;

/// <summary>What a request asks for. The numbers are the wire's: append only.</summary>
public enum GoferOperation : ushort
{
    None = 0,

    /// <summary>Root index to a handle of the root, its attributes and the server's limits.</summary>
    Attach = 1,

    /// <summary>Several components in one message, attributes of every step back.</summary>
    Walk = 2,

    /// <summary>A regular file to a host descriptor.</summary>
    Open = 3,

    /// <summary>A new regular file (O_CREAT|O_EXCL) to a host descriptor.</summary>
    Create = 4,
    MakeDirectory = 5,
    MakeNode = 6,
    SymbolicLink = 7,
    Link = 8,
    Unlink = 9,
    Rename = 10,
    SetAttributes = 11,
    GetAttributes = 12,
    ReadLink = 13,
    ReadDirectory = 14,
    StatFs = 15,
    Sync = 16,
    GetXattr = 17,
    SetXattr = 18,
    ListXattr = 19,
    RemoveXattr = 20,

    /// <summary>Gives handles back, many in one message.</summary>
    Close = 21,

    /// <summary>syncfs(2) of the filesystem a directory is on.</summary>
    SyncFileSystem = 22,

    /// <summary>Several regular files of a directory to descriptors for reading.</summary>
    OpenMany = 23,

    /// <summary>Several directories, and those below them, with all their entries and attributes.</summary>
    ReadTree = 24,

    /// <summary>A new regular file without a name (O_TMPFILE) to a handle and a host descriptor.</summary>
    CreateTemporary = 25,
}
