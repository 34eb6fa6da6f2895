using Sandbox.Linux;
using Sandbox.Sentry.Kernel.Tasks;
using Sandbox.Sentry.Vfs;

namespace Sandbox.Sentry.Filesystems.Proc.Tasks;

/// <summary>/proc/PID/task: a directory per thread.</summary>
internal sealed class TaskListDirectory(ProcTask target)
    : SyntheticDirectory(target.Proc, userId: target.OwnerUserId, groupId: target.OwnerGroupId)
{
    private readonly ProcTask _target = target;

    public override bool CachesMissingNames => false;

    protected override uint LinkCount
    {
        get
        {
            using (_target.Kernel.Tree.Enter())
                return (uint)_target.Group.Tasks.Count + 2;
        }
    }

    public override Result<Inode> Lookup(ReadOnlySpan<byte> name)
    {
        if (!ProcNumber.TryParse(name, out int number))
            return Errno.ENOENT;
        Task? task;
        using (_target.Kernel.Tree.Enter())
        {
            task = _target.Proc.Pids.Find(number)?.Task;
            if (task is null || task.Group != _target.Group || (task.IsExited && task != _target.Group.Leader))
                return Errno.ENOENT;
        }

        // The main thread of a zombie stays until it is waited for.
        return new ProcTaskDirectory(_target.Proc, _target.Group, task);
    }

    public override Errno List(ICaller caller, List<DirectoryEntry> entries)
    {
        if (_target.IsGone)
            return Errno.ENOENT;
        using (_target.Kernel.Tree.Enter())
        {
            foreach (Task task in _target.Group.Tasks)
            {
                if (_target.NumberOf(task.Id) is > 0 and int number)
                    entries.Add(
                        new DirectoryEntry(ProcNumber.ToName(number), (ulong)number + (2ul << 32), FileType.Directory));
            }

            if (_target.Group.Tasks.Count == 0)
                entries.Add(new DirectoryEntry(
                    ProcNumber.ToName(_target.NumberOf(_target.Group.Id)), Number + 1, FileType.Directory));
        }

        return Errno.Ok;
    }
}
