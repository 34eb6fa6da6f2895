namespace Sandbox.Sentry.Security;

/// <summary>
/// A user namespace (user_namespaces(7)). Ids inside the Sentry are those of the root namespace ("kernel ids");
/// a child namespace maps its own ids to them. Maps are written once (uid_map, gid_map) and immutable afterwards.
/// </summary>
internal sealed class UserNamespace(UserNamespace? parent, uint ownerUserId)
{
    /// <summary>What an id without a mapping shows as (/proc/sys/kernel/overflowuid).</summary>
    public const uint OverflowId = 65534;

    /// <summary>The map of a namespace in which all ids are the kernel's own.</summary>
    public static IdRange[] All { get; } = [new(0, 0, uint.MaxValue)];

    public static UserNamespace Root { get; } = new(null, 0)
    {
        UserMap = All,
        GroupMap = All,
    };

    public UserNamespace? Parent { get; } = parent;

    /// <summary>Kernel uid of the creator, who has every capability in here from the parent.</summary>
    public uint OwnerUserId { get; } = ownerUserId;

    public int Level { get; } = parent is null ? 0 : parent.Level + 1;

    /// <summary>Null until uid_map is written.</summary>
    public IdRange[]? UserMap { get; set; }

    /// <summary>Null until gid_map is written.</summary>
    public IdRange[]? GroupMap { get; set; }

    /// <summary>/proc/PID/setgroups says "deny".</summary>
    public bool SetGroupsDenied { get; set; }

    /// <summary>The kernel id of an id as this namespace's members name it, or null if it has no mapping.</summary>
    public static uint? ToKernel(IdRange[]? map, uint id)
    {
        foreach (IdRange range in map ?? [])
        {
            if (id >= range.Inside && id - range.Inside < range.Count)
                return range.Outside + (id - range.Inside);
        }

        return null;
    }

    /// <summary>How this namespace's members see a kernel id; <see cref="OverflowId"/> if it has no mapping.</summary>
    public static uint FromKernel(IdRange[]? map, uint id)
    {
        foreach (IdRange range in map ?? [])
        {
            if (id >= range.Outside && id - range.Outside < range.Count)
                return range.Inside + (id - range.Outside);
        }

        return OverflowId;
    }

    public uint? UserToKernel(uint id) => ToKernel(UserMap, id);

    public uint? GroupToKernel(uint id) => ToKernel(GroupMap, id);

    public uint UserFromKernel(uint id) => FromKernel(UserMap, id);

    public uint GroupFromKernel(uint id) => FromKernel(GroupMap, id);
}

/// <summary>One line of uid_map, with <paramref name="Outside"/> already translated to kernel ids.</summary>
internal readonly record struct IdRange(uint Inside, uint Outside, uint Count);
