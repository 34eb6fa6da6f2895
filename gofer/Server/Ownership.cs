using Sandbox.Gofer.Protocol;
using Sandbox.Linux;

namespace Sandbox.Gofer;

/// <summary>
/// Gives a new file the owner and mode the client asked for: the client does the guest's permission checks and knows
/// the guest's ids, the host only knows the server's.
/// </summary>
internal static class Ownership
{
    /// <summary>
    /// Makes owner and mode of a descriptor (O_PATH or not) exactly these, whatever the umask, default ACLs or a
    /// set-group-ID directory made of them. Errors: EPERM, EINVAL (ids that do not exist in this user namespace).
    /// </summary>
    public static Errno Settle(
        ProcSelfFd procSelfFd, int fd, uint userId, uint groupId, uint mode, out GoferAttributes attributes)
    {
        if (Confined.Attributes(fd, out attributes) is not Errno.Ok and Errno error)
            return error;
        bool ownerDiffers = attributes.UserId != userId || attributes.GroupId != groupId;
        if (ownerDiffers && HostDirectory.ChangeOwner(fd, "\0"u8, userId, groupId, AtFlags.EmptyPath)
            is not Errno.Ok and Errno ownerError)
            return ownerError;
        // A change of owner takes the set-ID bits away, so the mode comes second.
        bool modeDiffers = attributes.Type != FileType.SymbolicLink
            && ((attributes.Mode & ModeBits.All) != mode || (ownerDiffers && mode > 0x1FF));
        if (modeDiffers && procSelfFd.ChangeMode(fd, mode) is not Errno.Ok and Errno modeError)
            return modeError;
        return ownerDiffers || modeDiffers ? Confined.Attributes(fd, out attributes) : Errno.Ok;
    }

    /// <summary>
    /// As <see cref="Settle"/> for a name that was just made, which must be of <paramref name="type"/>.
    /// Errors also: ESTALE (somebody replaced it).
    /// </summary>
    public static Errno SettleName(
        ProcSelfFd procSelfFd,
        int directory,
        ReadOnlySpan<byte> nameWithNul,
        FileType type,
        uint userId,
        uint groupId,
        uint mode,
        out GoferAttributes attributes)
    {
        attributes = default;
        if (Confined.OpenPath(directory, nameWithNul).Failed(out int fd, out Errno error))
            return error;
        using HostFd owner = new(fd);
        if (Confined.Attributes(fd, out attributes) is not Errno.Ok and Errno failed)
            return failed;
        return attributes.Type != type
            ? Errno.ESTALE
            : Settle(procSelfFd, fd, userId, groupId, mode, out attributes);
    }
}
