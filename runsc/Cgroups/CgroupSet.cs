using System.Globalization;
using System.Text;
using Sandbox.Linux;
using Sandbox.Platform;
using Sandbox.Runsc.CommandLine;
using Sandbox.Runsc.Spec;
using Sandbox.Runsc.State;

namespace Sandbox.Runsc.Cgroups;

/// <summary>
/// The cgroups of one container: a directory in each hierarchy of the host, v1, v2 or both (cgroups(7)). What guests
/// use is charged there. The Sentry and the Gofer are charged to a group beside it wherever a limit would hit them
/// instead of a guest: memory, pids and the whole of version 2.
/// </summary>
internal sealed class CgroupSet
{
    private const string AsideSuffix = ".runsc";
    /// <summary>
    /// Room for the sandbox's own: the Sentry's heap at its limit (512 MiB), its code and threads, the Gofer.
    /// </summary>
    private const long SandboxBytes = 768L << 20;

    private readonly List<Member> _members = [];
    private bool _isShared; // By the containers of a pod.
    private bool _isUpdate;

    private CgroupSet()
    {
    }

    /// <summary>
    /// The directories, for <see cref="Remove(ContainerState)"/> and
    /// <see cref="Join(string[], int)"/> by a later command.
    /// </summary>
    public string[] Directories => [.. _members.ConvertAll(static member => member.Directory)];

    /// <summary>Those of the sandbox's own processes, where they are not the container's.</summary>
    public string[] AsideDirectories
    {
        get
        {
            List<string> found = [];
            foreach (Member member in _members)
            {
                if (member.Aside is { } aside)
                    found.Add(aside);
            }

            return [.. found];
        }
    }

    /// <summary>
    /// The cgroups a configuration asks for; none without linux.cgroupsPath or a limit that needs one.
    /// </summary>
    /// <param name="id">The container's.</param>
    /// <param name="specification">Its configuration.</param>
    /// <param name="options">Whether cgroups are wanted.</param>
    public static CgroupSet For(string id, Specification specification, GlobalOptions options)
    {
        LinuxSpec? linux = specification.Linux;
        CgroupSet set = new();
        if (options.IgnoreCgroups || HostSyscall.Call(Sys.geteuid) != 0)
            return set;
        string path = linux?.CgroupsPath ?? string.Empty;
        if (path.Length == 0 && NeedsGroup(linux?.Resources))
            path = "/" + id;
        if (path.Split(':') is [string slice, string prefix, string name])
            path = SystemdPath(slice, prefix, name);
        if (path.Split('/').AsSpan().Contains(".."))
            throw new Failure($"config.json: linux.cgroupsPath: \"{path}\" must not contain \"..\"");
        path = path.Trim('/');
        if (path.Length == 0)
            return set;
        // A pod's sandbox has next to nothing to run, and the least of CPU shares:
        // its Sentry works for the other containers.
        bool isShared = specification.Annotations?.GetValueOrDefault("io.kubernetes.cri.container-type") == "sandbox"
            || specification.Annotations?.GetValueOrDefault("io.kubernetes.cri-o.ContainerType") == "sandbox";
        set._isShared = isShared;
        foreach (CgroupHierarchy hierarchy in CgroupHierarchy.FindAll())
        {
            string directory = $"{hierarchy.MountPoint}/{path}";
            bool isApart = hierarchy.IsUnified || hierarchy.Has("memory") || hierarchy.Has("pids") || isShared;
            set._members.Add(new Member(hierarchy, directory, isApart ? directory + AsideSuffix : null));
        }

        return set;
    }

    /// <summary>Makes the directories and sets the limits. Hierarchies we may not change are left out.</summary>
    public void Create(ResourcesSpec? resources)
    {
        for (int index = _members.Count - 1; index >= 0; index--)
        {
            Member member = _members[index];
            if (!member.Hierarchy.MakeDirectory(member.Directory))
                _members.RemoveAt(index);
            else if (member.Aside is not null && !member.Hierarchy.MakeDirectory(member.Aside))
                _members[index] = member with { Aside = null };
        }

        Apply(resources);
        WarnOfUnapplied(resources);
    }

