using System.Globalization;
using System.Text;
using Sandbox.Linux;
using Sandbox.Runsc.CommandLine;
using Sandbox.Runsc.Spec;

namespace Sandbox.Runsc.Cgroups;

/// <summary>The cgroups of one container: a directory in each hierarchy of the host, v1, v2 or both (cgroups(7)).</summary>
internal sealed class CgroupSet
{
    private readonly List<(CgroupHierarchy Hierarchy, string Directory)> _members = [];

    private CgroupSet()
    {
    }

    /// <summary>The directories, for <see cref="Remove"/> by a later command.</summary>
    public string[] Directories => [.. _members.ConvertAll(static member => member.Directory)];

    /// <summary>The cgroups a configuration asks for; none without linux.cgroupsPath.</summary>
    public static CgroupSet For(LinuxSpec? linux, GlobalOptions options)
    {
        CgroupSet set = new();
        if (options.IgnoreCgroups || string.IsNullOrEmpty(linux?.CgroupsPath) || HostSyscall.Call(Sys.geteuid) != 0)
            return set;
        string path = linux.CgroupsPath;
        if (path.Split(':') is [string slice, string prefix, string name])
            path = $"/{slice}/{prefix}-{name}.scope";
        if (path.Split('/').AsSpan().Contains(".."))
            throw new Failure($"config.json: linux.cgroupsPath: \"{path}\" must not contain \"..\"");
        foreach (CgroupHierarchy hierarchy in CgroupHierarchy.FindAll())
            set._members.Add((hierarchy, hierarchy.MountPoint + "/" + path.Trim('/')));
        return set;
    }

    /// <summary>Makes the directories and sets the limits. Hierarchies we may not change are left out.</summary>
    public void Create(ResourcesSpec? resources)
    {
        for (int index = _members.Count - 1; index >= 0; index--)
        {
            (CgroupHierarchy hierarchy, string directory) = _members[index];
            if (!hierarchy.MakeDirectory(directory))
                _members.RemoveAt(index);
        }

        Apply(resources);
    }

    /// <summary>Sets limits on existing cgroups of the same directories.</summary>
    public static void Update(string[] directories, ResourcesSpec resources)
    {
        CgroupSet set = new();
        foreach (CgroupHierarchy hierarchy in CgroupHierarchy.FindAll())
        {
            foreach (string directory in directories)
            {
                if (directory.StartsWith(hierarchy.MountPoint + "/", StringComparison.Ordinal))
                    set._members.Add((hierarchy, directory));
            }
        }

        set.Apply(resources);
    }

    /// <summary>Moves a process there.</summary>
    public void Join(int processId) => Join(Directories, processId);

    /// <summary>Moves a process to existing cgroups.</summary>
    public static void Join(string[] directories, int processId)
    {
        foreach (string directory in directories)
            CgroupFile.TryWrite($"{directory}/cgroup.procs", processId.ToString(CultureInfo.InvariantCulture));
    }

    /// <summary>Removes directories once their processes are gone; thaws first, for frozen ones cannot die.</summary>
    public static void Remove(string[] directories)
    {
        const int attempts = 100, pauseMilliseconds = 10;
        foreach (string directory in directories)
        {
            CgroupFile.TryWrite($"{directory}/freezer.state", "THAWED");
            byte[] path = Encoding.UTF8.GetBytes(directory + '\0');
            for (int attempt = 0; attempt < attempts; attempt++)
            {
                // EBUSY for the moment between a process's end and its leaving the group.
                if (HostDirectory.Unlink(-100, path, AtFlags.RemoveDirectory) != Errno.EBUSY)
                    break;
                Thread.Sleep(pauseMilliseconds);
            }
        }
    }

    private void Apply(ResourcesSpec? resources)
    {
        if (resources is null)
            return;
        foreach ((CgroupHierarchy hierarchy, string directory) in _members)
        {
            if (hierarchy.IsUnified)
                UnifiedLimits.Apply(directory, resources);
            else
                LegacyLimits.Apply(hierarchy, directory, resources);
        }
    }
}
