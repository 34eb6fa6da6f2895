using Sandbox.Sentry.Kernel.Namespaces;
using Sandbox.Sentry.Kernel.Processes;
using Sandbox.Sentry.Vfs;

namespace Sandbox.Sentry.Kernel.Containers;

/// <summary>
/// A cgroup that a container's programs made below the container's own (cgroups(7)), as systemd does first of all: a
/// group of processes with a name. It has no controllers, what limits the container limits all of it. Guarded by Tree.
/// </summary>
/// <param name="parent">The group it is in; null for one that stands for the container.</param>
/// <param name="name">Its name there.</param>
/// <param name="userId">Who made it, kernel uid.</param>
/// <param name="groupId">Kernel gid.</param>
internal sealed class GuestCgroup(GuestCgroup? parent, FileName name, uint userId, uint groupId)
{
    /// <summary>Groups of one container, one below the other and altogether.</summary>
    public const int MaxDepth = 32, MaxGroups = 4096;

    public GuestCgroup? Parent { get; } = parent;

    public FileName Name { get; } = name;

    public uint UserId { get; } = userId;

    public uint GroupId { get; } = groupId;

    public Dictionary<FileName, GuestCgroup> Children { get; } = new(FileName.Comparer);

    /// <summary>Nobody gets into it any more.</summary>
    public bool IsRemoved { get; set; }

    /// <summary>How many groups lie above it.</summary>
    public int Depth => Parent is null ? 0 : Parent.Depth + 1;

    /// <summary>Groups below it.</summary>
    public int Descendants
    {
        get
        {
            int count = 0;
            foreach (GuestCgroup child in Children.Values)
                count += 1 + child.Descendants;
            return count;
        }
    }

    /// <summary>The path from the container's group; that is "/" itself.</summary>
    public string Path => Parent is null ? "/"
        : Parent.Parent is null ? "/" + Name
        : Parent.Path + "/" + Name;

    /// <summary>True for itself and for what lies above.</summary>
    public bool IsSelfOrBelow(GuestCgroup above)
    {
        for (GuestCgroup? group = this; group is not null; group = group.Parent)
        {
            if (group == above)
                return true;
        }

        return false;
    }

    /// <summary>The processes in it, and if <paramref name="isDeep"/> below it. Zombies are in none.</summary>
    public List<ThreadGroup> Members(Kernel kernel, Container container, bool isDeep)
    {
        List<ThreadGroup> members = [];
        foreach (KeyValuePair<int, Pid> entry in kernel.RootPids.Pids)
        {
            if (entry.Value.ThreadGroup is not { IsZombie: false } group
                || group.Leader.Namespaces.Container != container)
                continue;
            GuestCgroup of = group.Cgroup ?? container.Cgroups;
            if (of == this || (isDeep && of.IsSelfOrBelow(this)))
                members.Add(group);
        }

        return members;
    }
}
