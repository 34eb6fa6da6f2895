using Sandbox.Linux;
using Sandbox.Sentry.Kernel.Processes;
using Sandbox.Sentry.Kernel.Tasks;
using Sandbox.Sentry.Vfs;

namespace Sandbox.Sentry.Filesystems.Proc.Tasks;

/// <summary>/proc/PID or /proc/PID/task/TID: files that are made when they are looked up.</summary>
internal sealed class ProcTaskDirectory : SyntheticDirectory
{
    private readonly ProcTask _target;

    public ProcTaskDirectory(ProcFileSystem proc, ThreadGroup group, Task? thread)
        : base(proc)
    {
        _target = new ProcTask(proc, group, thread);
        Revalidate();
    }

    public override bool CachesMissingNames => false;

    protected override uint LinkCount => 9;

    /// <summary>False once the process is reaped: the number may be another's by now.</summary>
    public override bool Revalidate()
    {
        if (_target.IsGone)
            return false;
        (UserId, GroupId) = (_target.OwnerUserId, _target.OwnerGroupId);
        return true;
    }

    public override Result<Inode> Lookup(ReadOnlySpan<byte> name)
    {
        if (_target.IsGone)
            return Errno.ENOENT;
        return ProcTaskEntries.Find(name, _target.Thread is not null) is { } entry ? entry.Make(_target) : Errno.ENOENT;
    }

    public override Errno List(ICaller caller, List<DirectoryEntry> entries)
    {
        if (_target.IsGone)
            return Errno.ENOENT;
        foreach (ProcTaskEntry entry in ProcTaskEntries.Of(_target.Thread is not null))
            entries.Add(new DirectoryEntry(entry.Name, Number + 1, entry.Type));
        return Errno.Ok;
    }
}
