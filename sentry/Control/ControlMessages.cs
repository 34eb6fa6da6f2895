using System.Text.Json.Serialization;

namespace Sandbox.Sentry.Control;

/// <summary>What a command asks. Descriptors come along in the order of the field comments.</summary>
internal sealed class ControlRequest
{
    /// <summary>One of <see cref="ControlMethod"/>.</summary>
    public string Method { get; set; } = string.Empty;
    public string Container { get; set; } = string.Empty;

    /// <summary>A number from Execute, or 0 for the container's first process.</summary>
    public int Process { get; set; }
    public int Signal { get; set; }
    public bool All { get; set; }

    /// <summary>For tasks: their stacks, too.</summary>
    public bool WithStacks { get; set; }

    /// <summary>
    /// For exec. Descriptors: monitor, then console, or standard input, output, error; then the extra ones.
    /// </summary>
    public ProcessDescription? Execute { get; set; }

    /// <summary>For update.</summary>
    public LimitsDescription? Limits { get; set; }

    /// <summary>
    /// For create in a pod. Descriptors: monitor, console or the standard three, the extra ones, the Gofer's sockets,
    /// the cgroups' files.
    /// </summary>
    public ContainerDescription? Create { get; set; }
}

/// <summary>The answer.</summary>
internal sealed class ControlReply
{
    /// <summary>One line, or null for success.</summary>
    public string? Error { get; set; }

    /// <summary>For wait: the wait status (wait(2)).</summary>
    public int Status { get; set; }

    /// <summary>For exec: the process's number.</summary>
    public int Process { get; set; }
    public List<ProcessEntry>? Processes { get; set; }
    public ContainerStatistics? Statistics { get; set; }
    public CounterReport? Counters { get; set; }
    public List<TaskEntry>? Tasks { get; set; }

    /// <summary>For tasks: what runs guest code (<see cref="Sandbox.Platform.IPlatform.Description"/>).</summary>
    public string? Platform { get; set; }
}

/// <summary>The names of what can be asked.</summary>
internal static class ControlMethod
{
    public const string Create = "create", Start = "start", Execute = "exec", Signal = "signal", Wait = "wait",
        Processes = "processes", Pause = "pause", Resume = "resume", Delete = "delete", Statistics = "statistics",
        Update = "update",
        Counters = "counters", Tasks = "tasks";
}

/// <summary>Errors that commands look for.</summary>
internal static class ControlError
{
    public const string NoContainer = "container does not exist";

    /// <summary>The Sentry cannot start a thread.</summary>
    public const string NoThread = "the host has no room for another thread of the sandbox (pids limit)";
}

/// <summary>The generated readers and writers of control messages.</summary>
[JsonSourceGenerationOptions(DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(ControlRequest))]
[JsonSerializable(typeof(ControlReply))]
internal sealed partial class ControlJson : JsonSerializerContext;
