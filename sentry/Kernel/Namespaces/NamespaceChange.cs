using Sandbox.Linux;
using Sandbox.Sentry.Kernel.Tasks;
using Sandbox.Sentry.Security;
using Sandbox.Sentry.Vfs;

namespace Sandbox.Sentry.Kernel.Namespaces;

/// <summary>The new namespaces that clone(2) or unshare(2) asks for; null members stay as they are.</summary>
internal sealed record NamespaceChange
{
    private static readonly NamespaceChange _none = new();

    public Credentials? Credentials { get; private init; }
    public NamespaceSet? Set { get; private init; }
    public FsContext? Fs { get; private init; }

    /// <summary>
    /// EPERM without CAP_SYS_ADMIN (a new user namespace brings it), ENOSPC when nested too deep, ENOMEM.
    /// </summary>
    public static Result<NamespaceChange> For(Task task, CloneFlags flags)
    {
        flags &= CloneFlags.NewNamespaces;
        if (flags == CloneFlags.None)
            return _none;

        Credentials credentials = task.Credentials;
        if ((flags & CloneFlags.NewUser) != 0)
        {
            if (credentials.UserNamespace.Level >= PidNamespace.MaxLevel)
                return Errno.ENOSPC;
            credentials = credentials with
            {
                UserNamespace = new UserNamespace(credentials.UserNamespace, credentials.EffectiveUserId),
                Permitted = CapabilitySet.Full,
                Effective = CapabilitySet.Full,
                Inheritable = CapabilitySet.Empty,
                Ambient = CapabilitySet.Empty,
                Bounding = CapabilitySet.Full,
                SecureBits = 0,
            };
        }

        UserNamespace owner = credentials.UserNamespace;
        if ((flags & ~CloneFlags.NewUser) != 0 && !credentials.Has(Capability.SysAdmin, owner))
            return Errno.EPERM;
        if ((flags & CloneFlags.NewPid) != 0 && task.Namespaces.PidForChildren.Level >= PidNamespace.MaxLevel)
            return Errno.ENOSPC;

        NamespaceSet old = task.Namespaces;
        NamespaceSet set = old with
        {
            Uts = (flags & CloneFlags.NewUts) != 0
                ? new UtsNamespace(old.Uts.HostName, old.Uts.DomainName, owner)
                : old.Uts,
            Ipc = (flags & CloneFlags.NewIpc) != 0 ? new IpcNamespace(owner) : old.Ipc,
            Network = (flags & CloneFlags.NewNet) != 0
                ? new NetworkNamespace(owner) { IsLoopbackUp = false }
                : old.Network,
            Cgroup = (flags & CloneFlags.NewCgroup) != 0
                ? new CgroupNamespace(owner, NamespaceNumber.Next(), task.Group.Cgroup)
                : old.Cgroup,
            PidForChildren = (flags & CloneFlags.NewPid) != 0
                ? new PidNamespace(old.PidForChildren, owner)
                : old.PidForChildren,
        };
        FsContext? fs = null;
        if ((flags & CloneFlags.NewMount) != 0 && task.Fs.Unshare(owner).Failed(out fs, out Errno error))
            return error;
        return new NamespaceChange { Credentials = credentials, Set = set, Fs = fs };
    }
}
