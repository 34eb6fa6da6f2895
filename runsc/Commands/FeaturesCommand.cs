using System.Text.Json;
using Sandbox.Runsc.Boot;
using Sandbox.Runsc.CommandLine;
using Sandbox.Runsc.Spec;

namespace Sandbox.Runsc.Commands;

/// <summary><c>features</c>: what this runtime can do, in the runtime specification's words.</summary>
internal static class FeaturesCommand
{
    private static readonly string[] _hooks =
        ["prestart", "createRuntime", "createContainer", "poststart", "poststop"];

    private static readonly string[] _mountOptions =
    [
        "async", "atime", "bind", "defaults", "dev", "diratime", "dirsync", "exec", "noatime", "nodev", "nodiratime",
        "noexec", "norelatime", "nostrictatime", "nosuid", "private", "rbind", "relatime", "remount", "ro", "rprivate",
        "rshared", "rslave", "runbindable", "rw", "shared", "slave", "strictatime", "suid", "sync", "unbindable",
    ];

    private static readonly string[] _namespaces = ["cgroup", "ipc", "mount", "network", "pid", "user", "uts"];

    public static Command Definition { get; } = new()
    {
        Name = "features",
        Summary = "print what this runtime supports as JSON",
        Run = static (_, _) =>
        {
            using MemoryStream stream = new();
            using (Utf8JsonWriter writer = new(stream, new JsonWriterOptions { Indented = true }))
                Write(writer);
            ErrorReport.WriteTo(1, System.Text.Encoding.UTF8.GetString(stream.ToArray()) + "\n");
            return 0;
        },
    };

    private static void Write(Utf8JsonWriter writer)
    {
        writer.WriteStartObject();
        writer.WriteString("ociVersionMin", "1.0.0");
        writer.WriteString("ociVersionMax", VersionCommand.SpecificationVersion);
        WriteList(writer, "hooks", _hooks);
        WriteList(writer, "mountOptions", _mountOptions);
        writer.WriteStartObject("linux");
        WriteList(writer, "namespaces", _namespaces);
        WriteList(writer, "capabilities", CapabilityNames.All);
        writer.WriteStartObject("cgroup");
        writer.WriteBoolean("v1", true);
        writer.WriteBoolean("v2", true);
        writer.WriteBoolean("systemd", false);
        writer.WriteBoolean("systemdUser", false);
        writer.WriteEndObject();
        WriteEnabled(writer, "seccomp", false);
        WriteEnabled(writer, "apparmor", false);
        WriteEnabled(writer, "selinux", false);
        writer.WriteEndObject();
        writer.WriteStartObject("annotations");
        writer.WriteString("runsc.platforms", "notify,ptrace");
        writer.WriteString("runsc.platform", PlatformChoice.Likely);
        writer.WriteString(
            "runsc.shortcuts", PlatformChoice.Likely == "notify" ? "on" : "off: they need the notify platform");
        writer.WriteEndObject();
        writer.WriteEndObject();
    }

    private static void WriteList(Utf8JsonWriter writer, string name, string[] values)
    {
        writer.WriteStartArray(name);
        foreach (string value in values)
            writer.WriteStringValue(value);
        writer.WriteEndArray();
    }

    private static void WriteEnabled(Utf8JsonWriter writer, string name, bool enabled)
    {
        writer.WriteStartObject(name);
        writer.WriteBoolean("enabled", enabled);
        writer.WriteEndObject();
    }
}
