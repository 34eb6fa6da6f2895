using Sandbox.Linux;

namespace Sandbox.Sentry.Security;

/// <summary>
/// The rules by which a task changes its own ids and capabilities (credentials(7), capabilities(7)). Pure: old
/// credentials in, new ones out. Ids are kernel ids; null stands for the -1 that leaves an id alone.
/// </summary>
internal static class CredentialChange
{
    /// <summary>What the file system ids govern (CAP_FS_SET).</summary>
    private static readonly CapabilitySet _fileSystemSet = CapabilitySet.Empty
        .With(Capability.Chown).With(Capability.Mknod).With(Capability.DacOverride).With(Capability.DacReadSearch)
        .With(Capability.FileOwner).With(Capability.FileSetId).With(Capability.LinuxImmutable).With(
            Capability.MacOverride);

    /// <summary>setuid(2). EPERM.</summary>
    public static Result<Credentials> SetUser(Credentials old, uint id)
    {
        if (old.Has(Capability.SetUid, old.UserNamespace))
        {
            return FixCapabilities(old, old with
            {
                UserId = id,
                EffectiveUserId = id,
                SavedUserId = id,
                FileSystemUserId = id,
            });
        }

        if (id != old.UserId && id != old.SavedUserId)
            return Errno.EPERM;
        return FixCapabilities(old, old with { EffectiveUserId = id, FileSystemUserId = id });
    }

    /// <summary>setreuid(2). EPERM.</summary>
    public static Result<Credentials> SetRealEffectiveUser(Credentials old, uint? real, uint? effective)
    {
        bool isPrivileged = old.Has(Capability.SetUid, old.UserNamespace);
        if (!isPrivileged && real is { } r && r != old.UserId && r != old.EffectiveUserId)
            return Errno.EPERM;
        if (!isPrivileged && effective is { } e && e != old.UserId && e != old.EffectiveUserId && e != old.SavedUserId)
            return Errno.EPERM;
        uint newEffective = effective ?? old.EffectiveUserId;
        bool setsSaved = real is not null || (effective is { } changed && changed != old.UserId);
        return FixCapabilities(old, old with
        {
            UserId = real ?? old.UserId,
            EffectiveUserId = newEffective,
            SavedUserId = setsSaved ? newEffective : old.SavedUserId,
            FileSystemUserId = newEffective,
        });
    }

    /// <summary>setresuid(2). EPERM.</summary>
    public static Result<Credentials> SetAllUsers(Credentials old, uint? real, uint? effective, uint? saved)
    {
        bool isPrivileged = old.Has(Capability.SetUid, old.UserNamespace);
        if (!isPrivileged && !(IsOwn(real) && IsOwn(effective) && IsOwn(saved)))
            return Errno.EPERM;
        uint newEffective = effective ?? old.EffectiveUserId;
        return FixCapabilities(old, old with
        {
            UserId = real ?? old.UserId,
            EffectiveUserId = newEffective,
            SavedUserId = saved ?? old.SavedUserId,
            FileSystemUserId = newEffective,
        });

        bool IsOwn(uint? id) => id is null || id == old.UserId || id == old.EffectiveUserId || id == old.SavedUserId;
    }

    /// <summary>setfsuid(2): the same credentials if it is not allowed.</summary>
    public static Credentials SetFileSystemUser(Credentials old, uint id)
    {
        bool isAllowed = id == old.UserId || id == old.EffectiveUserId || id == old.SavedUserId
            || id == old.FileSystemUserId
            || old.Has(Capability.SetUid, old.UserNamespace);
        if (!isAllowed || id == old.FileSystemUserId)
            return old;
        Credentials changed = old with { FileSystemUserId = id };
        if ((old.SecureBits & SecureBits.NoSetUidFixup) != 0)
            return changed;
        uint root = RootOf(old);
        if (old.FileSystemUserId == root)
            return changed with { Effective = new(old.Effective.Mask & ~_fileSystemSet.Mask) };
        return id == root ? changed with { Effective = old.Effective | (_fileSystemSet & old.Permitted) } : changed;
    }

    /// <summary>setgid(2). EPERM.</summary>
    public static Result<Credentials> SetGroup(Credentials old, uint id)
    {
        if (old.Has(Capability.SetGid, old.UserNamespace))
            return old with { GroupId = id, EffectiveGroupId = id, SavedGroupId = id, FileSystemGroupId = id };
        if (id != old.GroupId && id != old.SavedGroupId)
            return Errno.EPERM;
        return old with { EffectiveGroupId = id, FileSystemGroupId = id };
    }

