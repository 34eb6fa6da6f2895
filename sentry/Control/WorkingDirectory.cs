using System.Text;
using Sandbox.Linux;
using Sandbox.Sentry.Loader;
using Sandbox.Sentry.Security;
using Sandbox.Sentry.Vfs;

namespace Sandbox.Sentry.Control;

/// <summary>process.cwd of config.json.</summary>
internal static class WorkingDirectory
{
    /// <summary>Goes there; a container's first process may have it made, as runc does. An error is one line.</summary>
    public static string? Enter(FsContext fs, Credentials credentials, string path, bool createMissing)
    {
        BootCaller caller = new(credentials with { Effective = CapabilitySet.Full, FileSystemUserId = 0 }, fs);
        byte[] bytes = Encoding.UTF8.GetBytes(path);
        Result<VfsPath> found = PathWalk.Resolve(caller, fs.Root, bytes, follow: true);
        if (found.Error == Errno.ENOENT && createMissing)
        {
            for (int end = 1; end <= bytes.Length; end++)
            {
                if (end == bytes.Length || bytes[end] == '/')
                    _ = CreateOperations.CreateDirectory(caller, fs.Root, bytes.AsSpan(0, end), Modes.O755);
            }

            found = PathWalk.Resolve(caller, fs.Root, bytes, follow: true);
        }

        if (found.Failed(out VfsPath place, out Errno error))
            return $"process.cwd: {path}: {ErrnoText.Of(error)}";
        if (!place.Inode.IsDirectory)
            return $"process.cwd: {path}: {ErrnoText.Of(Errno.ENOTDIR)}";
        fs.WorkingDirectory = place;
        return null;
    }
}
