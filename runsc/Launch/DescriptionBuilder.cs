using System.Runtime.InteropServices;
using Sandbox.Gofer.Protocol;
using Sandbox.Linux;
using Sandbox.Runsc.CommandLine;
using Sandbox.Runsc.Spec;
using Sandbox.Sentry.Control;
using Sandbox.Sentry.Filesystems.Gofer;

namespace Sandbox.Runsc.Launch;

/// <summary>Turns config.json into what the Sentry is told, opening the host's files on the way.</summary>
internal static class DescriptionBuilder
{
    public static ContainerDescription Build(
        Membership membership, string bundle, Specification specification, GlobalOptions options, bool overlaysRoot,
        HostRoots roots)
    {
        LinuxSpec linux = specification.Linux ?? new LinuxSpec();
        BpfInstruction[]? seccomp = linux.Seccomp is null ? null : SeccompProfile.Compile(linux.Seccomp, "config.json");
        return new ContainerDescription
        {
            Id = membership.Id,
            Process = Build(specification.Process!),
            SharesPidWith = membership.Shared("pid"),
            SharesNetworkWith = membership.Shared("network"),
            SharesIpcWith = membership.Shared("ipc"),
            SharesUtsWith = membership.Shared("uts"),
            Hostname = HostnameOf(specification),
            Domainname = specification.Domainname ?? linux.Sysctl?.GetValueOrDefault("kernel.domainname")
                ?? string.Empty,
            Mounts = Mounts(bundle, specification, overlaysRoot, roots),
            RootIsReadOnly = specification.Root!.Readonly,
            OverlaysRoot = overlaysRoot,
            RootCaching = Caching(options.FileAccess, overlaysRoot),
            MaskedPaths = linux.MaskedPaths ?? [],
            ReadOnlyPaths = linux.ReadonlyPaths ?? [],
            Devices = Array.ConvertAll(linux.Devices ?? [], Device),
            Sysctl = linux.Sysctl ?? [],
            Limits = Limits(linux.Resources),
            FirstUnprivilegedPort = int.TryParse(
                linux.Sysctl?.GetValueOrDefault("net.ipv4.ip_unprivileged_port_start"), out int firstPort)
                ? firstPort
                : null,
            SeccompProgram = MemoryMarshal.AsBytes(seccomp.AsSpan()).ToArray(),
            SeccompLogsDenials = linux.Seccomp is not null && SeccompProfile.LogsDenials(linux.Seccomp),
        };
    }

    // Without a uts namespace of its own the container has the host's names.
    private static string HostnameOf(Specification specification)
    {
        if (!string.IsNullOrEmpty(specification.Hostname))
            return specification.Hostname;
        if (specification.Linux?.Sysctl?.GetValueOrDefault("kernel.hostname") is { Length: > 0 } set)
            return set;
        bool isHosts = !Array.Exists(specification.Linux?.Namespaces ?? [], static item => item.Type == "uts");
        return isHosts ? Environment.MachineName : "localhost";
    }

    /// <summary>What of the limits the Sentry enforces or shows.</summary>
    public static LimitsDescription Limits(ResourcesSpec? resources) => new()
    {
        Tasks = resources?.Pids?.Limit,
        Memory = resources?.Memory?.Limit,
        MemoryAndSwap = resources?.Memory?.Swap,
        CpuQuota = resources?.Cpu?.Quota,
        CpuPeriod = (long?)resources?.Cpu?.Period,
        CpuShares = (long?)resources?.Cpu?.Shares,
        Processors = string.IsNullOrEmpty(resources?.Cpu?.Cpus)
            ? null
            : CpuList.Parse(resources.Cpu.Cpus, "linux.resources.cpu.cpus"),
    };

