using System.Text;
using Sandbox.Linux;

namespace Sandbox.Runsc.Cgroups;

/// <summary>One mounted hierarchy.</summary>
/// <param name="MountPoint">Where.</param>
/// <param name="IsUnified">Version 2.</param>
/// <param name="Controllers">Version 1: its controllers.</param>
internal sealed record CgroupHierarchy(string MountPoint, bool IsUnified, string[] Controllers)
{
    private const uint DirectoryMode = Modes.O755;

    /// <summary>All hierarchies this process sees, each once.</summary>
    public static List<CgroupHierarchy> FindAll()
    {
        List<CgroupHierarchy> found = [];
        foreach (string line in File.ReadLines("/proc/self/mountinfo"))
        {
            // 36 35 98:0 / /sys/fs/cgroup/memory rw,… - cgroup cgroup rw,memory (proc_pid_mountinfo(5))
            int separator = line.IndexOf(" - cgroup", StringComparison.Ordinal);
            if (separator < 0)
                continue;
            string[] mount = line[..separator].Split(' ');
            string[] source = line[(separator + 3)..].Split(' ');
            bool unified = source[0] == "cgroup2";
            string[] controllers = unified ? [] : source[^1].Split(',');
            // A hybrid host's second hierarchy, with every controller that counts in version 1.
            if (unified && !CgroupFile.Read($"{mount[4]}/cgroup.controllers").Contains(
                "memory", StringComparison.Ordinal)
                && mount[4] != "/sys/fs/cgroup")
            {
                continue;
            }

            if (!found.Exists(
                other => other.IsUnified == unified && other.Controllers.AsSpan().SequenceEqual(controllers)))
                found.Add(new CgroupHierarchy(mount[4], unified, controllers));
        }

        return found;
    }

    public bool Has(string controller) => Array.IndexOf(Controllers, controller) >= 0;

    /// <summary>
    /// Makes a directory and those above it, each ready to hold processes; false if this host does not let us.
    /// </summary>
    public bool MakeDirectory(string directory)
    {
        string path = MountPoint;
        foreach (string name in directory[(MountPoint.Length + 1)..].Split('/', StringSplitOptions.RemoveEmptyEntries))
        {
            if (IsUnified)
                EnableControllers(path);
            path += "/" + name;
            Errno error = HostDirectory.MakeDirectory(
                HostFile.CurrentDirectory, Encoding.UTF8.GetBytes(path + '\0'), DirectoryMode);
            if (error is not (Errno.Ok or Errno.EEXIST))
                return false;
            if (Has("cpuset"))
                InheritCpuset(path);
        }

        return true;
    }

    /// <summary>Version 1: a new group has no CPUs and takes no process before it has some.</summary>
    private static void InheritCpuset(string directory)
    {
        string parent = Path.GetDirectoryName(directory)!;
        foreach (string file in (ReadOnlySpan<string>)["cpuset.cpus", "cpuset.mems"])
        {
            if (CgroupFile.Read($"{directory}/{file}").Length == 0)
                CgroupFile.TryWrite($"{directory}/{file}", CgroupFile.Read($"{parent}/{file}"));
        }
    }

    /// <summary>Version 2: controllers work in a group only if the group above hands them down.</summary>
    private static void EnableControllers(string directory)
    {
        foreach (string controller in CgroupFile.Read($"{directory}/cgroup.controllers").Split(' '))
        {
            if (controller.Length > 0)
                CgroupFile.TryWrite($"{directory}/cgroup.subtree_control", "+" + controller);
        }
    }
}
