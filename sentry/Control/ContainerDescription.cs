using Sandbox.Sentry.Filesystems.Gofer;

namespace Sandbox.Sentry.Control;

/// <summary>
/// A container to make: what of config.json concerns the virtual kernel, already checked and decoded.
/// </summary>
internal sealed class ContainerDescription
{
    public string Id { get; set; } = string.Empty;
    public ProcessDescription Process { get; set; } = new();
    public string Hostname { get; set; } = string.Empty;
    public string Domainname { get; set; } = string.Empty;

    /// <summary>The mount at "/" first, the others in their order.</summary>
    public MountDescription[] Mounts { get; set; } = [];
    public bool RootIsReadOnly { get; set; }

    /// <summary>Writes below "/" stay in memory: the gofer's root gets an overlay on top.</summary>
    public bool OverlaysRoot { get; set; }

    /// <summary>How far what the Gofer says of the root file system may be believed later.</summary>
    public GoferCaching RootCaching { get; set; }
    public string[] MaskedPaths { get; set; } = [];
    public string[] ReadOnlyPaths { get; set; } = [];
    public DeviceDescription[] Devices { get; set; } = [];
    public Dictionary<string, string> Sysctl { get; set; } = [];

    /// <summary>
    /// net.ipv4.ip_unprivileged_port_start of the configuration: who may bind which port is decided in the sandbox.
    /// </summary>
    public int? FirstUnprivilegedPort { get; set; }

    /// <summary>
    /// The classic BPF program (struct sock_filter[]) every process of the container starts under; empty for none.
    /// </summary>
    public byte[] SeccompProgram { get; set; } = [];

    /// <summary>What the program denies is logged.</summary>
    public bool SeccompLogsDenials { get; set; }

    /// <summary>
    /// The container of the same sandbox whose pid namespace this one shares; null for its own. So with the others.
    /// </summary>
    public string? SharesPidWith { get; set; }
    public string? SharesNetworkWith { get; set; }
    public string? SharesIpcWith { get; set; }
    public string? SharesUtsWith { get; set; }

    public LimitsDescription Limits { get; set; } = new();

    /// <summary>
    /// What the files of its cgroups are that come along (<see cref="Platform.HostCgroupFile"/>), in their order.
    /// </summary>
    public string[] CgroupFiles { get; set; } = [];
}

/// <summary>One mount(2) to make.</summary>
internal sealed class MountDescription
{
    /// <summary>In <see cref="Flags"/>, beside the MS_* bits: "tmpcopyup".</summary>
    public const ulong TemporaryCopy = 1ul << 40;

    public string Destination { get; set; } = "/";

    /// <summary>"bind" for files of the host (through the Gofer), else a file system's name.</summary>
    public string Type { get; set; } = string.Empty;
    public string Source { get; set; } = string.Empty;

    /// <summary>MS_* bits.</summary>
    public ulong Flags { get; set; }

    /// <summary>The options that are no flags, with commas: "size=65536k,mode=755".</summary>
    public string Data { get; set; } = string.Empty;

    /// <summary>The Gofer's root to attach to; -1 if it is no bind mount.</summary>
    public int GoferRoot { get; set; } = -1;

    /// <summary>A bind mount of something else than a directory.</summary>
    public bool IsFile { get; set; }
}

/// <summary>A device node to make; guests only ever reach the sandbox's own devices.</summary>
internal sealed class DeviceDescription
{
    public string Path { get; set; } = string.Empty;

    /// <summary>With the type bits.</summary>
    public uint Mode { get; set; }
    public uint Major { get; set; }
    public uint Minor { get; set; }
    public uint UserId { get; set; }
    public uint GroupId { get; set; }
}
