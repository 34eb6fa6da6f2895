using System.Text.Json.Serialization;
using Sandbox.Sentry.Control;

namespace Sandbox.Runsc.Boot;

/// <summary>
/// All that the Sentry is started with; it comes as JSON in descriptor <see cref="DescriptionFd"/>. Numbers ending in
/// Fd are its own.
/// </summary>
internal sealed class BootDescription
{
    /// <summary>Where this description itself is found.</summary>
    public const int DescriptionFd = 3;

    /// <summary>The sandbox's own container.</summary>
    public ContainerDescription Container { get; set; } = new();

    /// <summary>One of <see cref="PlatformChoice.Names"/>.</summary>
    public string Platform { get; set; } = PlatformChoice.Names[0];

    /// <summary>"none"; "auto" or "host": it is in the container's network namespace.</summary>
    public string Network { get; set; } = "none";
    public bool IsDebug { get; set; }

    /// <summary>"error", "warning", "info" or "debug".</summary>
    public string LogLevel { get; set; } = "info";
    public bool Strace { get; set; }

    /// <summary>The calls that are traced; empty for all.</summary>
    public string[] StraceSyscalls { get; set; } = [];
    public bool StraceSummary { get; set; }
    public bool DirectMemory { get; set; } = true;
    public bool FastPath { get; set; }
    public bool FsGsBase { get; set; } = true;

    /// <summary>The runtime's diagnostic port is opened, and latencies are measured.</summary>
    public bool Diagnostics { get; set; }

    /// <summary>The container starts as soon as it is made, without a command of its own.</summary>
    public bool StartsAtOnce { get; set; }

    /// <summary>Listening control socket.</summary>
    public int ControlFd { get; set; } = -1;

    /// <summary>Pipe to the command: "+" when the container is made, or the reason why it is not.</summary>
    public int StatusFd { get; set; } = -1;

    /// <summary>Socket to the container's monitor.</summary>
    public int MonitorFd { get; set; } = -1;

    /// <summary>Slave of the host's terminal, or -1.</summary>
    public int ConsoleFd { get; set; } = -1;

    /// <summary>The container's standard input, output and error; empty with a console.</summary>
    public int[] StandardFds { get; set; } = [];

    /// <summary>--preserve-fds.</summary>
    public int[] ExtraFds { get; set; } = [];
    public int[] GoferFds { get; set; } = [];

    /// <summary>Files of the container's cgroups: those that its description names.</summary>
    public int[] CgroupFds { get; set; } = [];

    /// <summary>The sandbox's log, or -1.</summary>
    public int LogFd { get; set; } = -1;

    /// <summary>The host's /proc/cpuinfo, or -1.</summary>
    public int CpuInfoFd { get; set; } = -1;
}

/// <summary>The generated reader and writer of boot descriptions.</summary>
[JsonSourceGenerationOptions(DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(BootDescription))]
internal sealed partial class BootJson : JsonSerializerContext;
