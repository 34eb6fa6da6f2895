using Sandbox.Linux;
using Sandbox.Sentry.Vfs;

namespace Sandbox.Sentry.Filesystems.Proc.Tasks;

/// <summary>
/// /proc/PID/mounts, mountinfo and mountstats: the mounts below the process's root (proc_pid_mountinfo(5)).
/// </summary>
internal static class MountsText
{
    private static ReadOnlySpan<byte> Special => " \t\n\\#"u8;

    public static Errno WriteMounts(ProcTask target, ICaller reader, ByteBuilder text)
    {
        foreach ((Mount mount, byte[] place) in List(target))
        {
            FileSystem fileSystem = mount.FileSystem;
            AppendText(text, fileSystem.Source).Append((byte)' ').AppendEscaped(place, Special).Append((byte)' ')
                .Append(fileSystem.TypeName).Append((byte)' ');
            AppendOptions(text, mount);
            if (fileSystem.MountOptions.Length != 0)
                text.Append((byte)',').Append(fileSystem.MountOptions);
            text.Append(" 0 0\n"u8);
        }

        return Errno.Ok;
    }

    public static Errno WriteMountInfo(ProcTask target, ICaller reader, ByteBuilder text)
    {
        foreach ((Mount mount, byte[] place) in List(target))
        {
            FileSystem fileSystem = mount.FileSystem;
            ulong device = fileSystem.Device;
            text.Append(mount.Id).Append((byte)' ').Append(mount.Parent?.Id ?? 1).Append((byte)' ')
                .Append(DeviceNumber.Major(device)).Append((byte)':').Append(DeviceNumber.Minor(device)).Append(
                    (byte)' ')
                .AppendEscaped(PathText.WithinFileSystem(mount.Root), Special).Append((byte)' ')
                .AppendEscaped(place, Special).Append((byte)' ');
            AppendOptions(text, mount);
            AppendPropagation(text, mount);
            text.Append(" - "u8).Append(fileSystem.TypeName).Append((byte)' ');
            AppendText(text, fileSystem.Source).Append(mount.IsReadOnly ? " ro"u8 : " rw"u8);
            if (fileSystem.MountOptions.Length != 0)
                text.Append((byte)',').Append(fileSystem.MountOptions);
            text.Append((byte)'\n');
        }

        return Errno.Ok;
    }

    public static Errno WriteMountStats(ProcTask target, ICaller reader, ByteBuilder text)
    {
        foreach ((Mount mount, byte[] place) in List(target))
        {
            text.Append("device "u8);
            AppendText(text, mount.FileSystem.Source).Append(" mounted on "u8).AppendEscaped(place, Special)
                .Append(" with fstype "u8).Append(mount.FileSystem.TypeName).Append((byte)'\n');
        }

        return Errno.Ok;
    }

    private static ByteBuilder AppendText(ByteBuilder text, string value) =>
        text.AppendEscaped(System.Text.Encoding.UTF8.GetBytes(value), Special);

    private static List<(Mount Mount, byte[] Place)> List(ProcTask target)
    {
        List<(Mount, byte[])> shown = [];
        if (target.IsZombie)
            return shown;
        FsContext fs = target.Task.Fs;
        VfsPath root = fs.Root;
        List<Mount> mounts;
        using (MountNamespace.Lock.Enter())
            mounts = [.. fs.Mounts.Mounts];
        foreach (Mount mount in mounts)
        {
            byte[] place = PathText.Describe(new VfsPath(mount, mount.Root), root, out bool isReachable);
            if (isReachable)
                shown.Add((mount, place));
        }

        return shown;
    }

    // The optional fields. A group that changes meanwhile shows as it was.
    private static void AppendPropagation(ByteBuilder text, Mount mount)
    {
        if (mount.Peers is { } peers)
            text.Append(" shared:"u8).Append(peers.Id);
        if (mount.Master is { } master)
            text.Append(" master:"u8).Append(master.Id);
        if (mount.IsUnbindable)
            text.Append(" unbindable"u8);
    }

    private static void AppendOptions(ByteBuilder text, Mount mount)
    {
        MountFlags flags = mount.Flags;
        text.Append((flags & MountFlags.ReadOnly) != 0 ? "ro"u8 : "rw"u8);
        if ((flags & MountFlags.NoSetUserId) != 0)
            text.Append(",nosuid"u8);
        if ((flags & MountFlags.NoDevices) != 0)
            text.Append(",nodev"u8);
        if ((flags & MountFlags.NoExecute) != 0)
            text.Append(",noexec"u8);
        if ((flags & MountFlags.NoAccessTime) != 0)
            text.Append(",noatime"u8);
        if ((flags & MountFlags.NoDirectoryAccessTime) != 0)
            text.Append(",nodiratime"u8);
        if ((flags & (MountFlags.NoAccessTime | MountFlags.StrictAccessTime)) == 0)
            text.Append(",relatime"u8);
        if ((flags & MountFlags.NoSymbolicFollow) != 0)
            text.Append(",nosymfollow"u8);
    }
}