    /// <summary>Sets limits on existing cgroups of a container.</summary>
    public static void Update(ContainerState state, ResourcesSpec resources)
    {
        CgroupSet set = new() { _isUpdate = true };
        foreach (CgroupHierarchy hierarchy in CgroupHierarchy.FindAll())
        {
            foreach (string directory in state.Cgroups)
            {
                if (!directory.StartsWith(hierarchy.MountPoint + "/", StringComparison.Ordinal))
                    continue;
                string aside = directory + AsideSuffix;
                set._members.Add(
                    new Member(hierarchy, directory, Array.IndexOf(state.AsideCgroups, aside) >= 0 ? aside : null));
            }
        }

        set.Apply(resources);
    }

    /// <summary>Moves a process of the container's there.</summary>
    public void Join(int processId) => Join(Directories, processId);

    /// <summary>Moves a process of the sandbox's own, where the container's limits do not hit it.</summary>
    public void JoinAside(int processId) =>
        Join([.. _members.ConvertAll(static member => member.Aside ?? member.Directory)], processId);

    /// <summary>Moves a process to existing cgroups.</summary>
    public static void Join(string[] directories, int processId)
    {
        foreach (string directory in directories)
            CgroupFile.TryWrite($"{directory}/cgroup.procs", processId.ToString(CultureInfo.InvariantCulture));
    }

    /// <summary>
    /// What the Sentry needs of them (<see cref="HostCgroupFile"/>): to put stubs in, and to see what they use.
    /// The caller's to dispose.
    /// </summary>
    /// <param name="isMember">The container joins a Sentry that is elsewhere: in none of its cgroups.</param>
    public List<(string Name, HostFd File)> OpenFiles(bool isMember)
    {
        List<(string, HostFd)> files = [];
        foreach (Member member in _members)
        {
            if (isMember || member.Aside is not null)
                Add(HostCgroupFile.Procs, "cgroup.procs", OpenFlags.WriteOnly);
            bool isUnified = member.Hierarchy.IsUnified;
            if (isUnified || member.Hierarchy.Has("memory"))
            {
                Add(HostCgroupFile.MemoryUsage, isUnified
                    ? "memory.current"
                    : "memory.usage_in_bytes", OpenFlags.ReadOnly);
                Add(HostCgroupFile.MemoryLimit, isUnified
                    ? "memory.max"
                    : "memory.limit_in_bytes", OpenFlags.ReadWrite);
                Add(HostCgroupFile.MemoryStat, "memory.stat", OpenFlags.ReadOnly);
                Add(HostCgroupFile.MemoryEvents, isUnified
                    ? "memory.events"
                    : "memory.oom_control", OpenFlags.ReadOnly);
            }

            if (isUnified || member.Hierarchy.Has("cpu"))
                Add(HostCgroupFile.CpuStat, "cpu.stat", OpenFlags.ReadOnly);

            void Add(string name, string file, OpenFlags access)
            {
                if (!HostFile.OpenAt(HostFile.CurrentDirectory, Encoding.UTF8.GetBytes($"{member.Directory}/{file}"),
                    access | OpenFlags.CloseOnExec)
                    .Failed(out int fd, out _))
                {
                    files.Add((name, new HostFd(fd)));
                }
            }
        }

        return files;
    }

    /// <summary>Removes the directories of a container once its processes are gone.</summary>
    public static void Remove(ContainerState state)
    {
        Remove(state.Cgroups);
        Remove(state.AsideCgroups);
    }

    /// <summary>Thaws first, for frozen processes cannot die.</summary>
    private static void Remove(string[] directories)
    {
        const int attempts = 100, pauseMilliseconds = 10;
        foreach (string directory in directories)
        {
            byte[] path = Encoding.UTF8.GetBytes(directory + '\0');
            for (int attempt = 0; attempt < attempts; attempt++)
            {
                // EBUSY for the moment between a process's end and its leaving the group.
                if (HostDirectory.Unlink(HostFile.CurrentDirectory, path, AtFlags.RemoveDirectory) != Errno.EBUSY)
                    break;
                if (attempt == 0)
                    CgroupFile.TryWrite($"{directory}/freezer.state", "THAWED");
                Thread.Sleep(pauseMilliseconds);
            }
        }
    }

    private void Apply(ResourcesSpec? resources)
    {
        if (resources is null)
            return;
        foreach (Member member in _members)
        {
            ApplyAside(member, resources.Memory);
            if (!member.Hierarchy.IsUnified)
            {
                LegacyLimits.Apply(member.Hierarchy, member.Directory, resources);
                continue;
            }

            UnifiedLimits.Apply(member.Directory, resources);
            // What guests make the Sentry do costs CPU time too: as much as they may use themselves, and no more.
            if (member.Aside is not null && resources.Cpu is { } cpu)
                UnifiedLimits.ApplyCpu(member.Aside, cpu);
        }
    }

