using System.Text.Json.Serialization;

namespace Sandbox.Runsc.State;

/// <summary>
/// How far a container has come, as the commands recorded it. "stopped" is never recorded: it is seen.
/// </summary>
internal enum ContainerPhase
{
    Creating,
    Created,
    Running,
    Paused,
}

/// <summary>state.json in the container's directory: all that later commands need to find it again.</summary>
internal sealed class ContainerState
{
    /// <summary>Layout of this file.</summary>
    public int Version { get; set; } = 1;
    public required string Id { get; init; }

    /// <summary>The container whose Sentry this one runs in: its own id unless it joined a pod.</summary>
    public required string SandboxId { get; init; }
    public required string Bundle { get; init; }
    public required string Rootfs { get; init; }
    public string OciVersion { get; init; } = "1.0.2";
    public ContainerPhase Phase { get; set; }

    /// <summary>RFC 3339 with nanoseconds.</summary>
    public required string Created { get; init; }
    public uint OwnerId { get; init; }
    public Dictionary<string, string>? Annotations { get; init; }

    /// <summary>Start or delete has hooks to run: only then the configuration is read again.</summary>
    public bool HasLaterHooks { get; init; }

    /// <summary>The process whose id callers get, and wait for.</summary>
    public ProcessIdentity Monitor { get; set; }
    public ProcessIdentity Sentry { get; set; }
    public ProcessIdentity Gofer { get; set; }

    /// <summary>Directories of the cgroups that were made for it.</summary>
    public string[] Cgroups { get; set; } = [];

    /// <summary>Directories of the cgroups that were made for the sandbox's own processes.</summary>
    public string[] AsideCgroups { get; set; } = [];
}

/// <summary>The generated reader and writer of state.json.</summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, UseStringEnumConverter = true,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(ContainerState))]
internal sealed partial class StateJson : JsonSerializerContext;
