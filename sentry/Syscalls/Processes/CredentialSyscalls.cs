using Sandbox.Linux;
using Sandbox.Sentry.Kernel.Tasks;
using Sandbox.Sentry.Security;

namespace Sandbox.Sentry.Syscalls;

/// <summary>
/// User and group ids (credentials(7)): getuid(2) and family, setuid(2) and family, getgroups(2), setgroups(2).
/// </summary>
internal static class CredentialSyscalls
{
    /// <summary>NGROUPS_MAX.</summary>
    private const int MaxGroups = 65536;

    /// <summary>The -1 that leaves an id alone.</summary>
    private const uint Unchanged = uint.MaxValue;

    public static SyscallResult GetUser(Task task) => Seen(task).UserFromKernel(task.Credentials.UserId);

    public static SyscallResult GetEffectiveUser(Task task) =>
        Seen(task).UserFromKernel(task.Credentials.EffectiveUserId);

    public static SyscallResult GetGroup(Task task) => Seen(task).GroupFromKernel(task.Credentials.GroupId);

    public static SyscallResult GetEffectiveGroup(Task task) =>
        Seen(task).GroupFromKernel(task.Credentials.EffectiveGroupId);

    public static SyscallResult GetAllUsers(Task task, UserPtr<uint> real, UserPtr<uint> effective, UserPtr<uint> saved)
    {
        Credentials own = task.Credentials;
        UserNamespace user = own.UserNamespace;
        return WriteThree(
            task, real, user.UserFromKernel(own.UserId), effective, user.UserFromKernel(own.EffectiveUserId),
            saved, user.UserFromKernel(own.SavedUserId));
    }

    public static SyscallResult GetAllGroups(
        Task task, UserPtr<uint> real, UserPtr<uint> effective, UserPtr<uint> saved)
    {
        Credentials own = task.Credentials;
        UserNamespace user = own.UserNamespace;
        return WriteThree(
            task, real, user.GroupFromKernel(own.GroupId), effective, user.GroupFromKernel(own.EffectiveGroupId),
            saved, user.GroupFromKernel(own.SavedGroupId));
    }

    public static SyscallResult SetUser(Task task, uint id) =>
        Seen(task).UserToKernel(id) is { } user
            ? Commit(task, CredentialChange.SetUser(task.Credentials, user))
            : Errno.EINVAL;

    public static SyscallResult SetGroup(Task task, uint id) =>
        Seen(task).GroupToKernel(id) is { } group
            ? Commit(task, CredentialChange.SetGroup(task.Credentials, group))
            : Errno.EINVAL;

    public static SyscallResult SetRealEffectiveUser(Task task, uint real, uint effective)
    {
        if (!User(task, real, out uint? newReal) || !User(task, effective, out uint? newEffective))
            return Errno.EINVAL;
        return Commit(task, CredentialChange.SetRealEffectiveUser(task.Credentials, newReal, newEffective));
    }

    public static SyscallResult SetRealEffectiveGroup(Task task, uint real, uint effective)
    {
        if (!Group(task, real, out uint? newReal) || !Group(task, effective, out uint? newEffective))
            return Errno.EINVAL;
        return Commit(task, CredentialChange.SetRealEffectiveGroup(task.Credentials, newReal, newEffective));
    }

    public static SyscallResult SetAllUsers(Task task, uint real, uint effective, uint saved)
    {
        if (!User(task, real, out uint? newReal) || !User(task, effective, out uint? newEffective)
            || !User(task, saved, out uint? newSaved))
        {
            return Errno.EINVAL;
        }

        return Commit(task, CredentialChange.SetAllUsers(task.Credentials, newReal, newEffective, newSaved));
    }

    public static SyscallResult SetAllGroups(Task task, uint real, uint effective, uint saved)
    {
        if (!Group(task, real, out uint? newReal) || !Group(task, effective, out uint? newEffective)
            || !Group(task, saved, out uint? newSaved))
        {
            return Errno.EINVAL;
        }

        return Commit(task, CredentialChange.SetAllGroups(task.Credentials, newReal, newEffective, newSaved));
    }

