using System.Globalization;
using System.Text;
using Sandbox.Linux;
using Sandbox.Sentry.Kernel.Namespaces;
using Sandbox.Sentry.Vfs;

namespace Sandbox.Sentry.Filesystems.Proc.Tasks;

/// <summary>
/// /proc/PID/ns: a link per namespace, whose text is its type and number, and which leads to its file (namespaces(7)).
/// </summary>
internal sealed class NamespaceDirectory(ProcTask target)
    : SyntheticDirectory(target.Proc, userId: target.OwnerUserId, groupId: target.OwnerGroupId)
{
    private static readonly string[] _names =
        ["cgroup", "ipc", "mnt", "net", "pid", "pid_for_children", "user", "uts"];

    private readonly ProcTask _target = target;

    public override Result<Inode> Lookup(ReadOnlySpan<byte> name)
    {
        string text = Encoding.UTF8.GetString(name);
        if (Array.IndexOf(_names, text) < 0)
            return Errno.ENOENT;
        ProcTask shown = _target;
        return new MagicLink(
            shown.Proc,
            caller => Find(caller, shown, text).Failed(out GuestNamespace? space, out Errno error)
                ? error
                : NamespaceInode.PlaceOf(space),
            caller => Find(caller, shown, text).Failed(out GuestNamespace? space, out Errno error)
                ? error
                : Describe(space, text),
            userId: shown.OwnerUserId,
            groupId: shown.OwnerGroupId);
    }

    public override Errno List(ICaller caller, List<DirectoryEntry> entries)
    {
        foreach (string name in _names)
            entries.Add(new DirectoryEntry(name, Number + 1, FileType.SymbolicLink));
        return Errno.Ok;
    }

    private static Result<GuestNamespace> Find(ICaller caller, ProcTask target, string name)
    {
        if (!ProcAccess.MayInspect(caller, target.Task))
            return Errno.EACCES;
        return !target.IsZombie && GuestNamespace.Of(target.Task, name) is { } space ? space : Errno.ENOENT;
    }

    private static byte[] Describe(GuestNamespace space, string name)
    {
        string type = name.EndsWith("_for_children", StringComparison.Ordinal)
            ? name[..name.IndexOf('_', StringComparison.Ordinal)]
            : name;
        return Encoding.ASCII.GetBytes(string.Create(CultureInfo.InvariantCulture, $"{type}:[{space.Number}]"));
    }
}
