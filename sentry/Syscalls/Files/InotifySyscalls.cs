using Sandbox.Linux;
using Sandbox.Sentry.Kernel.Tasks;
using Sandbox.Sentry.Vfs;

namespace Sandbox.Sentry.Syscalls;

/// <summary>inotify_init(2), inotify_add_watch(2), inotify_rm_watch(2).</summary>
internal static class InotifySyscalls
{
    private const InotifyEvents Options = InotifyEvents.OnlyDirectory | InotifyEvents.DontFollow
        | InotifyEvents.ExcludeUnlinked
        | InotifyEvents.MaskCreate | InotifyEvents.MaskAdd | InotifyEvents.OneShot;

    public static SyscallResult Init(Task task) => Init1(task, OpenFlags.ReadOnly);

    public static SyscallResult Init1(Task task, OpenFlags flags)
    {
        if ((flags & ~(OpenFlags.CloseOnExec | OpenFlags.NonBlock)) != 0)
            return Errno.EINVAL;
        if (InotifyFile.Create(flags & OpenFlags.NonBlock, task).Failed(out InotifyFile? file, out Errno error))
            return error;
        return task.Files.Install(file, (flags & OpenFlags.CloseOnExec) != 0, task.Group.Limits.OpenFiles);
    }

    public static SyscallResult AddWatch(Task task, Fd fd, UserString path, InotifyEvents mask)
    {
        // Bits that no event has are ignored, as Linux does.
        if ((mask & (InotifyEvents.All | Options | InotifyEvents.Unmount)) == 0
            || (mask & (InotifyEvents.MaskAdd | InotifyEvents.MaskCreate)) == (InotifyEvents.MaskAdd
                | InotifyEvents.MaskCreate))
            return Errno.EINVAL;
        if (task.Files.Get(fd).Failed(out OpenFile? file, out Errno error))
            return error;
        try
        {
            if (file is not InotifyFile inotify)
                return Errno.EINVAL;
            AtFlags flags = (mask & InotifyEvents.DontFollow) != 0 ? AtFlags.SymlinkNoFollow : AtFlags.None;
            if (FileTarget.Find(task, Fd.CurrentDirectory, path, flags, out FileTarget target)
                is not Errno.Ok and Errno missing)
                return missing;
            using (target)
            {
                if ((mask & InotifyEvents.OnlyDirectory) != 0 && !target.Inode.IsDirectory)
                    return Errno.ENOTDIR;
                if (Access.Check(target.Inode, AccessMask.Read, task.Credentials) is not Errno.Ok and Errno refused)
                    return refused;
                return inotify.AddWatch(target.Inode, mask & (InotifyEvents.All | Options));
            }
        }
        finally
        {
            file.Release();
        }
    }

    public static SyscallResult RemoveWatch(Task task, Fd fd, int descriptor)
    {
        if (task.Files.Get(fd).Failed(out OpenFile? file, out Errno error))
            return error;
        Errno result = file is InotifyFile inotify ? inotify.RemoveWatch(descriptor) : Errno.EINVAL;
        file.Release();
        return result;
    }
}