    /// <summary>
    /// What a container's files in memory hold is in the group beside it, also while nobody has a name for it any more:
    /// bounded by the container's limit as well, with room for what the Sentry and the Gofer are themselves. A pod's
    /// sandbox holds the files of all its containers, whose limits it does not know.
    /// </summary>
    private void ApplyAside(Member member, MemorySpec? memory)
    {
        bool hasMemory = member.Hierarchy.IsUnified || member.Hierarchy.Has("memory");
        if (member.Aside is null || !hasMemory || _isShared || memory?.Limit is not { } limit || limit == 0)
            return;
        string file = $"{member.Aside}/{(member.Hierarchy.IsUnified ? "memory.max" : "memory.limit_in_bytes")}";
        if (_isUpdate && !HasLimit(file))
            return;
        string value = limit > 0 && limit < long.MaxValue - SandboxBytes
            ? (limit + SandboxBytes).ToString(CultureInfo.InvariantCulture)
            : member.Hierarchy.IsUnified ? "max" : "-1";
        if (CgroupFile.TryWrite(file, value) is not Errno.Ok and Errno error)
            ErrorReport.Warn($"the sandbox's own memory is not limited: {file}: {error}");
    }

    // Where there was none from the start, a pod may share the group.
    private static bool HasLimit(string file)
    {
        const long unlimited = 1L << 60;
        return File.Exists(file) && long.TryParse(File.ReadAllText(file), CultureInfo.InvariantCulture, out long value)
            && value < unlimited;
    }

    /// <summary>
    /// Names what nobody enforces: the Sentry keeps memory and tasks by itself, the host is needed for the rest.
    /// </summary>
    private void WarnOfUnapplied(ResourcesSpec? resources)
    {
        if (resources is null)
            return;
        ReadOnlySpan<(string Name, bool IsSet, string Controller)> limits =
        [
            ("cpu.quota", resources.Cpu?.Quota is > 0, "cpu"),
            ("cpu.cpus", !string.IsNullOrEmpty(resources.Cpu?.Cpus), "cpuset"),
            ("cpu.mems", !string.IsNullOrEmpty(resources.Cpu?.Mems), "cpuset"),
            ("blockIO", resources.BlockIO is { Weight: > 0 } or { ThrottleReadBpsDevice.Length: > 0 }
                or { ThrottleWriteBpsDevice.Length: > 0 }, "blkio"),
            ("memory.reservation", resources.Memory?.Reservation is > 0, "memory"),
        ];
        foreach ((string name, bool isSet, string controller) in limits)
        {
            if (isSet && !_members.Exists(member => member.Hierarchy.IsUnified || member.Hierarchy.Has(controller)))
                ErrorReport.Warn(
                    $"config.json: linux.resources.{name} is not enforced: the container has no {controller} cgroup");
        }

        if (resources.Memory?.Kernel is > 0)
            ErrorReport.Warn("config.json: linux.resources.memory.kernel is not enforced: kernels no longer have it");
        if (resources.Network is { ClassID: > 0 })
            ErrorReport.Warn("config.json: linux.resources.network.classID has no effect: the container sends nothing through the host");
    }

    private static bool NeedsGroup(ResourcesSpec? resources) =>
        resources is { Memory.Limit: not (null or 0) } or { Cpu.Quota: not (null or 0) } or { Cpu.Cpus.Length: > 0 };

    // a-b.slice is inside a.slice (systemd.slice(5)); an empty slice is the system's.
    private static string SystemdPath(string slice, string prefix, string name)
    {
        if (slice.Length == 0)
            slice = "system.slice";
        string path = string.Empty, sofar = string.Empty;
        string stem = slice.EndsWith(".slice", StringComparison.Ordinal) ? slice[..^6] : slice;
        foreach (string part in stem.Split('-', StringSplitOptions.RemoveEmptyEntries))
        {
            sofar = sofar.Length == 0 ? part : $"{sofar}-{part}";
            path += $"/{sofar}.slice";
        }

        return $"{path}/{(prefix.Length == 0 ? name : $"{prefix}-{name}")}.scope";
    }

    /// <param name="Hierarchy">Where it is.</param>
    /// <param name="Directory">The container's group.</param>
    /// <param name="Aside">The group of the sandbox's own processes, or null if they are in the container's.</param>
    private sealed record Member(CgroupHierarchy Hierarchy, string Directory, string? Aside);
}
