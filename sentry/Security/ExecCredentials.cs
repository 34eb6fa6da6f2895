using Sandbox.Linux;

namespace Sandbox.Sentry.Security;

/// <summary>What execve(2) looks at to compute the new credentials.</summary>
/// <param name="Mode">st_mode of the file.</param>
/// <param name="OwnerUserId">Its owner, kernel id.</param>
/// <param name="OwnerGroupId">Its group, kernel id.</param>
/// <param name="Capabilities">Its file capabilities, or null.</param>
/// <param name="IsNoSetUserId">Its mount is nosuid: neither mode bits nor file capabilities count.</param>
internal readonly record struct ExecutableFile(
    uint Mode, uint OwnerUserId, uint OwnerGroupId, FileCapabilities? Capabilities, bool IsNoSetUserId);

/// <summary>The credentials of a program (capabilities(7), "Transformation of capabilities during execve()").</summary>
/// <param name="Credentials">The task's from now on.</param>
/// <param name="IsSecure">AT_SECURE: the program has more rights than who started it.</param>
internal readonly record struct ExecCredentials(Credentials Credentials, bool IsSecure)
{
    private const uint GroupExecute = 0x8;

    /// <summary>
    /// EPERM if the file's capabilities are effective and the bounding set withholds one of them. For a script, the
    /// file is the interpreter.
    /// </summary>
    public static Result<ExecCredentials> Compute(Credentials old, in ExecutableFile file)
    {
        Credentials current = ApplyModeBits(old, in file);
        FileCapabilities? capabilities = file.IsNoSetUserId ? null : file.Capabilities;
        bool isEffective = false;
        CapabilitySet permitted = CapabilitySet.Empty;
        if (capabilities is { } given)
        {
            permitted = (old.Bounding & given.Permitted) | (old.Inheritable & given.Inheritable);
            isEffective = given.IsEffective;
            if (isEffective && !given.Permitted.IsSubsetOf(permitted))
                return Errno.EPERM;
        }

        uint root = CredentialChange.RootOf(old);
        bool isSetUserIdRootWithCapabilities =
            capabilities is not null && current.EffectiveUserId == root && current.UserId != root;
        if ((old.SecureBits & SecureBits.NoRoot) == 0 && !isSetUserIdRootWithCapabilities)
        {
            if (current.EffectiveUserId == root || current.UserId == root)
                permitted = old.Bounding | old.Inheritable;
            isEffective |= current.EffectiveUserId == root;
        }

        bool isSetId = current.EffectiveUserId != old.UserId || current.EffectiveGroupId != old.GroupId;
        if (old.NoNewPrivileges && (isSetId || !permitted.IsSubsetOf(old.Permitted)))
        {
            current = current with { EffectiveUserId = current.UserId, EffectiveGroupId = current.GroupId };
            permitted &= old.Permitted;
        }

        CapabilitySet ambient = capabilities is not null || isSetId ? CapabilitySet.Empty : old.Ambient;
        permitted |= ambient;
        Credentials result = current with
        {
            SavedUserId = current.EffectiveUserId,
            FileSystemUserId = current.EffectiveUserId,
            SavedGroupId = current.EffectiveGroupId,
            FileSystemGroupId = current.EffectiveGroupId,
            Permitted = permitted,
            Effective = isEffective ? permitted : ambient,
            Ambient = ambient,
            SecureBits = old.SecureBits & ~SecureBits.KeepCaps,
        };
        bool isSecure = isSetId || (result.UserId != root && (isEffective || !permitted.IsSubsetOf(ambient)));
        return new ExecCredentials(result, isSecure);
    }

    // no_new_privs: neither bit counts (prctl(2), PR_SET_NO_NEW_PRIVS).
    private static Credentials ApplyModeBits(Credentials old, in ExecutableFile file)
    {
        if (file.IsNoSetUserId || old.NoNewPrivileges)
            return old;
        UserNamespace user = old.UserNamespace;
        bool isMapped = IsMapped(user.UserMap, file.OwnerUserId) && IsMapped(user.GroupMap, file.OwnerGroupId);
        if (!isMapped)
            return old;
        Credentials changed = old;
        if ((file.Mode & ModeBits.SetUserId) != 0)
            changed = changed with { EffectiveUserId = file.OwnerUserId };

        // Without group execution the bit used to mean mandatory locking.
        if ((file.Mode & ModeBits.SetGroupId) != 0 && (file.Mode & GroupExecute) != 0)
            changed = changed with { EffectiveGroupId = file.OwnerGroupId };
        return changed;
    }

    private static bool IsMapped(IdRange[]? map, uint kernelId)
    {
        foreach (IdRange range in map ?? [])
        {
            if (kernelId >= range.Outside && kernelId - range.Outside < range.Count)
                return true;
        }

        return false;
    }
}
