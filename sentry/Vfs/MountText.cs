namespace Sandbox.Sentry.Vfs;

/// <summary>The text of /proc/PID/mounts, mountinfo and mountstats (proc(5)) for somebody whose root is given.</summary>
internal static class MountText
{
    /// <summary>One line per mount that the root can see: device, place, type, options.</summary>
    public static void AppendMounts(MountNamespace space, VfsPath root, ByteBuilder text)
    {
        foreach (Mount mount in Snapshot(space))
        {
            if (PlaceOf(mount, root) is not { } place)
                continue;
            AppendEscaped(text, System.Text.Encoding.UTF8.GetBytes(mount.FileSystem.Source)).Append((byte)' ');
            AppendEscaped(text, place).Append((byte)' ').Append(mount.FileSystem.TypeName).Append((byte)' ');
            AppendFlags(text, mount);
            AppendOptions(text, mount).AppendLine(" 0 0");
        }
    }

    /// <summary>mountinfo: also ids, the shown root, and the filesystem's own options.</summary>
    public static void AppendMountInfo(MountNamespace space, VfsPath root, ByteBuilder text)
    {
        foreach (Mount mount in Snapshot(space))
        {
            if (PlaceOf(mount, root) is not { } place)
                continue;
            FileSystem files = mount.FileSystem;
            text.Append(mount.Id).Append((byte)' ').Append(mount.Parent?.Id ?? mount.Id).Append((byte)' ');
            text.Append(DeviceNumber.Major(files.Device)).Append((byte)':').Append(DeviceNumber.Minor(files.Device)).Append((byte)' ');
            AppendEscaped(text, PathText.WithinFileSystem(mount.Root)).Append((byte)' ');
            AppendEscaped(text, place).Append((byte)' ');
            AppendFlags(text, mount);
            text.Append(" - ").Append(files.TypeName).Append((byte)' ');
            AppendEscaped(text, System.Text.Encoding.UTF8.GetBytes(files.Source)).Append((byte)' ');
            text.Append(mount.IsReadOnly ? "ro"u8 : "rw"u8);
            AppendOptions(text, mount).Append((byte)'\n');
        }
    }

    /// <summary>mountstats: what is mounted where.</summary>
    public static void AppendMountStatistics(MountNamespace space, VfsPath root, ByteBuilder text)
    {
        foreach (Mount mount in Snapshot(space))
        {
            if (PlaceOf(mount, root) is not { } place)
                continue;
            AppendEscaped(text.Append("device "), System.Text.Encoding.UTF8.GetBytes(mount.FileSystem.Source)).Append(" mounted on ");
            AppendEscaped(text, place).Append(" with fstype ").AppendLine(mount.FileSystem.TypeName);
        }
    }

    private static Mount[] Snapshot(MountNamespace space)
    {
        using (space.Lock.Enter())
            return [.. space.Mounts];
    }

    // Null for a mount outside the root, or covered by another at the same place's top.
    private static byte[]? PlaceOf(Mount mount, VfsPath root)
    {
        byte[] place = PathText.Describe(new VfsPath(mount, mount.Root), root, out bool isReachable);
        return isReachable ? place : null;
    }

    private static void AppendFlags(ByteBuilder text, Mount mount)
    {
        text.Append(mount.IsReadOnly ? "ro"u8 : "rw"u8);
        ReadOnlySpan<(MountFlags Flag, string Name)> table =
        [
            (MountFlags.NoSetUserId, ",nosuid"), (MountFlags.NoDevices, ",nodev"), (MountFlags.NoExecute, ",noexec"),
            (MountFlags.NoAccessTime, ",noatime"), (MountFlags.NoDirectoryAccessTime, ",nodiratime"),
            (MountFlags.RelativeAccessTime, ",relatime"), (MountFlags.NoSymbolicFollow, ",nosymfollow"),
        ];
        foreach ((MountFlags flag, string name) in table)
        {
            if ((mount.Flags & flag) != 0)
                text.Append(name);
        }
    }

    private static ByteBuilder AppendOptions(ByteBuilder text, Mount mount)
    {
        string options = mount.FileSystem.MountOptions;
        return options.Length == 0 ? text : text.Append((byte)',').Append(options);
    }

    private static ByteBuilder AppendEscaped(ByteBuilder text, ReadOnlySpan<byte> bytes) => text.AppendEscaped(bytes, " \t\n\\"u8);
}
