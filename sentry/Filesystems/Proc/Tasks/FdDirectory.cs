using System.Text;
using Sandbox.Linux;
using Sandbox.Sentry.Vfs;

namespace Sandbox.Sentry.Filesystems.Proc.Tasks;

/// <summary>/proc/PID/fd and /proc/PID/fdinfo (proc_pid_fd(5)). For who may trace the process.</summary>
internal sealed class FdDirectory : SyntheticDirectory
{
    private readonly ProcTask _target;
    private readonly bool _isInformation;

    public FdDirectory(ProcTask target, bool isInformation)
        : base(target.Proc, isInformation ? 0x16Du : 0x140u, target.OwnerUserId, target.OwnerGroupId)
    {
        (_target, _isInformation) = (target, isInformation);
    }

    public override bool CachesMissingNames => false;

    public override bool Revalidate()
    {
        (UserId, GroupId) = (_target.OwnerUserId, _target.OwnerGroupId);
        return true;
    }

    public override Result<Inode> Lookup(ReadOnlySpan<byte> name)
    {
        if (_target.IsZombie || !ProcNumber.TryParse(name, out int number))
            return Errno.ENOENT;
        if (_target.Task.Files.Get(new Fd(number), allowPathOnly: true).Failed(out OpenFile? file, out _))
            return Errno.ENOENT;
        uint permissions = 0x40u | (file.IsReadable ? 0x100u : 0) | (file.IsWritable ? 0x80u : 0);
        file.Release();
        if (!_isInformation)
            return new FdLink(_target, number, permissions);
        return new ProcTaskTextFile(
            _target, (target, reader, text) =>
                WriteInformation(target, reader, number, text), null, Modes.O444, isPrivate: true);
    }

    public override Result<OpenFile> Open(VfsPath path, OpenFlags flags, ICaller caller) =>
        ProcAccess.MayInspect(caller, _target.Task) ? base.Open(path, flags, caller) : Errno.EACCES;

    public override Errno List(ICaller caller, List<DirectoryEntry> entries)
    {
        if (_target.IsZombie)
            return Errno.Ok;
        List<int> numbers = [];
        _target.Task.Files.ListNumbers(0, numbers);
        FileType type = _isInformation ? FileType.Regular : FileType.SymbolicLink;
        foreach (int number in numbers)
            entries.Add(new DirectoryEntry(ProcNumber.ToName(number), Number + 1 + (ulong)number, type));
        return Errno.Ok;
    }

    private static Errno WriteInformation(ProcTask target, ICaller reader, int number, ByteBuilder text)
    {
        if (target.IsZombie
            || target.Task.Files.Get(new Fd(number), allowPathOnly: true).Failed(out OpenFile? file, out _))
            return Errno.ENOENT;
        bool isCloseOnExec = target.Task.Files.IsCloseOnExec(new Fd(number)).Failed(out bool value, out _)
            ? false
            : value;
        OpenFlags flags = file.Flags | OpenFlags.LargeFile | (isCloseOnExec ? OpenFlags.CloseOnExec : 0);
        text.Append("pos:\t"u8).Append(file.Position).Append("\nflags:\t0"u8).Append(Convert.ToString((int)flags, 8))
            .Append("\nmnt_id:\t"u8).Append(file.Path.IsSome ? file.Path.Mount.Id : 0)
            .Append("\nino:\t"u8).Append(file.Inode.Number).Append((byte)'\n');
        file.Describe(reader, text);
        file.Release();
        return Errno.Ok;
    }
}

/// <summary>/proc/PID/fd/N: leads to the open file's inode, whatever became of its name.</summary>
internal sealed class FdLink : SyntheticInode
{
    private readonly ProcTask _target;
    private readonly int _number;

    public FdLink(ProcTask target, int number, uint permissions)
        : base(target.Proc, (uint)FileType.SymbolicLink | permissions, target.OwnerUserId, target.OwnerGroupId)
    {
        (_target, _number) = (target, number);
    }

    protected override long SizeBytes => 64;

    /// <summary>The number may stand for another file by the next time.</summary>
    public override bool Revalidate() => false;

    public override Result<byte[]> ReadLink(ICaller caller)
    {
        if (GetFile(caller).Failed(out OpenFile? file, out Errno error))
            return error;
        byte[] text = file.Path.IsSome
            ? PathText.Describe(file.Path, caller.Fs.Root)
            : Encoding.UTF8.GetBytes(file.AnonymousName);
        file.Release();
        return text;
    }

    public override Result<VfsPath?> FollowMagicLink(ICaller caller)
    {
        if (GetFile(caller).Failed(out OpenFile? file, out Errno error))
            return error;

        // A file without a name gets a place of its own, outside of every namespace.
        VfsPath path = file.Path;
        if (!path.IsSome)
        {
            Dentry dentry = new(file.Inode.FileSystem, file.Inode);
            path = new VfsPath(new Mount(file.Inode.FileSystem, dentry, MountFlags.None), dentry);
        }

        file.Release();
        return (VfsPath?)path;
    }

    public override Result<OpenFile> Open(VfsPath path, OpenFlags flags, ICaller caller) => Errno.ELOOP;

    private Result<OpenFile> GetFile(ICaller caller)
    {
        if (!ProcAccess.MayInspect(caller, _target.Task))
            return Errno.EACCES;
        if (_target.IsZombie)
            return Errno.ENOENT;
        return _target.Task.Files.Get(new Fd(_number), allowPathOnly: true).Failed(out OpenFile? file, out _)
            ? Errno.ENOENT
            : file;
    }
}
