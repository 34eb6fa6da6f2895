namespace Sandbox.Runsc.Spec;

/// <summary>Splits the options of a mount into flags of mount(2) and data for the file system (mount(8)).</summary>
internal static class MountOptions
{
    public const ulong ReadOnly = 1, NoSetUid = 2, NoDevices = 4, NoExecute = 8, Synchronous = 16, Remount = 32,
        DirectorySync = 128, NoFollow = 256, NoAccessTime = 1024, NoDirectoryAccessTime = 2048, Bind = 4096,
        Recursive = 16384,
        TemporaryCopy = Sandbox.Sentry.Control.MountDescription.TemporaryCopy,
        Unbindable = 1 << 17, Private = 1 << 18, Slave = 1 << 19, Shared = 1 << 20, RelativeTime = 1 << 21,
        StrictTime = 1 << 24;

    /// <summary>True if a file system of this type knows an option that is no flag.</summary>
    public static bool MeansSomething(string type, string option)
    {
        int equals = option.IndexOf('=', StringComparison.Ordinal);
        string key = equals < 0 ? option : option[..equals];
        return type switch
        {
            "bind" => false,
            "tmpfs" or "ramfs" or "devtmpfs" or "devpts" => true, // They refuse what they do not know.
            "proc" => key is "hidepid" or "gid" or "subset",
            "cgroup" or "cgroup2" =>
                key is "name" or "nsdelegate" or "memory_recursiveprot" or "memory_hugetlb_accounting"
                or "xattr" or "release_agent" || equals < 0,
            _ => false,
        };
    }

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
        "rrw" => (0, ReadOnly),
        "rnosuid" => (NoSetUid, 0),
        "rsuid" => (0, NoSetUid),
        "rnodev" => (NoDevices, 0),
        "rdev" => (0, NoDevices),
        "rnoexec" => (NoExecute, 0),
        "rexec" => (0, NoExecute),
        "rnodiratime" => (NoDirectoryAccessTime, 0),
        "rdiratime" => (0, NoDirectoryAccessTime),
        "rnoatime" => (NoAccessTime, 0),
        "ratime" => (0, NoAccessTime),
        "rrelatime" => (RelativeTime, 0),
        "rnorelatime" => (0, RelativeTime),
        "rstrictatime" => (StrictTime, 0),
        "rnostrictatime" => (0, StrictTime),
        "rnosymfollow" => (NoFollow, 0),
        "rsymfollow" => (0, NoFollow),
        "tmpcopyup" => (TemporaryCopy, 0),
        // What they ask for is so anyway, or they change nothing a program sees; id maps are refused before.
        "newinstance" or "idmap" or "ridmap" or "loud" or "silent" or "acl" or "noacl" or "iversion" or "noiversion"
            or "lazytime" or "nolazytime" or "mand" or "nomand" => (0, 0),
        _ => null,
    };
}
