using System.Globalization;
using System.Text;
using Sandbox.Linux;
using Sandbox.Sentry.Kernel;
using Sandbox.Sentry.Security;
using Sandbox.Sentry.Vfs;

namespace Sandbox.Sentry.Filesystems.Proc.Tasks;

/// <summary>/proc/PID/ns: a link per namespace, whose text is its type and number (namespaces(7)).</summary>
internal sealed class NamespaceDirectory(ProcTask target)
    : SyntheticDirectory(target.Proc, userId: target.OwnerUserId, groupId: target.OwnerGroupId)
{
    private static readonly string[] _names =
        ["cgroup", "ipc", "mnt", "net", "pid", "pid_for_children", "time", "time_for_children", "user", "uts"];

    // Cgroup and time namespaces do not exist here; the initial ones have Linux's numbers.
    private const ulong CgroupNumber = 4026531835, TimeNumber = 4026531834;
    private readonly ProcTask _target = target;

    public override Result<Inode> Lookup(ReadOnlySpan<byte> name)
    {
        string text = Encoding.UTF8.GetString(name);
        if (Array.IndexOf(_names, text) < 0)
            return Errno.ENOENT;
        ProcTask shown = _target;
        return new SyntheticLink(
            shown.Proc,
            caller => ProcAccess.MayInspect(caller, shown.Task) ? Describe(shown, text) : Errno.EACCES,
            shown.OwnerUserId,
            shown.OwnerGroupId);
    }

    public override Errno List(ICaller caller, List<DirectoryEntry> entries)
    {
        foreach (string name in _names)
            entries.Add(new DirectoryEntry(name, Number + 1, FileType.SymbolicLink));
        return Errno.Ok;
    }

    private static Result<byte[]> Describe(ProcTask target, string name)
    {
        if (target.IsZombie)
            return Errno.ENOENT;
        Task task = target.Task;
        NamespaceSet set = task.Namespaces;
        string type = name.EndsWith("_for_children", StringComparison.Ordinal) ? name[..name.IndexOf('_', StringComparison.Ordinal)] : name;
        ulong number = name switch
        {
            "ipc" => set.Ipc.Number,
            "mnt" => task.Fs.Mounts.Number,
            "net" => set.Network.Number,
            "pid" => task.PidNamespace.Number,
            "pid_for_children" => set.PidForChildren.Number,
            "user" => UserNamespaceNumbers.Of(task.Credentials.UserNamespace),
            "uts" => set.Uts.Number,
            "cgroup" => CgroupNumber,
            _ => TimeNumber,
        };
        return Encoding.ASCII.GetBytes(string.Create(CultureInfo.InvariantCulture, $"{type}:[{number}]"));
    }
}

/// <summary>Numbers for user namespaces, which carry none of their own.</summary>
internal static class UserNamespaceNumbers
{
    private const ulong RootNumber = 4026531837;

    private static readonly System.Runtime.CompilerServices.ConditionalWeakTable<UserNamespace, object> _numbers = [];

    public static ulong Of(UserNamespace space) =>
        space == UserNamespace.Root ? RootNumber : (ulong)_numbers.GetValue(space, static _ => NamespaceNumber.Next());
}
