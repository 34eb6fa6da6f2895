using Sandbox.Sentry.Kernel.Containers;
using Sandbox.Sentry.Vfs;

namespace Sandbox.Sentry.Kernel.Namespaces;

/// <summary>
/// A task's namespaces apart from user (in its credentials), pid (in its id) and mount (in its FsContext). Immutable;
/// unshare and setns replace it (namespaces(7)).
/// </summary>
internal sealed record NamespaceSet
{
    public required UtsNamespace Uts { get; init; }
    public required IpcNamespace Ipc { get; init; }
    public required NetworkNamespace Network { get; init; }
    public CgroupNamespace Cgroup { get; init; } = CgroupNamespace.Initial;

    /// <summary>Where children's pids are made; differs from the task's own after unshare(CLONE_NEWPID).</summary>
    public required PidNamespace PidForChildren { get; init; }

    /// <summary>The container the task belongs to.</summary>
    public required Container Container { get; init; }
}

/// <summary>Host and domain name (uts_namespaces(7)). Both are at most 64 bytes and replaced as a whole.</summary>
internal sealed class UtsNamespace(byte[] hostName, byte[] domainName, Security.UserNamespace owner)
{
    public byte[] HostName { get; set; } = hostName;
    public byte[] DomainName { get; set; } = domainName;
    public Security.UserNamespace Owner { get; } = owner;
    public ulong Number { get; } = NamespaceNumber.Next();
}

/// <summary>System V objects and POSIX message queues (ipc_namespaces(7)); filled in by the layers above.</summary>
internal sealed class IpcNamespace(Security.UserNamespace owner)
{
    public Security.UserNamespace Owner { get; } = owner;
    public ulong Number { get; } = NamespaceNumber.Next();

    /// <summary>The System V objects, made at first use.</summary>
    public SystemV.SystemVObjects? SystemV;

    /// <summary>Sysctls of the System V objects.</summary>
    public SystemV.IpcLimits Limits { get; } = new();

    /// <summary>The POSIX message queues, made at first use by Filesystems.</summary>
    public object? MessageQueues;

    /// <summary>Sysctls of the POSIX message queues.</summary>
    public PosixQueues.QueueLimits QueueLimits { get; } = new();
}

/// <summary>
/// From which cgroup on its members see the tree (cgroup_namespaces(7)).
/// </summary>
/// <param name="owner">Whose capabilities count.</param>
/// <param name="number">As /proc/PID/ns shows it.</param>
/// <param name="root">What they see as "/"; null for their container's.</param>
internal sealed class CgroupNamespace(Security.UserNamespace owner, ulong number, GuestCgroup? root)
{
    private const ulong InitialNumber = 4026531835; // Linux's.

    public static CgroupNamespace Initial { get; } = new(Security.UserNamespace.Root, InitialNumber, null);

    public Security.UserNamespace Owner { get; } = owner;
    public ulong Number { get; } = number;
    public GuestCgroup? Root { get; } = root;

    /// <summary>The path of a group as members see it: what lies outside of theirs is "/..".</summary>
    public string PathOf(GuestCgroup group)
    {
        if (Root?.Parent is null)
            return group.Path;
        return !group.IsSelfOrBelow(Root) ? "/.." : group == Root ? "/" : group.Path[Root.Path.Length..];
    }
}

/// <summary>Whether a network namespace of the sandbox stands for one of the host's.</summary>
internal enum HostNetwork
{
    /// <summary>It has a loopback of its own in the Sentry, and nothing else.</summary>
    Never,

    /// <summary>
    /// If somebody has given the host's namespace an address or a route by the time it is first used.
    /// </summary>
    WhenConfigured,

    Always,
}

/// <summary>What others than sockets need to know of a network stack.</summary>
internal interface INetworkStack
{
    /// <summary>Its internet sockets are the host's.</summary>
    bool IsHost { get; }

    /// <summary>net.ipv4.ip_unprivileged_port_start: below it only CAP_NET_BIND_SERVICE binds.</summary>
    int FirstUnprivilegedPort { get; set; }
}

/// <summary>Interfaces, ports, abstract unix names (network_namespaces(7)); filled in by Sockets.</summary>
internal sealed class NetworkNamespace(Security.UserNamespace owner)
{
    public Security.UserNamespace Owner { get; } = owner;
    public ulong Number { get; } = NamespaceNumber.Next();

    /// <summary>Whether the host's network namespace that the Sentry is in stands behind it.</summary>
    public HostNetwork Host { get; init; }

    /// <summary>
    /// True if its loopback is ready from the first, as a runtime leaves it; unshare(2) makes one that is down.
    /// </summary>
    public bool IsLoopbackUp { get; init; } = true;

    /// <summary>net.ipv4.ip_unprivileged_port_start, if the configuration sets it.</summary>
    public int? FirstUnprivilegedPort { get; set; }

    /// <summary>The network stack, made at first use by Sockets.</summary>
    public INetworkStack? Stack;
}
