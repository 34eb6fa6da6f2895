using System.Text;
using Sandbox.Linux;
using Sandbox.Runsc.CommandLine;
using Sandbox.Runsc.Spec;
using static Tmds.Linux.LibC;

namespace Sandbox.Runsc.Launch;

/// <summary>
/// The host's network namespace behind a container: the one its configuration names, a new one, or the host's own.
/// Monitor and Sentry are both in it, so that what an engine configures through /proc/PID/ns/net is what the
/// container's sockets use. Needs root; without it the container has the Sentry's own loopback.
/// </summary>
internal sealed class ContainerNetwork : IDisposable
{
    private const uint SetInterfaceFlags = 0x8914;
    private const string ProcSys = "/proc/sys/";

    private readonly HostFd? _namespace;

    private ContainerNetwork(bool isUsed, HostFd? space) => (IsUsed, _namespace) = (isUsed, space);

    /// <summary>True if the Sentry is to be started in it.</summary>
    public bool IsUsed { get; }

    /// <summary>What the monitor joins in place of a new namespace; null if it has nothing to join.</summary>
    public HostFd? Created { get; private init; }

    /// <summary>Opens or makes it. Fails naming a namespace that cannot be opened.</summary>
    public static ContainerNetwork For(GlobalOptions options, LinuxSpec linux)
    {
        NamespaceSpec? own = Array.Find(linux.Namespaces ?? [], static item => item.Type == "network");
        if (options.Network == "none" || geteuid() != 0)
            return new ContainerNetwork(false, null);
        if (own is null)
            return new ContainerNetwork(true, null);
        bool isNew = string.IsNullOrEmpty(own.Path);
        HostFd space = isNew ? Create() : Open(own.Path!);
        ContainerNetwork network = new(true, space) { Created = isNew ? space : null };
        network.Within(() => Prepare(linux, isNew));
        return network;
    }

    /// <summary>Does something on this thread in the namespace: starts a child, writes its settings.</summary>
    public void Within(Action action)
    {
        if (_namespace is null)
        {
            action();
            return;
        }

        using HostFd old = Open("/proc/thread-self/ns/net");
        Enter(_namespace);
        try
        {
            action();
        }
        finally
        {
            Enter(old);
        }
    }

    public void Dispose() => _namespace?.Dispose();

    private static HostFd Create()
    {
        using HostFd old = Open("/proc/thread-self/ns/net");
        if (unshare(CLONE_NEWNET) != 0)
            throw new Failure($"make a network namespace: {(Errno)errno}");
        try
        {
            return Open("/proc/thread-self/ns/net");
        }
        finally
        {
            Enter(old);
        }
    }

    /// <summary>
    /// What any runtime leaves ready: the loopback up in a new namespace, and the configuration's net sysctls. The
    /// Sentry has no privilege in the namespace: low ports and pings are open to it,
    /// and it decides for the container's processes.
    /// </summary>
    private static void Prepare(LinuxSpec linux, bool isNew)
    {
        if (isNew)
            BringLoopbackUp();
        WriteSetting("net.ipv4.ip_unprivileged_port_start", "0");
        WriteSetting("net.ipv4.ping_group_range", "0 2147483647");
        foreach ((string name, string value) in linux.Sysctl ?? [])
        {
            bool isOurs = name is "net.ipv4.ip_unprivileged_port_start" or "net.ipv4.ping_group_range";
            if (name.StartsWith("net.", StringComparison.Ordinal) && !isOurs && !WriteSetting(name, value))
                throw new Failure($"config.json: linux.sysctl: {name}: the host does not take \"{value}\"");
        }
    }

    private static void BringLoopbackUp()
    {
        const int inet = 2, datagram = 2, flagsOffset = 16, requestBytes = 40;
        const byte upAndRunning = 0x41;
        if (HostInet.Create(inet, datagram, 0).Failed(out int fd, out _))
            return;
        using HostFd owner = new(fd);
        Span<byte> request = stackalloc byte[requestBytes];
        request.Clear();
        "lo"u8.CopyTo(request);
        request[flagsOffset] = upAndRunning;
        _ = HostInet.Control(fd, SetInterfaceFlags, request);
    }

    // A dot of an interface's name is written as a slash (sysctl.d(5)).
    private static bool WriteSetting(string name, string value)
    {
        char[] path = name.ToCharArray();
        for (int index = 0; index < path.Length; index++)
            path[index] = path[index] switch { '.' => '/', '/' => '.', char other => other };
        string file = ProcSys + new string(path);
        if (file.Contains("..", StringComparison.Ordinal))
            return false;
        if (HostFile.OpenAt(HostFile.CurrentDirectory, Encoding.UTF8.GetBytes(file), OpenFlags.WriteOnly
            | OpenFlags.CloseOnExec).Failed(out int fd, out _))
            return false;
        using HostFd owner = new(fd);
        return HostFile.Write(fd, Encoding.UTF8.GetBytes(value)).Error == Errno.Ok;
    }

    private static HostFd Open(string path) =>
        HostFile.OpenAt(HostFile.CurrentDirectory, Encoding.UTF8.GetBytes(path), OpenFlags.CloseOnExec).Failed(
            out int fd, out Errno error)
            ? throw new Failure($"config.json: linux.namespaces: open {path}: {HostRoots.Describe(error)}")
            : new HostFd(fd);

    private static void Enter(HostFd space)
    {
        if (setns(space.Number, CLONE_NEWNET) != 0)
            throw new Failure($"config.json: linux.namespaces: join the network namespace: {(Errno)errno}");
    }
}