    /// <summary>setfsuid(2) answers the old id, whatever it did.</summary>
    public static SyscallResult SetFileSystemUser(Task task, uint id)
    {
        uint old = Seen(task).UserFromKernel(task.Credentials.FileSystemUserId);
        if (Seen(task).UserToKernel(id) is { } user)
            Commit(task, CredentialChange.SetFileSystemUser(task.Credentials, user));
        return old;
    }

    public static SyscallResult SetFileSystemGroup(Task task, uint id)
    {
        uint old = Seen(task).GroupFromKernel(task.Credentials.FileSystemGroupId);
        if (Seen(task).GroupToKernel(id) is { } group)
            Commit(task, CredentialChange.SetFileSystemGroup(task.Credentials, group));
        return old;
    }

    public static SyscallResult GetGroups(Task task, int size, UserPtr<uint> list)
    {
        uint[] groups = task.Credentials.Groups;
        if (size < 0 || (size != 0 && size < groups.Length))
            return Errno.EINVAL;
        if (size == 0)
            return groups.Length;
        uint[] seen = new uint[groups.Length];
        for (int index = 0; index < groups.Length; index++)
            seen[index] = Seen(task).GroupFromKernel(groups[index]);
        Errno error = task.Memory.WriteArray<uint>(list, seen);
        return error == Errno.Ok ? groups.Length : error;
    }

    public static SyscallResult SetGroups(Task task, int size, UserPtr<uint> list)
    {
        UserNamespace user = Seen(task);
        if (!task.Credentials.Has(Capability.SetGid, user) || user.SetGroupsDenied || user.GroupMap is null)
            return Errno.EPERM;
        if ((uint)size > MaxGroups)
            return Errno.EINVAL;
        uint[] groups = new uint[size];
        if (task.Memory.ReadArray<uint>(list, groups) is not Errno.Ok and Errno error)
            return error;
        for (int index = 0; index < groups.Length; index++)
        {
            if (user.GroupToKernel(groups[index]) is not { } group)
                return Errno.EINVAL;
            groups[index] = group;
        }

        Array.Sort(groups);
        return Commit(task, task.Credentials with { Groups = groups });
    }

    /// <summary>
    /// Puts new credentials in force. Losing or changing rights makes the process undumpable and forgets its parent
    /// death signal, so that nobody who could look into it before can afterwards (prctl(2)).
    /// </summary>
    internal static SyscallResult Commit(Task task, Result<Credentials> change)
    {
        if (change.Failed(out Credentials? changed, out Errno error))
            return error;
        Credentials old = task.Credentials;
        if (old.EffectiveUserId != changed.EffectiveUserId || old.EffectiveGroupId != changed.EffectiveGroupId
            || old.FileSystemUserId != changed.FileSystemUserId || old.FileSystemGroupId != changed.FileSystemGroupId
            || !changed.Permitted.IsSubsetOf(old.Permitted))
        {
            task.GuestMemory.IsDumpable = false;
            task.ParentDeathSignal = Signal.None;
        }

        task.Credentials = changed;
        return 0;
    }

    private static UserNamespace Seen(Task task) => task.Credentials.UserNamespace;

    private static bool User(Task task, uint id, out uint? kernelId)
    {
        kernelId = id == Unchanged ? null : Seen(task).UserToKernel(id);
        return id == Unchanged || kernelId is not null;
    }

    private static bool Group(Task task, uint id, out uint? kernelId)
    {
        kernelId = id == Unchanged ? null : Seen(task).GroupToKernel(id);
        return id == Unchanged || kernelId is not null;
    }

    private static SyscallResult WriteThree(
        Task task, UserPtr<uint> first, uint real, UserPtr<uint> second, uint effective, UserPtr<uint> third,
        uint saved)
    {
        if (task.Memory.Write(first, real) is not Errno.Ok and Errno error)
            return error;
        if (task.Memory.Write(second, effective) is not Errno.Ok and Errno fault)
            return fault;
        return task.Memory.Write(third, saved);
    }
}
