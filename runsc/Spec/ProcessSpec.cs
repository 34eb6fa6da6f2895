using System.Text.Json;
using System.Text.Json.Serialization;

namespace Sandbox.Runsc.Spec;

/// <summary>A process: of config.json, or of the file <c>exec --process</c> names.</summary>
internal sealed class ProcessSpec
{
    public bool Terminal { get; set; }
    public ConsoleSizeSpec? ConsoleSize { get; set; }
    public UserSpec? User { get; set; }
    public string[]? Args { get; set; }
    public string[]? Env { get; set; }
    public string? Cwd { get; set; }
    public CapabilitiesSpec? Capabilities { get; set; }
    public RlimitSpec[]? Rlimits { get; set; }
    public bool NoNewPrivileges { get; set; }
    public string? ApparmorProfile { get; set; }
    public int? OomScoreAdj { get; set; }
    public string? SelinuxLabel { get; set; }
    public SchedulerSpec? Scheduler { get; set; }
    public IoPrioritySpec? IoPriority { get; set; }

    [JsonPropertyName("execCPUAffinity")]
    public JsonElement? ExecCpuAffinity { get; set; }
    public string? CommandLine { get; set; }
}

/// <summary>The terminal's size in characters.</summary>
internal sealed class ConsoleSizeSpec
{
    public uint Height { get; set; }
    public uint Width { get; set; }
}

/// <summary>The process's ids inside the container.</summary>
internal sealed class UserSpec
{
    public uint Uid { get; set; }
    public uint Gid { get; set; }
    public uint? Umask { get; set; }
    public uint[]? AdditionalGids { get; set; }
    public string? Username { get; set; }
}

/// <summary>Capability names ("CAP_CHOWN"); unknown ones are ignored.</summary>
internal sealed class CapabilitiesSpec
{
    public string[]? Bounding { get; set; }
    public string[]? Effective { get; set; }
    public string[]? Inheritable { get; set; }
    public string[]? Permitted { get; set; }
    public string[]? Ambient { get; set; }
}

/// <summary>One limit ("RLIMIT_NOFILE"), enforced inside the sandbox.</summary>
internal sealed class RlimitSpec
{
    public string? Type { get; set; }
    public ulong Hard { get; set; }
    public ulong Soft { get; set; }
}