    public static ProcessDescription Build(ProcessSpec process)
    {
        UserSpec user = process.User ?? new UserSpec();
        CapabilitiesSpec capabilities = process.Capabilities ?? new CapabilitiesSpec();
        return new ProcessDescription
        {
            Args = process.Args!,
            Env = process.Env ?? [],
            Cwd = process.Cwd!,
            UserId = user.Uid,
            GroupId = user.Gid,
            AdditionalGroups = user.AdditionalGids ?? [],
            Umask = user.Umask,
            Bounding = CapabilityNames.Mask(capabilities.Bounding),
            Effective = CapabilityNames.Mask(capabilities.Effective),
            Permitted = CapabilityNames.Mask(capabilities.Permitted),
            Inheritable = CapabilityNames.Mask(capabilities.Inheritable),
            Ambient = CapabilityNames.Mask(capabilities.Ambient),
            Limits = Array.ConvertAll(process.Rlimits ?? [], static limit => new LimitDescription
            {
                Resource = Array.IndexOf(SpecValidation.RlimitTypes, limit.Type),
                Soft = limit.Soft,
                Hard = limit.Hard,
            }),
            NoNewPrivileges = process.NoNewPrivileges,
            OomScoreAdjust = process.OomScoreAdj ?? 0,
            SchedulingPolicy = Math.Max(0, Array.IndexOf(SchedulerSpec.Policies, process.Scheduler?.Policy)),
            SchedulingPriority = process.Scheduler?.Priority ?? 0,
            SchedulingResetsOnFork = Array.IndexOf(process.Scheduler?.Flags ?? [], "SCHED_FLAG_RESET_ON_FORK") >= 0,
            Nice = process.Scheduler?.Nice ?? 0,
            IoPriority = process.IoPriority?.ToNumber() ?? 0,
            HasTerminal = process.Terminal,
        };
    }

    /// <summary>The root file system's directory on the host.</summary>
    public static string RootfsPath(string bundle, Specification specification) =>
        Path.GetFullPath(specification.Root!.Path!, bundle);

    // Who writes through wants others to see it, and they may write there, too (docker cp).
    private static GoferCaching Caching(string? fileAccess, bool overlaysRoot) => fileAccess switch
    {
        "shared" => GoferCaching.Shared,
        "exclusive" => GoferCaching.Exclusive,
        _ => overlaysRoot ? GoferCaching.Exclusive : GoferCaching.Rechecked,
    };

    private static MountDescription[] Mounts(
        string bundle, Specification specification, bool overlaysRoot, HostRoots roots)
    {
        List<MountDescription> mounts = [];
        string rootfs = RootfsPath(bundle, specification);
        bool writable = !overlaysRoot && !specification.Root!.Readonly;
        (int root, bool isFile) = roots.Open(
            rootfs, "root.path", writable
                ? RootFlags.Writable | RootFlags.DeviceNodes
                : RootFlags.None, recursive: true);
        if (isFile)
            throw new Failure($"config.json: root.path: {rootfs}: not a directory");
        mounts.Add(new MountDescription
        {
            Destination = "/", Type = "bind", Source = rootfs, GoferRoot = root,
            Flags = (specification.Root!.Readonly ? MountOptions.ReadOnly : 0)
                | MountOptions.Parse(
                    specification.Linux?.RootfsPropagation is { Length: > 0 } propagation ? [propagation] : []).Flags,
        });

        MountSpec[] specified = specification.Mounts ?? [];
        for (int index = 0; index < specified.Length; index++)
            mounts.Add(Mount(bundle, specified[index], index, roots));
        return [.. mounts];
    }

    private static MountDescription Mount(string bundle, MountSpec mount, int index, HostRoots roots)
    {
        (ulong flags, string data) = MountOptions.Parse(mount.Options ?? []);
        string destination = mount.Destination!;
        MountDescription description = new()
        {
            Destination = destination.StartsWith('/') ? destination : "/" + destination,
            Type = mount.Type ?? string.Empty,
            Source = mount.Source ?? string.Empty,
            Flags = flags,
            Data = data,
        };
        if (mount.Type != "bind" && (flags & MountOptions.Bind) == 0)
        {
            if (string.IsNullOrEmpty(mount.Type))
                throw new Failure($"config.json: mounts[{index}].type: must not be empty");
            return description;
        }

        if (string.IsNullOrEmpty(mount.Source))
            throw new Failure($"config.json: mounts[{index}].source: must not be empty");
        string source = Path.GetFullPath(mount.Source, bundle);
        bool readOnly = (flags & MountOptions.ReadOnly) != 0;
        (description.GoferRoot, description.IsFile) = roots.Open(
            source, $"mounts[{index}].source", readOnly ? RootFlags.None : RootFlags.Writable,
            (flags & MountOptions.Recursive) != 0);
        description.Type = "bind";
        description.Source = source;
        return description;
    }

    private static DeviceDescription Device(DeviceSpec device)
    {
        const uint characterDevice = 0x2000, blockDevice = 0x6000, fifo = 0x1000, permissions = 0xFFF,
            ordinary = Modes.O666;
        uint type = device.Type switch { "b" => blockDevice, "p" => fifo, _ => characterDevice };
        return new DeviceDescription
        {
            Path = device.Path!,
            Mode = type | ((device.FileMode ?? ordinary) & permissions),
            Major = (uint)device.Major,
            Minor = (uint)device.Minor,
            UserId = device.Uid ?? 0,
            GroupId = device.Gid ?? 0,
        };
    }
}
