using Sandbox.Linux;
using Sandbox.Sentry.Kernel.Namespaces;
using Sandbox.Sentry.Kernel.Tasks;
using Sandbox.Sentry.Security;
using Sandbox.Sentry.Vfs;

namespace Sandbox.Sentry.Filesystems.Proc.Tasks;

/// <summary>
/// A file of nsfs: what /proc/PID/ns/* lead to. Two are the same namespace if device and inode number are.
/// </summary>
internal sealed class NamespaceInode : Inode
{
    public NamespaceInode(GuestNamespace space)
        : base(AnonymousFileSystem.Namespaces, (uint)FileType.Regular | Modes.O444, 0, 0)
    {
        Namespace = space;
        Number = space.Number;
    }

    public GuestNamespace Namespace { get; }

    /// <summary>A place of its own, outside of every mount namespace.</summary>
    public static VfsPath PlaceOf(GuestNamespace space)
    {
        NamespaceInode inode = new(space);
        Dentry dentry = new(inode.FileSystem, inode);
        return new VfsPath(new Mount(inode.FileSystem, dentry, MountFlags.None), dentry);
    }

    public override Errno GetAttributes(ref Stat stat)
    {
        stat.BlockBytes = 4096;
        return Errno.Ok;
    }

    public override Errno SetAttributes(in AttributeChange change) => Errno.EPERM;

    public override Result<OpenFile> Open(VfsPath path, OpenFlags flags, ICaller caller)
    {
        if (Namespace.Target is MountNamespace mounts && !mounts.TryHold())
            return Errno.ENOENT;
        return new NamespaceFile(this, path, flags, caller.Credentials);
    }
}

/// <summary>An open namespace (ioctl_ns(2)).</summary>
internal sealed class NamespaceFile(NamespaceInode inode, VfsPath path, OpenFlags flags, Credentials credentials)
    : OpenFile(path, flags, credentials), INamespaceFile
{
    private const uint GetUser = 0xB701, GetParent = 0xB702, GetKind = 0xB703, GetOwner = 0xB704;

    public override Inode Inode => inode;

    public GuestNamespace Namespace => inode.Namespace;

    public override SyscallResult Control(ICaller caller, uint request, ulong argument)
    {
        if (caller is not Task task)
            return Errno.ENOTTY;
        switch (request)
        {
            case GetKind:
                return (long)Namespace.Type;
            case GetOwner:
                return Namespace.Target is UserNamespace owned
                    ? caller.Memory.Write(
                        new UserPtr<uint>(new UserAddress(argument)),
                        caller.Credentials.UserNamespace.UserFromKernel(owned.OwnerUserId))
                    : Errno.EINVAL;
            case GetUser:
                return Give(task, Namespace.Owner);
            case GetParent when Namespace.Target is UserNamespace user:
                return Give(task, user.Parent);
            case GetParent when Namespace.Target is PidNamespace { Parent: { } parent }
                && parent.IsSelfOrBelow(task.PidNamespace):
                return Install(task, new GuestNamespace(CloneFlags.NewPid, parent.Number, parent, parent.Owner));
            case GetParent:
                return Namespace.Target is PidNamespace ? Errno.EPERM : Errno.EINVAL;
            default:
                return Errno.ENOTTY;
        }
    }

    protected override void OnRelease() => (Namespace.Target as MountNamespace)?.LetGo();

    // Above one's own user namespace nothing is shown.
    private static SyscallResult Give(Task task, UserNamespace? space)
    {
        for (UserNamespace? above = space; above is not null; above = above.Parent)
        {
            if (above == task.Credentials.UserNamespace)
            {
                return Install(
                    task, new GuestNamespace(
                        CloneFlags.NewUser, UserNamespaceNumbers.Of(space!), space, space!.Parent));
            }
        }

        return Errno.EPERM;
    }

    private static SyscallResult Install(Task task, GuestNamespace space)
    {
        VfsPath place = NamespaceInode.PlaceOf(space);
        return place.Inode.Open(place, OpenFlags.ReadOnly, task).Failed(out OpenFile? file, out Errno error)
            ? error
            : task.Files.Install(file, closeOnExec: true, task.Group.Limits.OpenFiles);
    }
}
