namespace Sandbox.Runsc.Spec;

/// <summary>Splits the options of a mount into flags of mount(2) and data for the file system (mount(8)).</summary>
internal static class MountOptions
{
    public const ulong ReadOnly = 1, NoSetUid = 2, NoDevices = 4, NoExecute = 8, Synchronous = 16, Remount = 32,
        DirectorySync = 128, NoFollow = 256, NoAccessTime = 1024, NoDirectoryAccessTime = 2048, Bind = 4096, Recursive = 16384,
        Unbindable = 1 << 17, Private = 1 << 18, Slave = 1 << 19, Shared = 1 << 20, RelativeTime = 1 << 21, StrictTime = 1 << 24;

    /// <summary>Flags and, joined by commas, what is none.</summary>
    public static (ulong Flags, string Data) Parse(string[] options)
    {
        ulong flags = 0;
        List<string> data = [];
        foreach (string option in options)
        {
            if (FlagOf(option) is { } flag)
                flags = (flags & ~flag.Clear) | flag.Set;
            else
                data.Add(option);
        }

        return (flags, string.Join(',', data));
    }

    private static (ulong Set, ulong Clear)? FlagOf(string option) => option switch
    {
        "ro" => (ReadOnly, 0),
        "rw" => (0, ReadOnly),
        "nosuid" => (NoSetUid, 0),
        "suid" => (0, NoSetUid),
        "nodev" => (NoDevices, 0),
        "dev" => (0, NoDevices),
        "noexec" => (NoExecute, 0),
        "exec" => (0, NoExecute),
        "sync" => (Synchronous, 0),
        "async" => (0, Synchronous),
        "dirsync" => (DirectorySync, 0),
        "remount" => (Remount, 0),
        "noatime" => (NoAccessTime, 0),
        "atime" => (0, NoAccessTime),
        "nodiratime" => (NoDirectoryAccessTime, 0),
        "diratime" => (0, NoDirectoryAccessTime),
        "relatime" => (RelativeTime, 0),
        "norelatime" => (0, RelativeTime),
        "strictatime" => (StrictTime, 0),
        "nostrictatime" => (0, StrictTime),
        "nosymfollow" => (NoFollow, 0),
        "symfollow" => (0, NoFollow),
        "bind" => (Bind, 0),
        "rbind" => (Bind | Recursive, 0),
        "private" => (Private, 0),
        "rprivate" => (Private | Recursive, 0),
        "slave" => (Slave, 0),
        "rslave" => (Slave | Recursive, 0),
        "shared" => (Shared, 0),
        "rshared" => (Shared | Recursive, 0),
        "unbindable" => (Unbindable, 0),
        "runbindable" => (Unbindable | Recursive, 0),
        "defaults" => (0, 0),
        // Recursive attributes: every bind mount here is one mount to the guest, so they are the plain ones.
        "rro" => (ReadOnly, 0),
        "rnosuid" => (NoSetUid, 0),
        "rnodev" => (NoDevices, 0),
        "rnoexec" => (NoExecute, 0),
        "tmpcopyup" or "newinstance" or "idmap" or "ridmap" => (0, 0),
        _ => null,
    };
}
