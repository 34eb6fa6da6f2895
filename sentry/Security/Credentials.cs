namespace Sandbox.Sentry.Security;

/// <summary>
/// A task's credentials (credentials(7), capabilities(7)). Immutable: a change makes a new object, so that readers need
/// no lock and an open file keeps those it was opened with. Ids are kernel ids (those of the root user namespace).
/// </summary>
internal sealed record Credentials
{
    public required UserNamespace UserNamespace { get; init; }
    public uint UserId { get; init; }
    public uint EffectiveUserId { get; init; }
    public uint SavedUserId { get; init; }
    public uint FileSystemUserId { get; init; }
    public uint GroupId { get; init; }
    public uint EffectiveGroupId { get; init; }
    public uint SavedGroupId { get; init; }
    public uint FileSystemGroupId { get; init; }

    /// <summary>Supplementary groups. Never changed in place.</summary>
    public uint[] Groups { get; init; } = [];
    public CapabilitySet Inheritable { get; init; }
    public CapabilitySet Permitted { get; init; }
    public CapabilitySet Effective { get; init; }
    public CapabilitySet Bounding { get; init; } = CapabilitySet.Full;
    public CapabilitySet Ambient { get; init; }

    /// <summary>SECBIT_* (capabilities(7)).</summary>
    public uint SecureBits { get; init; }
    public bool NoNewPrivileges { get; init; }

    /// <summary>
    /// True if the task may use the capability over objects of the root user namespace's filesystems and kernel.
    /// </summary>
    public bool Has(Capability capability) => Has(capability, UserNamespace.Root);

    /// <summary>
    /// True if the task has the capability in <paramref name="target"/> (user_namespaces(7), "Capabilities").
    /// </summary>
    public bool Has(Capability capability, UserNamespace target)
    {
        for (UserNamespace? current = target; current is not null; current = current.Parent)
        {
            if (current == UserNamespace)
                return Effective.Has(capability);
            if (current.Parent == UserNamespace && current.OwnerUserId == EffectiveUserId)
                return true;
        }

        return false;
    }

    /// <summary>True if <paramref name="group"/> is the filesystem group or a supplementary one.</summary>
    public bool IsInGroup(uint group)
    {
        if (FileSystemGroupId == group)
            return true;
        foreach (uint member in Groups)
        {
            if (member == group)
                return true;
        }

        return false;
    }
}
