using System.Buffers.Text;
using System.Globalization;
using Sandbox.Linux;
using Sandbox.Platform;
using Sandbox.Sentry.Security;
using Sandbox.Sentry.Vfs;

namespace Sandbox.Sentry.Filesystems.Proc.Tasks;

/// <summary>
/// /proc/PID/map_files: a link per mapping of a file, named by its addresses (proc_pid_map_files(5)). For who may trace
/// the process; to go through a link needs CAP_SYS_ADMIN or CAP_CHECKPOINT_RESTORE: EPERM.
/// </summary>
internal sealed class MapFilesDirectory(ProcTask target)
    : SyntheticDirectory(target.Proc, 0x140, target.OwnerUserId, target.OwnerGroupId) // 0500
{
    private readonly ProcTask _target = target;

    public override bool CachesMissingNames => false;

    public override Result<Inode> Lookup(ReadOnlySpan<byte> name)
    {
        if (!TryParse(name, out ulong start, out ulong end) || !Find(start, end).IsSome)
            return Errno.ENOENT;
        ProcTask shown = _target;
        const uint readable = 0x100;
        return new MagicLink(
            shown.Proc,
            caller => MayFollow(caller) ? Place(caller, start, end) : Errno.EPERM,
            caller => Place(caller, start, end).Failed(out VfsPath path, out Errno error)
                ? error
                : PathText.Describe(path, caller.Fs.Root),
            readable, shown.OwnerUserId, shown.OwnerGroupId);
    }

    public override Errno List(ICaller caller, List<DirectoryEntry> entries)
    {
        if (!ProcAccess.MayInspect(caller, _target.Task))
            return Errno.EACCES;
        foreach (HostMapping mapping in Mappings())
        {
            if (mapping.Inode != 0 && _target.Task.GuestMemory.FindFile(mapping).IsSome)
            {
                string name = string.Create(CultureInfo.InvariantCulture, $"{mapping.Start:x}-{mapping.End:x}");
                entries.Add(new DirectoryEntry(name, Number + 1, FileType.SymbolicLink));
            }
        }

        return Errno.Ok;
    }

    private static bool MayFollow(ICaller caller) =>
        caller.Credentials.Has(Capability.SysAdmin) || caller.Credentials.Has(Capability.CheckpointRestore);

    private Result<VfsPath> Place(ICaller caller, ulong start, ulong end)
    {
        if (!ProcAccess.MayInspect(caller, _target.Task))
            return Errno.EACCES;
        VfsPath path = Find(start, end);
        return path.IsSome ? path : Errno.ENOENT;
    }

    private VfsPath Find(ulong start, ulong end)
    {
        foreach (HostMapping mapping in Mappings())
        {
            if (mapping.Start == start && mapping.End == end && mapping.Inode != 0)
                return _target.Task.GuestMemory.FindFile(mapping);
        }

        return default;
    }

    private List<HostMapping> Mappings()
    {
        List<HostMapping> mappings = [];
        if (!_target.IsZombie && _target.Task.GuestMemory.Space.ListMappings(mappings) != Errno.Ok)
            mappings.Clear();
        return mappings;
    }

    private static bool TryParse(ReadOnlySpan<byte> name, out ulong start, out ulong end)
    {
        end = 0;
        if (!Utf8Parser.TryParse(name, out start, out int used, 'x') || used >= name.Length || name[used] != (byte)'-')
            return false;
        ReadOnlySpan<byte> rest = name[(used + 1)..];
        return Utf8Parser.TryParse(rest, out end, out used, 'x') && used == rest.Length;
    }
}
