using Sandbox.Runsc.CommandLine;

namespace Sandbox.Runsc.Spec;

/// <summary>
/// What of a valid configuration a sandbox cannot do: refused where a program would run with less confinement or
/// another meaning than asked for, warned about where it merely has no effect. docs/config.md lists every field.
/// </summary>
internal static class SpecSupport
{
    private static readonly (long Major, long Minor)[] _devices =
        [(1, 3), (1, 5), (1, 7), (1, 8), (1, 9), (5, 0), (5, 1), (5, 2)];

    /// <summary>Throws <see cref="Failure"/> naming the field; gives the warnings.</summary>
    public static List<string> Check(Specification specification, string file)
    {
        List<string> warnings = [];
        Foreign(specification, file, warnings);
        if (specification.Process is { } process)
            CheckProcess(process, $"{file}: process", warnings);
        MountSpec[] mounts = specification.Mounts ?? [];
        for (int index = 0; index < mounts.Length; index++)
            CheckMount(mounts[index], $"{file}: mounts[{index}]", warnings);
        if (specification.Linux is { } linux)
            CheckLinux(linux, $"{file}: linux", warnings);
        return warnings;
    }

    /// <summary>A process of config.json or exec.</summary>
    public static void CheckProcess(ProcessSpec process, string place, List<string> warnings)
    {
        if (!string.IsNullOrEmpty(process.ApparmorProfile) && process.ApparmorProfile != "unconfined")
            warnings.Add($"{place}.apparmorProfile: \"{process.ApparmorProfile}\" has no meaning inside the sandbox");
        if (!string.IsNullOrEmpty(process.SelinuxLabel))
            warnings.Add($"{place}.selinuxLabel: \"{process.SelinuxLabel}\" has no meaning inside the sandbox");
        if (!string.IsNullOrEmpty(process.CommandLine) || !string.IsNullOrEmpty(process.User?.Username))
            warnings.Add($"{place}: commandLine and user.username are for Windows");
        if (process.ExecCpuAffinity is not null)
            warnings.Add($"{place}.execCPUAffinity: the host schedules the sandbox's threads");
        if (process.Scheduler is { } scheduler)
            CheckScheduler(scheduler, $"{place}.scheduler", warnings);
        if (process.IoPriority is { } priority)
        {
            if (Array.IndexOf(IoPrioritySpec.Classes, priority.Class) < 0)
                throw new Failure($"{place}.ioPriority.class: \"{priority.Class}\" is not a class");
            if (priority.Priority is < 0 or > 7)
                throw new Failure($"{place}.ioPriority.priority: {priority.Priority} is not between 0 and 7");
        }
    }

    private static void Foreign(Specification specification, string file, List<string> warnings)
    {
        if (specification.Vm is not null)
            throw new Failure($"{file}: vm: virtual machines are not what this runtime makes");
        if (specification.Windows is not null || specification.Solaris is not null || specification.Zos is not null
            || specification.Freebsd is not null)
        {
            warnings.Add($"{file}: windows, solaris, zos, freebsd: are for other systems");
        }
    }

    private static void CheckScheduler(SchedulerSpec scheduler, string place, List<string> warnings)
    {
        if (Array.IndexOf(SchedulerSpec.Policies, scheduler.Policy) < 0)
            throw new Failure($"{place}.policy: \"{scheduler.Policy}\" is not a policy");
        if (scheduler.Policy is "SCHED_DEADLINE" or "SCHED_ISO")
            throw new Failure(
                $"{place}.policy: {scheduler.Policy} is not supported: the host schedules the sandbox's threads");
        if (scheduler.Nice is < -20 or > 19)
            throw new Failure($"{place}.nice: {scheduler.Nice} is not between -20 and 19");
        bool isRealTime = scheduler.Policy is "SCHED_FIFO" or "SCHED_RR";
        if (isRealTime ? scheduler.Priority is < 1 or > 99 : scheduler.Priority is not (null or 0))
            throw new Failure($"{place}.priority: {scheduler.Priority} does not go with {scheduler.Policy}");
        if (scheduler.Runtime > 0 || scheduler.Deadline > 0 || scheduler.Period > 0)
            throw new Failure(
                $"{place}: runtime, deadline and period only go with SCHED_DEADLINE, which is not supported");
        foreach (string? flag in scheduler.Flags ?? [])
        {
            if (flag != "SCHED_FLAG_RESET_ON_FORK")
                warnings.Add($"{place}.flags: {flag} has no effect");
        }

        warnings.Add($"{place}: programs see it, but the host schedules the sandbox's threads");
    }

    private static void CheckMount(MountSpec mount, string place, List<string> warnings)
    {
        string[] options = mount.Options ?? [];
        bool maps = Array.Exists(options, static option => option is "idmap" or "ridmap");
        if (mount.UidMappings is { Length: > 0 } || mount.GidMappings is { Length: > 0 } || maps)
            throw new Failure($"{place}: id-mapped mounts (uidMappings, gidMappings, idmap, ridmap) are not supported");
        foreach (string option in options)
        {
            if (option is "shared" or "rshared" or "slave" or "rslave")
                warnings.Add(
                    $"{place}.options: {option}: mounts made later do not pass between the host and the sandbox");
        }

        (ulong flags, string data) = MountOptions.Parse(options);
        bool isBind = mount.Type == "bind" || (flags & MountOptions.Bind) != 0;
        foreach (string option in data.Split(',', StringSplitOptions.RemoveEmptyEntries))
        {
            if (!MountOptions.MeansSomething(isBind ? "bind" : mount.Type ?? string.Empty, option))
                warnings.Add($"{place}.options: \"{option}\" is not known and has no effect");
        }

        if ((flags & MountOptions.TemporaryCopy) != 0 && mount.Type != "tmpfs")
            throw new Failure($"{place}.options: tmpcopyup only goes with tmpfs");
    }

