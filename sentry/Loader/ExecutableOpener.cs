using Sandbox.Linux;
using Sandbox.Sentry.Vfs;

namespace Sandbox.Sentry.Loader;

/// <summary>Opens programs by path, with the checks of execve(2).</summary>
internal sealed class ExecutableOpener : IExecutableOpener
{
    public static ExecutableOpener Instance { get; } = new();

    public Result<OpenFile> OpenExecutable(ICaller caller, ReadOnlySpan<byte> path) =>
        OpenExecutable(caller, caller.Fs.WorkingDirectory, path, follow: true);

    /// <summary>
    /// As the interface's, relative to <paramref name="start"/>; ELOOP for a link that is not to be followed.
    /// </summary>
    public static Result<OpenFile> OpenExecutable(ICaller caller, VfsPath start, ReadOnlySpan<byte> path, bool follow)
    {
        if (PathWalk.Resolve(caller, start, path, follow).Failed(out VfsPath place, out Errno error))
            return error;
        return place.Inode.IsSymbolicLink ? Errno.ELOOP : OpenExecutable(caller, place);
    }

    /// <summary>Opens a file that was found already.</summary>
    public static Result<OpenFile> OpenExecutable(ICaller caller, VfsPath place)
    {
        if (!place.Inode.IsRegular || (place.Mount.Flags & MountFlags.NoExecute) != 0)
            return Errno.EACCES;
        if (Access.Check(place.Inode, AccessMask.Execute, caller.Credentials) is not Errno.Ok and Errno refused)
            return refused;
        return place.Inode.IsWritten ? Errno.ETXTBSY : place.Inode.Open(place, OpenFlags.ReadOnly, caller);
    }
}
