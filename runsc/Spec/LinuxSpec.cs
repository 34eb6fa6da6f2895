using System.Text.Json;

namespace Sandbox.Runsc.Spec;

/// <summary>The "linux" part of config.json.</summary>
internal sealed class LinuxSpec
{
    public IdMappingSpec[]? UidMappings { get; set; }
    public IdMappingSpec[]? GidMappings { get; set; }
    public Dictionary<string, string>? Sysctl { get; set; }
    public ResourcesSpec? Resources { get; set; }
    public string? CgroupsPath { get; set; }
    public NamespaceSpec[]? Namespaces { get; set; }
    public DeviceSpec[]? Devices { get; set; }
    public SeccompSpec? Seccomp { get; set; }
    public string? RootfsPropagation { get; set; }
    public string[]? MaskedPaths { get; set; }
    public string[]? ReadonlyPaths { get; set; }
    public string? MountLabel { get; set; }
    public Dictionary<string, TimeOffsetSpec>? TimeOffsets { get; set; }
    public PersonalitySpec? Personality { get; set; }
    public JsonElement? IntelRdt { get; set; }
    public JsonElement? MemoryPolicy { get; set; }
    public Dictionary<string, JsonElement>? NetDevices { get; set; }
}

/// <summary>A range of ids.</summary>
internal sealed class IdMappingSpec
{
    public uint ContainerID { get; set; }
    public uint HostID { get; set; }
    public uint Size { get; set; }
}

/// <summary>
/// A namespace the container gets ("pid", "network", "mount", "ipc", "uts", "user", "cgroup", "time") or joins.
/// </summary>
internal sealed class NamespaceSpec
{
    public string? Type { get; set; }
    public string? Path { get; set; }
}

/// <summary>A device node to make in the container.</summary>
internal sealed class DeviceSpec
{
    public string? Path { get; set; }
    public string? Type { get; set; }
    public long Major { get; set; }
    public long Minor { get; set; }

    /// <summary>May come with file type bits: mask with 07777.</summary>
    public uint? FileMode { get; set; }
    public uint? Uid { get; set; }
    public uint? Gid { get; set; }
}

/// <summary>Offset of a clock of the time namespace.</summary>
internal sealed class TimeOffsetSpec
{
    public long Secs { get; set; }
    public uint Nanosecs { get; set; }
}

/// <summary>A seccomp filter for the container's processes, installed inside the sandbox.</summary>
internal sealed class SeccompSpec
{
    public string? DefaultAction { get; set; }
    public uint? DefaultErrnoRet { get; set; }
    public string[]? Architectures { get; set; }
    public string[]? Flags { get; set; }
    public string? ListenerPath { get; set; }
    public string? ListenerMetadata { get; set; }
    public SeccompRuleSpec[]? Syscalls { get; set; }
}

/// <summary>One rule of a filter.</summary>
internal sealed class SeccompRuleSpec
{
    public string[]? Names { get; set; }
    public string? Action { get; set; }
    public uint? ErrnoRet { get; set; }
    public SeccompArgumentSpec[]? Args { get; set; }
}

/// <summary>A condition on an argument.</summary>
internal sealed class SeccompArgumentSpec
{
    public uint Index { get; set; }
    public ulong Value { get; set; }
    public ulong ValueTwo { get; set; }
    public string? Op { get; set; }
}
