using Sandbox.Sentry.Kernel.Tasks;
using Sandbox.Sentry.Security;
using Sandbox.Sentry.Vfs;

namespace Sandbox.Sentry.Filesystems.Proc;

/// <summary>
/// Who may look into a process: the check of ptrace(2), "Ptrace access mode checking", PTRACE_MODE_READ_FSCREDS.
/// </summary>
internal static class ProcAccess
{
    public static bool MayInspect(ICaller caller, Task target)
    {
        if (caller is Task reader && reader.Group == target.Group)
            return true;
        Credentials mine = caller.Credentials, theirs = target.Credentials;
        bool isSameUser = mine.FileSystemUserId == theirs.UserId && mine.FileSystemUserId == theirs.EffectiveUserId
            && mine.FileSystemUserId == theirs.SavedUserId && mine.FileSystemGroupId == theirs.GroupId
            && mine.FileSystemGroupId == theirs.EffectiveGroupId && mine.FileSystemGroupId == theirs.SavedGroupId;
        bool isPrivileged = mine.Has(Capability.SysPtrace, theirs.UserNamespace);
        if (!isSameUser && !isPrivileged)
            return false;
        return isPrivileged || target.GuestMemory.IsDumpable;
    }
}
