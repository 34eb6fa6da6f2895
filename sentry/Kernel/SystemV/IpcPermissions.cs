using System.Runtime.InteropServices;
using Sandbox.Linux;
using Sandbox.Sentry.Memory;
using Sandbox.Sentry.Security;

namespace Sandbox.Sentry.Kernel.SystemV;

/// <summary>struct ipc64_perm (include/uapi/asm-generic/ipcbuf.h).</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct IpcPermissionRecord
{
    public int Key;
    public uint UserId;
    public uint GroupId;
    public uint CreatorUserId;
    public uint CreatorGroupId;
    public uint Mode;
    public ushort Sequence;
    private readonly ushort _padding0;
    private readonly uint _padding1;
    private readonly ulong _unused0;
    private readonly ulong _unused1;
}

/// <summary>
/// What every System V object is known by and who may use it (sysvipc(7)). Guarded by its namespace's lock.
/// </summary>
internal abstract class IpcObject
{
    /// <summary>IPC_PRIVATE: a key that no other call finds the object by.</summary>
    public const int PrivateKey = 0;

    private const uint ModeBits = 0x1FF;

    /// <summary>What it costs its maker's container; a namespace may end with objects in it.</summary>
    private readonly CollectedCharge _cost;

    protected IpcObject(int key, uint mode, Credentials creator, MemoryAccount account)
    {
        _cost = new CollectedCharge(account);
        (Key, Mode) = (key, mode & ModeBits);
        (UserId, GroupId) = (creator.EffectiveUserId, creator.EffectiveGroupId);
        (CreatorUserId, CreatorGroupId) = (UserId, GroupId);
    }

    public int Key { get; set; }
    public int Id { get; set; }
    public uint UserId { get; private set; }
    public uint GroupId { get; private set; }
    public uint CreatorUserId { get; }
    public uint CreatorGroupId { get; }

    /// <summary>Permission bits, and SHM_DEST once a segment is to go with its last attachment.</summary>
    public uint Mode { get; set; }

    /// <summary>Removed: whoever still waits gets EIDRM.</summary>
    public bool IsRemoved { get; set; }

    /// <summary>Time of the last change by IPC_SET or of its making, seconds.</summary>
    public long ChangeTime { get; set; } = Now;

    /// <summary>CLOCK_REALTIME, seconds.</summary>
    public static long Now => HostClock.Now(HostClock.Realtime) / 1_000_000_000;

    /// <summary>
    /// Before it is entered: charges for it, and for what it has from the start. ENOMEM, also where the last that the
    /// container has would go for what outlives its makers.
    /// </summary>
    public Errno Charge(long bytes) =>
        !_cost.IsFull && _cost.TryAddQuietly(ObjectCost.IpcObject + bytes) ? Errno.Ok : Errno.ENOMEM;

    /// <summary>It has been removed.</summary>
    public void ReturnCharge() => _cost.Return();

    /// <summary>Whether the bits (4 read, 2 write) are granted. EACCES.</summary>
    public Errno Check(uint wanted, Credentials caller, UserNamespace owner)
    {
        uint granted = caller.EffectiveUserId == UserId || caller.EffectiveUserId == CreatorUserId ? Mode >> 6
            : caller.EffectiveGroupId == GroupId || caller.EffectiveGroupId == CreatorGroupId || IsMember(caller)
            ? Mode >> 3
            : Mode;
        return (wanted & ~granted & 7) == 0 || caller.Has(Capability.IpcOwner, owner) ? Errno.Ok : Errno.EACCES;
    }

    /// <summary>Whether the object may be changed or removed: owner, creator or CAP_SYS_ADMIN. EPERM.</summary>
    public Errno CheckOwner(Credentials caller, UserNamespace owner) =>
        caller.EffectiveUserId == UserId || caller.EffectiveUserId == CreatorUserId
            || caller.Has(Capability.SysAdmin, owner)
            ? Errno.Ok
            : Errno.EPERM;

    /// <summary>The record as a caller sees it.</summary>
    public IpcPermissionRecord Describe(UserNamespace viewer) => new()
    {
        Key = Key,
        UserId = viewer.UserFromKernel(UserId),
        GroupId = viewer.GroupFromKernel(GroupId),
        CreatorUserId = viewer.UserFromKernel(CreatorUserId),
        CreatorGroupId = viewer.GroupFromKernel(CreatorGroupId),
        Mode = Mode,
        Sequence = (ushort)(Id >> 15),
    };

    /// <summary>IPC_SET: owner, group and the nine mode bits. EINVAL for an id without a mapping.</summary>
    public Errno Set(in IpcPermissionRecord wanted, UserNamespace space)
    {
        if (space.UserToKernel(wanted.UserId) is not { } user || space.GroupToKernel(wanted.GroupId) is not { } group)
            return Errno.EINVAL;
        (UserId, GroupId) = (user, group);
        Mode = (Mode & ~ModeBits) | (wanted.Mode & ModeBits);
        ChangeTime = Now;
        return Errno.Ok;
    }

    private bool IsMember(Credentials caller) =>
        Array.IndexOf(caller.Groups, GroupId) >= 0 || Array.IndexOf(caller.Groups, CreatorGroupId) >= 0;
}
