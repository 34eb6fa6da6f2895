using Sandbox.Runsc.CommandLine;

namespace Sandbox.Runsc.Spec;

/// <summary>
/// What must hold before anything is done with a bundle. Every message is "file: field: what is wrong".
/// </summary>
internal static class SpecValidation
{
    private static readonly string[] _namespaceTypes =
        ["pid", "network", "mount", "ipc", "uts", "user", "cgroup", "time"];

    /// <summary>In the order of their numbers (getrlimit(2)).</summary>
    public static readonly string[] RlimitTypes =
    [
        "RLIMIT_CPU", "RLIMIT_FSIZE", "RLIMIT_DATA", "RLIMIT_STACK", "RLIMIT_CORE", "RLIMIT_RSS", "RLIMIT_NPROC",
        "RLIMIT_NOFILE", "RLIMIT_MEMLOCK", "RLIMIT_AS", "RLIMIT_LOCKS", "RLIMIT_SIGPENDING", "RLIMIT_MSGQUEUE",
        "RLIMIT_NICE", "RLIMIT_RTPRIO", "RLIMIT_RTTIME",
    ];

    public static void Check(Specification specification, string file)
    {
        if (string.IsNullOrEmpty(specification.OciVersion))
            Fail(file, "ociVersion", "must be set");
        if (!specification.OciVersion!.StartsWith("1.", StringComparison.Ordinal))
            Fail(file, "ociVersion", $"\"{specification.OciVersion}\" is not supported (1.0 to 1.3 are)");
        if (specification.Process is null)
            Fail(file, "process", "must be set");
        CheckProcess(specification.Process!, file, "process.");
        if (specification.Root is null)
            Fail(file, "root", "must be set");
        if (string.IsNullOrEmpty(specification.Root!.Path))
            Fail(file, "root.path", "must not be empty");
        CheckHostname(specification.Hostname, file);
        CheckMounts(specification.Mounts ?? [], file);
        if (specification.Linux is { } linux)
            CheckLinux(linux, file);
        CheckHooks(specification.Hooks, file);
    }

    /// <summary>
    /// Checks a process; <paramref name="prefix"/> is where it stands in the file ("process." or nothing).
    /// </summary>
    public static void CheckProcess(ProcessSpec process, string file, string prefix)
    {
        if (process.Args is null || process.Args.Length == 0)
            Fail(file, prefix + "args", "must not be empty");
        if (process.Args![0] is null or "")
            Fail(file, prefix + "args[0]", "must not be empty");
        CheckStrings(process.Args, file, prefix + "args");
        CheckStrings(process.Env ?? [], file, prefix + "env");
        if (string.IsNullOrEmpty(process.Cwd))
            Fail(file, prefix + "cwd", "must not be empty");
        if (!process.Cwd!.StartsWith('/'))
            Fail(file, prefix + "cwd", $"\"{process.Cwd}\" must be an absolute path");
        RlimitSpec[] limits = process.Rlimits ?? [];
        for (int index = 0; index < limits.Length; index++)
        {
            string field = $"{prefix}rlimits[{index}]";
            if (limits[index] is null || Array.IndexOf(RlimitTypes, limits[index].Type) < 0)
                Fail(file, field + ".type", $"\"{limits[index]?.Type}\" is not a resource limit");
            if (limits[index].Soft > limits[index].Hard)
                Fail(file, field + ".soft", $"{limits[index].Soft} is above the hard limit {limits[index].Hard}");
            for (int other = 0; other < index; other++)
            {
                if (limits[other].Type == limits[index].Type)
                    Fail(file, field + ".type", $"\"{limits[index].Type}\" is given twice");
            }
        }
    }

    private static void CheckStrings(string[] strings, string file, string field)
    {
        for (int index = 0; index < strings.Length; index++)
        {
            if (strings[index] is null || strings[index].Contains('\0', StringComparison.Ordinal))
                Fail(file, $"{field}[{index}]", "must be a string without NUL");
        }
    }

    private static void CheckHostname(string? hostname, string file)
    {
        const int bytesMax = 64; // __NEW_UTS_LEN
        if (hostname is { Length: > bytesMax })
            Fail(file, "hostname", $"is longer than {bytesMax} bytes");
    }

    private static void CheckMounts(MountSpec[] mounts, string file)
    {
        for (int index = 0; index < mounts.Length; index++)
        {
            if (mounts[index] is null || string.IsNullOrEmpty(mounts[index].Destination))
                Fail(file, $"mounts[{index}].destination", "must not be empty");
        }
    }

    private static void CheckLinux(LinuxSpec linux, string file)
    {
        NamespaceSpec[] namespaces = linux.Namespaces ?? [];
        for (int index = 0; index < namespaces.Length; index++)
        {
            string? type = namespaces[index]?.Type;
            if (Array.IndexOf(_namespaceTypes, type) < 0)
                Fail(file, $"linux.namespaces[{index}].type", $"\"{type}\" is not a namespace");
            for (int other = 0; other < index; other++)
            {
                if (namespaces[other].Type == type)
                    Fail(file, $"linux.namespaces[{index}].type", $"\"{type}\" is given twice");
            }
        }

        DeviceSpec[] devices = linux.Devices ?? [];
        for (int index = 0; index < devices.Length; index++)
        {
            if (devices[index]?.Path is not { } path || !path.StartsWith('/'))
                Fail(file, $"linux.devices[{index}].path", "must be an absolute path");
            if (devices[index].Type is not ("c" or "b" or "u" or "p"))
                Fail(file, $"linux.devices[{index}].type", $"\"{devices[index].Type}\" is none of c, b, u, p");
        }

        if (linux.Resources?.Memory?.Limit is < -1)
            Fail(file, "linux.resources.memory.limit", "must be -1 or a number of bytes");
    }

    private static void CheckHooks(HooksSpec? hooks, string file)
    {
        if (hooks is null)
            return;
        CheckHooks(hooks.Prestart, file, "hooks.prestart");
        CheckHooks(hooks.CreateRuntime, file, "hooks.createRuntime");
        CheckHooks(hooks.CreateContainer, file, "hooks.createContainer");
        CheckHooks(hooks.StartContainer, file, "hooks.startContainer");
        CheckHooks(hooks.Poststart, file, "hooks.poststart");
        CheckHooks(hooks.Poststop, file, "hooks.poststop");
    }

    private static void CheckHooks(HookSpec[]? hooks, string file, string field)
    {
        for (int index = 0; index < (hooks?.Length ?? 0); index++)
        {
            if (hooks![index]?.Path is not { } path || !path.StartsWith('/'))
                Fail(file, $"{field}[{index}].path", "must be an absolute path");
            if (hooks[index].Timeout is <= 0)
                Fail(file, $"{field}[{index}].timeout", "must be above zero");
        }
    }

    private static void Fail(string file, string field, string problem) =>
        throw new Failure($"{file}: {field}: {problem}");
}
