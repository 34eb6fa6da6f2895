using Sandbox.Linux;

namespace Sandbox.Sentry.Vfs;

/// <summary>The text of a place (Linux's d_path): getcwd(2), /proc/PID/{cwd,exe,fd,maps,mountinfo}.</summary>
internal static class PathText
{
    /// <summary>No path that could be walked is longer; deeper trees are cut off at the front.</summary>
    private const int MaxBytes = 64 * 1024;

    /// <summary>
    /// The path of a place as seen from a root, with " (deleted)" behind a removed name. Of a place that is not below
    /// the root it is the path to the top of what the place is in, without a remark.
    /// </summary>
    public static byte[] Describe(VfsPath place, VfsPath root)
    {
        Walker walker = new(place, root);
        walker.Run();
        ByteBuilder text = new();
        walker.AppendTo(text);
        if (place.Dentry.IsRemoved)
            text.Append(" (deleted)"u8);
        return text.ToArray();
    }

    /// <summary>
    /// The path below the root, without any remark; <paramref name="isReachable"/> is false if it is not below it
    /// (mountinfo leaves such mounts out).
    /// </summary>
    public static byte[] Describe(VfsPath place, VfsPath root, out bool isReachable)
    {
        Walker walker = new(place, root);
        walker.Run();
        isReachable = walker.IsReachable;
        ByteBuilder text = new();
        walker.AppendTo(text);
        return text.ToArray();
    }

    /// <summary>The path of a dentry within its filesystem (the root field of mountinfo).</summary>
    public static byte[] WithinFileSystem(Dentry dentry)
    {
        List<Dentry> names = [];
        for (Dentry current = dentry; current.Parent is { } parent; current = parent)
            names.Add(current);
        ByteBuilder text = new();
        for (int i = names.Count - 1; i >= 0; i--)
            text.Append((byte)'/').Append(names[i].Name.Bytes);
        return names.Count == 0 ? "/"u8.ToArray() : text.ToArray();
    }

    /// <summary>
    /// getcwd(2): the path with its NUL, and with "(unreachable)" in front if it is not below the root: only here, for
    /// links of /proc do without. ENOENT if the directory was removed.
    /// </summary>
    public static Result<byte[]> CurrentDirectory(VfsPath place, VfsPath root)
    {
        if (place.Dentry.IsRemoved)
            return Errno.ENOENT;
        ByteBuilder text = new();
        byte[] path = Describe(place, root, out bool isReachable);
        if (!isReachable)
            text.Append("(unreachable)"u8);
        text.Append(path).Append(0);
        return text.Length > Memory.UserMemory.MaxPathBytes ? Errno.ENAMETOOLONG : text.ToArray();
    }

    // Climbs from a place to the root and remembers the names on the way.
    private ref struct Walker(VfsPath place, VfsPath root)
    {
        private readonly List<FileName> _names = [];

        public bool IsReachable { get; private set; } = true;

        public void Run()
        {
            (Mount mount, Dentry dentry) = (place.Mount, place.Dentry);
            int bytes = 0;
            while (mount != root.Mount || dentry != root.Dentry)
            {
                if (dentry == mount.Root)
                {
                    if (mount.Parent is not { } parent || mount.MountPoint is not { } mountPoint)
                    {
                        // The top of a namespace or of a detached tree, without having met the root.
                        IsReachable = false;
                        return;
                    }

                    (mount, dentry) = (parent, mountPoint);
                    continue;
                }

                if (dentry.Parent is not { } above || (bytes += dentry.Name.Length + 1) > MaxBytes)
                {
                    IsReachable = false;
                    return;
                }

                _names.Add(dentry.Name);
                dentry = above;
            }
        }

        public readonly void AppendTo(ByteBuilder text)
        {
            if (_names.Count == 0)
                text.Append((byte)'/');
            for (int i = _names.Count - 1; i >= 0; i--)
                text.Append((byte)'/').Append(_names[i].Bytes);
        }
    }
}
