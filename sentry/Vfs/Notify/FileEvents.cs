using Sandbox.Linux;

namespace Sandbox.Sentry.Vfs;

/// <summary>IN_* (inotify(7)): events, and the options of a watch.</summary>
[Flags]
internal enum InotifyEvents : uint
{
    None = 0,
    Access = 0x1,
    Modify = 0x2,
    Attributes = 0x4,
    CloseWrite = 0x8,
    CloseNoWrite = 0x10,
    Open = 0x20,
    MovedFrom = 0x40,
    MovedTo = 0x80,
    Create = 0x100,
    Delete = 0x200,
    DeleteSelf = 0x400,
    MoveSelf = 0x800,
    All = 0xFFF,
    Unmount = 0x2000,
    QueueOverflow = 0x4000,
    Ignored = 0x8000,
    OnlyDirectory = 0x01000000,
    DontFollow = 0x02000000,
    ExcludeUnlinked = 0x04000000,
    MaskCreate = 0x10000000,
    MaskAdd = 0x20000000,
    IsDirectory = 0x40000000,
    OneShot = 0x80000000,
}

/// <summary>
/// Tells watches (inotify(7)) what happens to files. Everything that does something to a file says so here, without
/// holding locks; while nobody watches anything it costs one read.
/// </summary>
internal static class FileEvents
{
    private static int _watches;

    /// <summary>True if any file of the sandbox is watched.</summary>
    public static bool IsActive => Volatile.Read(ref _watches) != 0;

    internal static void CountWatches(int change)
    {
        if (Interlocked.Add(ref _watches, change) == 1 && change == 1)
            Inode.Copies?.RecallAll();
    }

    /// <summary>A name came to be in a directory.</summary>
    public static void Created(Inode directory, Dentry child)
    {
        if (IsActive)
            WatchList.Notify(directory, InotifyEvents.Create | DirectoryBit(child.Inode), child.Name.Bytes);
    }

    /// <summary>A name was removed.</summary>
    public static void Removed(Inode directory, Dentry child)
    {
        if (!IsActive)
            return;
        Unlinked(child.Inode!);
        WatchList.Notify(directory, InotifyEvents.Delete | DirectoryBit(child.Inode), child.Name.Bytes);
    }

    /// <summary>A rename took the place of a file.</summary>
    public static void Replaced(Dentry replaced)
    {
        if (IsActive)
            Unlinked(replaced.Inode!);
    }

    /// <summary>A name moved.</summary>
    public static void Moved(Inode from, FileName oldName, Inode to, FileName newName, Inode moved, int cookie)
    {
        if (!IsActive)
            return;
        InotifyEvents directory = DirectoryBit(moved);
        WatchList.Notify(from, InotifyEvents.MovedFrom | directory, oldName.Bytes, (uint)cookie);
        WatchList.Notify(to, InotifyEvents.MovedTo | directory, newName.Bytes, (uint)cookie);
        WatchList.Notify(moved, InotifyEvents.MoveSelf | directory, default);
    }

    public static void AttributesChanged(Inode inode, Dentry? dentry)
    {
        if (IsActive)
            NotifyBoth(inode, dentry, InotifyEvents.Attributes);
    }

    public static void Modified(Inode inode, Dentry? dentry)
    {
        if (IsActive)
            NotifyBoth(inode, dentry, InotifyEvents.Modify);
    }

    /// <summary>Something was read.</summary>
    public static void Accessed(OpenFile file)
    {
        if (IsActive)
            NotifyBoth(file.Inode, file.Path.Dentry, InotifyEvents.Access);
    }

    public static void Opened(OpenFile file)
    {
        if (IsActive)
            NotifyBoth(file.Inode, file.Path.Dentry, InotifyEvents.Open);
    }

    /// <summary>The last reference to an open file is gone.</summary>
    public static void Closed(OpenFile file)
    {
        if (IsActive && !file.IsPathOnly)
            NotifyBoth(file.Inode, file.Path.Dentry, file.IsWritable
                ? InotifyEvents.CloseWrite
                : InotifyEvents.CloseNoWrite);
    }

    private static void Unlinked(Inode inode)
    {
        Stat stat = default;
        bool isGone = inode.IsDirectory || inode.GetAttributes(ref stat) != Errno.Ok || stat.LinkCount == 0;
        if (!inode.IsDirectory)
            WatchList.Notify(inode, InotifyEvents.Attributes, default);
        if (!isGone)
            return;
        WatchList.Notify(inode, InotifyEvents.DeleteSelf | DirectoryBit(inode), default);
        WatchList.Drop(inode);
    }

    // The watch of the directory gets the name, the watch of the file itself does not.
    private static void NotifyBoth(Inode inode, Dentry? dentry, InotifyEvents events)
    {
        InotifyEvents all = events | DirectoryBit(inode);
        if (dentry?.Parent?.Inode is { Watches: not null } parent)
            WatchList.Notify(parent, all, dentry.Name.Bytes, isUnlinked: dentry.IsRemoved);
        if (inode.Watches is not null)
            WatchList.Notify(inode, all, default);
    }

    private static InotifyEvents DirectoryBit(Inode? inode) =>
        inode is { IsDirectory: true } ? InotifyEvents.IsDirectory : InotifyEvents.None;
}
