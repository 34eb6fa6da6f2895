using Sandbox.Linux;
using Sandbox.Sentry.Vfs;

namespace Sandbox.Sentry.Filesystems.Proc.Tasks;

/// <summary>Where /proc/PID/exe, cwd and root lead. ENOENT for a zombie.</summary>
internal static class TaskLinks
{
    public static Result<VfsPath> Executable(ProcTask target)
    {
        VfsPath path = target.Task.GuestMemory.Executable;
        return target.IsZombie || !path.IsSome ? Errno.ENOENT : path;
    }

    public static Result<VfsPath> WorkingDirectory(ProcTask target) =>
        HasEnded(target) ? Errno.ENOENT : target.Task.Fs.WorkingDirectory;

    public static Result<VfsPath> Root(ProcTask target) => HasEnded(target) ? Errno.ENOENT : target.Task.Fs.Root;

    // A main thread that has ended before the others has no places either.
    private static bool HasEnded(ProcTask target) => target.IsZombie || target.Task.Fs.HasEnded;
}
