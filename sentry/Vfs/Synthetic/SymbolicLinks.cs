using Sandbox.Linux;

namespace Sandbox.Sentry.Vfs;

/// <summary>A symbolic link of a synthetic filesystem: its text is made when it is asked for (/proc/self).</summary>
internal sealed class SyntheticLink : SyntheticInode
{
    private readonly Func<ICaller, Result<byte[]>> _target;

    public SyntheticLink(FileSystem fileSystem, Func<ICaller, Result<byte[]>> target, uint userId = 0, uint groupId = 0)
        : base(fileSystem, (uint)FileType.SymbolicLink | ModeBits.Permissions, userId, groupId)
    {
        _target = target;
    }

    /// <summary>A link that always leads to the same place.</summary>
    public SyntheticLink(FileSystem fileSystem, byte[] target)
        : this(fileSystem, _ => target)
    {
    }

    public override Result<byte[]> ReadLink(ICaller caller) => _target(caller);

    public override Result<OpenFile> Open(VfsPath path, OpenFlags flags, ICaller caller) => Errno.ELOOP;
}

/// <summary>
/// A link that leads to an object whatever its text says (/proc/PID/exe, cwd, root, fd/N): the text is the object's
/// path as the reader sees it.
/// </summary>
internal sealed class MagicLink : SyntheticInode
{
    private readonly Func<ICaller, Result<VfsPath>> _target;
    private readonly Func<ICaller, Result<byte[]>>? _text;

    /// <param name="fileSystem">Where it is.</param>
    /// <param name="target">Where it leads. EACCES, ENOENT.</param>
    /// <param name="text">Its text, where that is not the target's path ("pipe:[7]").</param>
    /// <param name="permissions">0777 unless said otherwise (fd/N shows the access mode).</param>
    /// <param name="userId">Owner, kernel uid.</param>
    /// <param name="groupId">Group, kernel gid.</param>
    public MagicLink(
        FileSystem fileSystem, Func<ICaller, Result<VfsPath>> target, Func<ICaller, Result<byte[]>>? text = null,
        uint permissions = ModeBits.Permissions, uint userId = 0, uint groupId = 0)
        : base(fileSystem, (uint)FileType.SymbolicLink | permissions, userId, groupId)
    {
        (_target, _text) = (target, text);
    }

    public override Result<byte[]> ReadLink(ICaller caller)
    {
        if (_text is not null)
            return _text(caller);
        return _target(caller).Failed(out VfsPath path, out Errno error)
            ? error
            : PathText.Describe(path, caller.Fs.Root);
    }

    public override Result<VfsPath?> FollowMagicLink(ICaller caller) =>
        _target(caller).Failed(out VfsPath path, out Errno error) ? error : (VfsPath?)path;

    public override Result<OpenFile> Open(VfsPath path, OpenFlags flags, ICaller caller) => Errno.ELOOP;
}
