using System.Globalization;
using Sandbox.Runsc.CommandLine;
using Sandbox.Runsc.Spec;
using Sandbox.Runsc.State;

namespace Sandbox.Runsc.Launch;

/// <summary>
/// Which sandbox a new container belongs to: one of its own, or one that exists, named by the annotations of
/// Kubernetes' runtimes or by a namespace of a container in it; and with which containers there it shares namespaces.
/// </summary>
internal sealed class Membership
{
    private static readonly string[] _shareable = ["pid", "network", "ipc", "uts"];

    /// <summary>
    /// Annotations that say what a container is, and which sandbox it belongs to: containerd's, then CRI-O's.
    /// </summary>
    private static readonly (string Type, string Sandbox)[] _annotations =
    [
        ("io.kubernetes.cri.container-type", "io.kubernetes.cri.sandbox-id"),
        ("io.kubernetes.cri-o.ContainerType", "io.kubernetes.cri-o.SandboxID"),
    ];

    private readonly Dictionary<string, string> _shared = []; // Namespace type to container.

    private Membership(string id, ContainerState? sandbox) => (Id, Sandbox) = (id, sandbox);

    /// <summary>The new container's id.</summary>
    public string Id { get; }

    /// <summary>The sandbox it joins, by the state of the sandbox's own container; null for a new one.</summary>
    public ContainerState? Sandbox { get; }

    /// <summary>The sandbox's id.</summary>
    public string SandboxId => Sandbox?.Id ?? Id;

    /// <summary>Finds out. Fails if the sandbox it should join is gone, or it names two.</summary>
    public static Membership Find(string id, Specification specification, StateDirectory states)
    {
        NamespaceSpec[] namespaces = specification.Linux?.Namespaces ?? [];
        Dictionary<string, ContainerState> owners = Owners(namespaces, states);
        string? sandboxId = Annotated(specification.Annotations, states);
        foreach ((string type, ContainerState owner) in owners)
        {
            sandboxId ??= owner.SandboxId;
            if (owner.SandboxId != sandboxId)
            {
                throw new Failure(
                    $"config.json: linux.namespaces: {type} is of sandbox {owner.SandboxId}, but the container is in {sandboxId}");
            }
        }

        if (sandboxId is null || sandboxId == id)
            return new Membership(id, null);
        ContainerState sandbox = Peek(states, sandboxId)
            ?? throw new Failure($"sandbox \"{sandboxId}\" does not exist");
        if (ContainerLife.Status(sandbox) is "stopped" or "creating")
            throw new Failure($"sandbox {sandboxId}: container not running");
        Membership membership = new(id, sandbox);
        foreach (string type in _shareable)
        {
            NamespaceSpec? own = Array.Find(namespaces, item => item.Type == type);
            // No entry means the host's, and a path that is none of ours the pod's:
            // for a member both are the sandbox's.
            if (own is null || !string.IsNullOrEmpty(own.Path))
                membership._shared[type] = owners.TryGetValue(type, out ContainerState? owner) ? owner.Id : sandboxId;
        }

        return membership;
    }

    /// <summary>The container whose namespace of a type this one shares, or null if it has its own.</summary>
    public string? Shared(string type) => _shared.GetValueOrDefault(type);

    private static string? Annotated(Dictionary<string, string>? annotations, StateDirectory states)
    {
        foreach ((string type, string sandbox) in _annotations)
        {
            if (annotations?.GetValueOrDefault(type) != "container"
                || annotations.GetValueOrDefault(sandbox) is not { Length: > 0 } id)
                continue;
            StateDirectory.CheckId(id);
            // Podman writes a pod's id here, which is no container's: then the namespaces tell.
            if (Peek(states, id) is not null || type == _annotations[0].Type)
                return id;
        }

        return null;
    }

    /// <summary>The containers of ours whose monitors' namespaces are joined, by namespace type.</summary>
    private static Dictionary<string, ContainerState> Owners(NamespaceSpec[] namespaces, StateDirectory states)
    {
        Dictionary<string, ContainerState> owners = [];
        List<ContainerState>? all = null;
        foreach (NamespaceSpec item in namespaces)
        {
            if (Array.IndexOf(_shareable, item.Type) < 0 || ProcessOf(item.Path) is not { } process)
                continue;
            all ??= Living(states);
            if (all.Find(state => state.Monitor.Id == process) is { } owner)
                owners[item.Type!] = owner;
        }

        return owners;
    }

    /// <summary>PID of /proc/PID/ns/TYPE.</summary>
    private static int? ProcessOf(string? path)
    {
        const int process = 2, words = 5;
        string[] parts = path?.Split('/') ?? [];
        return parts.Length == words && parts[1] == "proc" && parts[process + 1] == "ns"
            && int.TryParse(parts[process], NumberStyles.None, CultureInfo.InvariantCulture, out int id) ? id : null;
    }

    private static List<ContainerState> Living(StateDirectory states)
    {
        List<ContainerState> living = [];
        foreach (string id in states.List())
        {
            if (Peek(states, id) is { } state && state.Monitor.IsAlive)
                living.Add(state);
        }

        return living;
    }

    /// <summary>
    /// Reads a state without the container's lock, which its own command may hold for long: it is replaced in one step.
    /// </summary>
    private static ContainerState? Peek(StateDirectory states, string id) => ContainerDirectory.Peek(states.PathOf(id));
}