    private static void CheckLinux(LinuxSpec linux, string place, List<string> warnings)
    {
        if (linux.IntelRdt is not null)
            throw new Failure($"{place}.intelRdt: is not supported");
        if (linux.NetDevices is { Count: > 0 })
            throw new Failure(
                $"{place}.netDevices: is not supported: give the container a configured network namespace");
        if (linux.MemoryPolicy is not null)
            throw new Failure($"{place}.memoryPolicy: is not supported");
        if (linux.Personality is { } personality)
        {
            if (personality.Domain != "LINUX")
                throw new Failure(
                    $"{place}.personality.domain: \"{personality.Domain}\" is not supported, only LINUX is");
            if (personality.Flags is { Length: > 0 })
                throw new Failure($"{place}.personality.flags: are not supported");
        }

        if (!string.IsNullOrEmpty(linux.MountLabel))
            warnings.Add($"{place}.mountLabel: \"{linux.MountLabel}\" has no meaning inside the sandbox");
        if (linux.RootfsPropagation is { Length: > 0 } propagation)
            CheckPropagation(propagation, place, warnings);
        foreach (DeviceSpec device in linux.Devices ?? [])
        {
            bool isTerminal = device.Type is "c" or "u" && device.Major is >= 136 and <= 143;
            if (device.Type != "p" && !isTerminal
                && (device.Type == "b" || Array.IndexOf(_devices, (device.Major, device.Minor)) < 0))
                warnings.Add($"{place}.devices: {device.Path}: the host's devices are out of a sandbox's reach; opening it fails");
        }

        CheckNamespaces(linux, place, warnings);
        CheckSysctls(linux, place, warnings);
        if (linux.Resources?.Rdma is not null)
            warnings.Add($"{place}.resources.rdma: there are no such devices in a sandbox");
    }

    private static void CheckPropagation(string propagation, string place, List<string> warnings)
    {
        switch (propagation)
        {
            case "private" or "rprivate" or "unbindable" or "runbindable":
                break;
            case "shared" or "rshared" or "slave" or "rslave":
                warnings.Add($"{place}.rootfsPropagation: {propagation}: mounts made later do not pass between the host and the sandbox");
                break;
            default:
                throw new Failure(
                    $"{place}.rootfsPropagation: \"{propagation}\" is none of private, slave, shared, unbindable");
        }
    }

    /// <summary>
    /// runc takes those of namespaces only: the network's, System V objects, message queues, and the container's names.
    /// </summary>
    private static void CheckSysctls(LinuxSpec linux, string place, List<string> warnings)
    {
        bool hasNetwork = Array.Exists(linux.Namespaces ?? [], static item => item.Type == "network");
        foreach (string name in (linux.Sysctl ?? []).Keys)
        {
            if (name.StartsWith("net.", StringComparison.Ordinal))
            {
                if (!hasNetwork)
                    throw new Failure($"{place}.sysctl: {name}: not in the host's network namespace");
                continue;
            }

            bool isKept = name.StartsWith("fs.mqueue.", StringComparison.Ordinal)
                || name is "kernel.hostname" or "kernel.domainname" or "kernel.msgmax" or "kernel.msgmnb"
                or "kernel.msgmni" or "kernel.sem" or "kernel.shmall" or "kernel.shmmax" or "kernel.shmmni"
                or "kernel.shm_rmid_forced";
            if (!isKept)
                throw new Failure($"{place}.sysctl: {name}: is not a container's to set");
        }
    }

    private static void CheckNamespaces(LinuxSpec linux, string place, List<string> warnings)
    {
        NamespaceSpec[] namespaces = linux.Namespaces ?? [];
        NamespaceSpec? Find(string type) => Array.Find(namespaces, item => item.Type == type);

        foreach (string type in (ReadOnlySpan<string>)["pid", "ipc", "mount"])
        {
            if (Find(type) is null)
                warnings.Add(
                    $"{place}.namespaces: no {type} namespace: the host's is out of a sandbox's reach, it has its own");
        }

        foreach (string type in (ReadOnlySpan<string>)["mount", "cgroup", "time", "user"])
        {
            if (Find(type) is { Path.Length: > 0 } joined)
                throw new Failure($"{place}.namespaces: {type}: joining {joined.Path} is not supported");
        }

        bool hasMappings = linux.UidMappings is { Length: > 0 } || linux.GidMappings is { Length: > 0 };
        if (Find("user") is null && hasMappings)
            throw new Failure($"{place}.uidMappings: there is no user namespace to map ids of");
        if (Find("user") is not null
            && (linux.UidMappings is not { Length: > 0 } || linux.GidMappings is not { Length: > 0 }))
            throw new Failure($"{place}.uidMappings: a user namespace needs uidMappings and gidMappings");
        if (linux.TimeOffsets is { Count: > 0 } offsets)
        {
            if (Find("time") is null)
                throw new Failure($"{place}.timeOffsets: there is no time namespace to give them to");
            foreach (string clock in offsets.Keys)
            {
                if (clock is not ("monotonic" or "boottime"))
                    throw new Failure($"{place}.timeOffsets: \"{clock}\" is none of monotonic, boottime");
            }
        }

    }
}
