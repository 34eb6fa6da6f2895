using System.Globalization;
using System.Text;
using Sandbox.Runsc.CommandLine;
using Sandbox.Runsc.Spec;

namespace Sandbox.Runsc.Launch;

/// <summary>
/// The id maps of the Gofer's user namespace, as uid_map and gid_map want them (user_namespaces(7)). Through the
/// configuration's own maps the container sees the owners of files as it should and makes files with the host's ids
/// that belong to its own; without them every id the command knows is itself.
/// </summary>
internal readonly record struct IdMaps(string Users, string Groups)
{
    public static IdMaps Of(LinuxSpec? linux) => linux?.UidMappings is { Length: > 0 } users
        ? new IdMaps(Format(users, "uidMappings"), Format(linux.GidMappings ?? [], "gidMappings"))
        : new IdMaps(Identity("/proc/self/uid_map"), Identity("/proc/self/gid_map"));

    private static string Format(IdMappingSpec[] mappings, string field)
    {
        StringBuilder text = new();
        bool hasRoot = false;
        foreach (IdMappingSpec map in mappings)
        {
            text.Append(CultureInfo.InvariantCulture, $"{map.ContainerID} {map.HostID} {map.Size}\n");
            hasRoot |= map.ContainerID == 0 && map.Size > 0;
        }

        return hasRoot
            ? text.ToString()
            : throw new Failure($"config.json: linux.{field}: id 0 of the container must be mapped");
    }

    // In a user namespace (rootless Podman) only those ids can be mapped that are known there.
    private static string Identity(string path)
    {
        StringBuilder text = new();
        foreach (string line in File.ReadAllLines(path))
        {
            string[] words = line.Split(' ', StringSplitOptions.RemoveEmptyEntries);
            if (words.Length == 3)
                text.Append(CultureInfo.InvariantCulture, $"{words[0]} {words[0]} {words[2]}\n");
        }

        return text.ToString();
    }
}
