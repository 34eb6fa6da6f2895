using Sandbox.Linux;
using Sandbox.Sentry.Kernel.Containers;
using Sandbox.Sentry.Kernel.Namespaces;
using Sandbox.Sentry.Kernel.PosixQueues;
using Sandbox.Sentry.Kernel.SystemV;
using Sandbox.Sentry.Security;

namespace Sandbox.Sentry.Control;

/// <summary>
/// The namespaces a container starts with: each is its own unless the description names a container of the same sandbox
/// to share it with, as the containers of a pod do.
/// </summary>
internal sealed class ContainerNamespaces(Kernel.Kernel kernel, HostNetwork network, Func<string, Container?> find)
{
    private string? _missing;

    /// <summary>Null and an error if a container to share with is not there (any more).</summary>
    public NamespaceSet? Make(ContainerDescription description, Container made, out string? error)
    {
        NamespaceSet set = new()
        {
            Uts = Of(description.SharesUtsWith)?.Uts
                ?? new UtsNamespace(Utf8(description.Hostname), Utf8(description.Domainname), UserNamespace.Root),
            Ipc = Of(description.SharesIpcWith)?.Ipc ?? new IpcNamespace(UserNamespace.Root),
            Network = Of(description.SharesNetworkWith)?.Network ?? new NetworkNamespace(UserNamespace.Root)
            {
                Host = network, FirstUnprivilegedPort = description.FirstUnprivilegedPort,
            },
            PidForChildren = Of(description.SharesPidWith)?.PidForChildren
                ?? new PidNamespace(kernel.RootPids, UserNamespace.Root),
            Container = made,
        };
        error = _missing is null
            ? SetLimits(set.Ipc, description)
            : $"container \"{_missing}\", whose namespaces it shares, does not exist";
        return error is null ? set : null;
    }

    // linux.sysctl fs.mqueue.* and kernel.{shm,msg,sem}*. As with runc, the namespace is set also if it is another
    // container's.
    private static string? SetLimits(IpcNamespace ipc, ContainerDescription description)
    {
        const string queues = "fs.mqueue.", kernel = "kernel.";
        foreach ((string name, string value) in description.Sysctl)
        {
            Errno error = Errno.Ok;
            if (name.StartsWith(queues, StringComparison.Ordinal))
            {
                int limit = Array.IndexOf(QueueLimits.Names, name[queues.Length..]);
                error = limit < 0 ? Errno.ENOENT : ipc.QueueLimits.Set((QueueLimit)limit, Utf8(value));
            }
            else if (name.StartsWith(kernel, StringComparison.Ordinal))
            {
                int file = Array.FindIndex(IpcLimits.Files, item => item.Name == name[kernel.Length..]);
                if (file >= 0)
                    error = ipc.Limits.Set(IpcLimits.Files[file].First, IpcLimits.Files[file].Count, Utf8(value));
            }

            if (error != Errno.Ok)
                return $"linux.sysctl: {name}: \"{value}\": {ErrnoText.Of(error)}";
        }

        return null;
    }

    private NamespaceSet? Of(string? container)
    {
        if (container is null)
            return null;
        if (find(container) is { Namespaces: { } namespaces })
            return namespaces;
        _missing = container;
        return null;
    }

    private static byte[] Utf8(string text) => System.Text.Encoding.UTF8.GetBytes(text);
}