    /// <summary>setregid(2). EPERM.</summary>
    public static Result<Credentials> SetRealEffectiveGroup(Credentials old, uint? real, uint? effective)
    {
        bool isPrivileged = old.Has(Capability.SetGid, old.UserNamespace);
        if (!isPrivileged && real is { } r && r != old.GroupId && r != old.EffectiveGroupId)
            return Errno.EPERM;
        if (!isPrivileged && effective is { } e && e != old.GroupId && e != old.EffectiveGroupId
            && e != old.SavedGroupId)
            return Errno.EPERM;
        uint newEffective = effective ?? old.EffectiveGroupId;
        bool setsSaved = real is not null || (effective is { } changed && changed != old.GroupId);
        return old with
        {
            GroupId = real ?? old.GroupId,
            EffectiveGroupId = newEffective,
            SavedGroupId = setsSaved ? newEffective : old.SavedGroupId,
            FileSystemGroupId = newEffective,
        };
    }

    /// <summary>setresgid(2). EPERM.</summary>
    public static Result<Credentials> SetAllGroups(Credentials old, uint? real, uint? effective, uint? saved)
    {
        bool isPrivileged = old.Has(Capability.SetGid, old.UserNamespace);
        if (!isPrivileged && !(IsOwn(real) && IsOwn(effective) && IsOwn(saved)))
            return Errno.EPERM;
        uint newEffective = effective ?? old.EffectiveGroupId;
        return old with
        {
            GroupId = real ?? old.GroupId,
            EffectiveGroupId = newEffective,
            SavedGroupId = saved ?? old.SavedGroupId,
            FileSystemGroupId = newEffective,
        };

        bool IsOwn(uint? id) => id is null || id == old.GroupId || id == old.EffectiveGroupId || id == old.SavedGroupId;
    }

    /// <summary>setfsgid(2): the same credentials if it is not allowed.</summary>
    public static Credentials SetFileSystemGroup(Credentials old, uint id)
    {
        bool isAllowed = id == old.GroupId || id == old.EffectiveGroupId || id == old.SavedGroupId
            || id == old.FileSystemGroupId || old.Has(Capability.SetGid, old.UserNamespace);
        return isAllowed ? old with { FileSystemGroupId = id } : old;
    }

    /// <summary>capset(2). EPERM.</summary>
    public static Result<Credentials> SetCapabilities(
        Credentials old, CapabilitySet effective, CapabilitySet permitted, CapabilitySet inheritable)
    {
        if (!old.Has(Capability.SetPcap, old.UserNamespace) && !inheritable.IsSubsetOf(old.Inheritable | old.Permitted))
            return Errno.EPERM;
        if (!inheritable.IsSubsetOf(old.Inheritable | old.Bounding))
            return Errno.EPERM;
        if (!permitted.IsSubsetOf(old.Permitted) || !effective.IsSubsetOf(permitted))
            return Errno.EPERM;
        return old with
        {
            Effective = effective,
            Permitted = permitted,
            Inheritable = inheritable,
            Ambient = old.Ambient & permitted & inheritable,
        };
    }

    /// <summary>The kernel uid of the namespace's root; a namespace without one has no privileged uid.</summary>
    public static uint RootOf(Credentials credentials) => credentials.UserNamespace.UserToKernel(0) ?? uint.MaxValue;

    // capabilities(7), "Effect of user ID changes on capabilities".
    private static Credentials FixCapabilities(Credentials old, Credentials changed)
    {
        if ((old.SecureBits & SecureBits.NoSetUidFixup) != 0)
            return changed;
        uint root = RootOf(old);
        if (HasRoot(old, root) && !HasRoot(changed, root))
        {
            if ((old.SecureBits & SecureBits.KeepCaps) == 0)
                changed = changed with { Permitted = CapabilitySet.Empty, Effective = CapabilitySet.Empty };
            changed = changed with { Ambient = CapabilitySet.Empty };
        }

        if (old.EffectiveUserId == root && changed.EffectiveUserId != root)
            return changed with { Effective = CapabilitySet.Empty };
        return old.EffectiveUserId != root && changed.EffectiveUserId == root
            ? changed with { Effective = changed.Permitted }
            : changed;
    }

    private static bool HasRoot(Credentials credentials, uint root) =>
        credentials.UserId == root || credentials.EffectiveUserId == root || credentials.SavedUserId == root;
}
