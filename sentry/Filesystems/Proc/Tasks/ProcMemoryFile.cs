using Sandbox.Linux;
using Sandbox.Sentry.Kernel.Tasks;
using Sandbox.Sentry.Vfs;

namespace Sandbox.Sentry.Filesystems.Proc.Tasks;

/// <summary>/proc/PID/mem: the memory of a process, for who may trace it (proc_pid_mem(5)).</summary>
internal sealed class ProcMemoryFile(ProcTask target)
    : SyntheticInode(target.Proc, (uint)FileType.Regular | Modes.O600, target.OwnerUserId, target.OwnerGroupId)
{
    private readonly ProcTask _target = target;

    public override Result<OpenFile> Open(VfsPath path, OpenFlags flags, ICaller caller)
    {
        if (!ProcAccess.MayInspect(caller, _target.Task))
            return Errno.EACCES;
        return _target.IsZombie
            ? Errno.ESRCH
            : new ProcMemoryOpenFile(this, _target.Task.GuestMemory, path, flags, caller);
    }
}

/// <summary>
/// An open /proc/PID/mem: stays with the address space it was opened for, over an exec. Here it moves what the pages'
/// protection allows; read(2) and write(2), which know their task, do the rest.
/// </summary>
internal sealed class ProcMemoryOpenFile(
    Inode inode, GuestMemory memory, VfsPath path, OpenFlags flags, ICaller caller)
    : SeekableFile(path, flags, caller.Credentials)
{
    public override Inode Inode => inode;

    public GuestMemory Memory => memory;

    public override Result<int> ReadAt(Span<byte> destination, long offset)
    {
        if (destination.IsEmpty)
            return 0;
        return memory.Space.Read(new UserAddress((ulong)offset), destination).Failed(out int count, out _)
            ? Errno.EIO
            : count;
    }

    protected override Result<int> WriteAt(ReadOnlySpan<byte> source, ref long offset, bool isAppend)
    {
        if (source.IsEmpty)
            return 0;
        return memory.Space.Write(new UserAddress((ulong)offset), source).Failed(out int count, out _)
            ? Errno.EIO
            : count;
    }

    protected override Result<long> GetSize() => Errno.EINVAL;
}
