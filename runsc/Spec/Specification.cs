using System.Text.Json;

namespace Sandbox.Runsc.Spec;

/// <summary>
/// A bundle's config.json (OCI runtime specification 1.0 to 1.3), as far as this runtime reads it. Unknown fields are
/// ignored, as the specification demands. Absent lists are null.
/// </summary>
internal sealed class Specification
{
    public string? OciVersion { get; set; }
    public ProcessSpec? Process { get; set; }
    public RootSpec? Root { get; set; }
    public string? Hostname { get; set; }
    public string? Domainname { get; set; }
    public MountSpec[]? Mounts { get; set; }
    public HooksSpec? Hooks { get; set; }
    public Dictionary<string, string>? Annotations { get; set; }
    public LinuxSpec? Linux { get; set; }
    public JsonElement? Vm { get; set; }
    public JsonElement? Windows { get; set; }
    public JsonElement? Solaris { get; set; }
    public JsonElement? Zos { get; set; }
    public JsonElement? Freebsd { get; set; }
}

/// <summary>The container's root file system.</summary>
internal sealed class RootSpec
{
    /// <summary>Absolute, or relative to the bundle.</summary>
    public string? Path { get; set; }
    public bool Readonly { get; set; }
}

/// <summary>One mount, in order.</summary>
internal sealed class MountSpec
{
    public string? Destination { get; set; }
    public string? Type { get; set; }
    public string? Source { get; set; }
    public string[]? Options { get; set; }
    public IdMappingSpec[]? UidMappings { get; set; }
    public IdMappingSpec[]? GidMappings { get; set; }
}

/// <summary>Programs of the caller that run at points of the container's life.</summary>
internal sealed class HooksSpec
{
    public HookSpec[]? Prestart { get; set; }
    public HookSpec[]? CreateRuntime { get; set; }
    public HookSpec[]? CreateContainer { get; set; }
    public HookSpec[]? StartContainer { get; set; }
    public HookSpec[]? Poststart { get; set; }
    public HookSpec[]? Poststop { get; set; }
}

/// <summary>One hook.</summary>
internal sealed class HookSpec
{
    public string? Path { get; set; }
    public string[]? Args { get; set; }
    public string[]? Env { get; set; }

    /// <summary>Seconds; null waits for ever.</summary>
    public int? Timeout { get; set; }
}
