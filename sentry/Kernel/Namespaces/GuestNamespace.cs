using Sandbox.Linux;
using Sandbox.Sentry.Kernel.Tasks;
using Sandbox.Sentry.Security;
using Sandbox.Sentry.Vfs;

namespace Sandbox.Sentry.Kernel.Namespaces;

/// <summary>A namespace as /proc/PID/ns names it and setns(2) takes it.</summary>
/// <param name="Type">The CLONE_NEW* bit. There are no time namespaces, as where Linux is built without them.</param>
/// <param name="Number">Its inode number: the same for the same namespace, whoever asks.</param>
/// <param name="Target">The namespace itself.</param>
/// <param name="Owner">The user namespace that owns it; for a user namespace its parent.</param>
/// <param name="Root">For a mount namespace: where who joins it finds himself.</param>
internal sealed record GuestNamespace(
    CloneFlags Type, ulong Number, object? Target, UserNamespace? Owner, VfsPath Root = default)
{
    /// <summary>What /proc/PID/ns/<paramref name="name"/> of a task is; null for an unknown name.</summary>
    public static GuestNamespace? Of(Task task, string name)
    {
        NamespaceSet set = task.Namespaces;
        return name switch
        {
            "ipc" => new GuestNamespace(CloneFlags.NewIpc, set.Ipc.Number, set.Ipc, set.Ipc.Owner),
            "mnt" => OfMounts(task.Fs),
            "net" => new GuestNamespace(CloneFlags.NewNet, set.Network.Number, set.Network, set.Network.Owner),
            "pid" => OfPids(task.PidNamespace),
            "pid_for_children" => OfPids(set.PidForChildren),
            "user" => new GuestNamespace(
                CloneFlags.NewUser, UserNamespaceNumbers.Of(task.Credentials.UserNamespace),
                task.Credentials.UserNamespace,
                task.Credentials.UserNamespace.Parent),
            "uts" => new GuestNamespace(CloneFlags.NewUts, set.Uts.Number, set.Uts, set.Uts.Owner),
            "cgroup" => new GuestNamespace(CloneFlags.NewCgroup, set.Cgroup.Number, set.Cgroup, set.Cgroup.Owner),
            _ => null,
        };
    }

    private static GuestNamespace OfPids(PidNamespace pids) => new(CloneFlags.NewPid, pids.Number, pids, pids.Owner);

    private static GuestNamespace OfMounts(FsContext fs)
    {
        Mount root = fs.Mounts.Root;
        return new GuestNamespace(
            CloneFlags.NewMount, fs.Mounts.Number, fs.Mounts, fs.Mounts.Owner, new VfsPath(root, root.Root));
    }
}

/// <summary>An open file that stands for a namespace.</summary>
internal interface INamespaceFile
{
    GuestNamespace Namespace { get; }
}

/// <summary>Numbers for user namespaces, which carry none of their own.</summary>
internal static class UserNamespaceNumbers
{
    private const ulong RootNumber = 4026531837;

    private static readonly System.Runtime.CompilerServices.ConditionalWeakTable<UserNamespace, object> _numbers = [];

    public static ulong Of(UserNamespace space) =>
        space == UserNamespace.Root ? RootNumber : (ulong)_numbers.GetValue(space, static _ => NamespaceNumber.Next());
}
