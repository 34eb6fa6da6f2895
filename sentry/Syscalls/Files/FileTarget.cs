using Sandbox.Linux;
using Sandbox.Sentry.Kernel.Tasks;
using Sandbox.Sentry.Memory;
using Sandbox.Sentry.Security;
using Sandbox.Sentry.Vfs;

namespace Sandbox.Sentry.Syscalls;

/// <summary>
/// The file that a descriptor, or a directory descriptor with a path, means. <see cref="Path"/> is <c>default</c> for
/// files without a place. Dispose it: it may hold an open file.
/// </summary>
internal ref struct FileTarget
{
    private OpenFile? _file;

    private FileTarget(VfsPath path, Inode inode, OpenFile? file) => (Path, Inode, _file) = (path, inode, file);

    public VfsPath Path { get; }

    public Inode Inode { get; }

    /// <summary>A descriptor's file. EBADF.</summary>
    public static Errno Of(Task task, Fd fd, bool allowPathOnly, out FileTarget target)
    {
        if (task.Files.Get(fd, allowPathOnly).Failed(out OpenFile? file, out Errno error))
        {
            target = default;
            return error;
        }

        target = new FileTarget(file.Path, file.Inode, file);
        return Errno.Ok;
    }

    /// <summary>
    /// What a path leads to, from a directory descriptor; with <see cref="AtFlags.EmptyPath"/> an empty path means the
    /// descriptor itself. <see cref="AtFlags.SymlinkNoFollow"/> stops at a last link.
    /// </summary>
    public static Errno Find(
        Task task, Fd directory, UserString path, AtFlags flags, out FileTarget target, Credentials? credentials = null)
    {
        target = default;
        Span<byte> buffer = stackalloc byte[UserMemory.MaxPathBytes];
        scoped ReadOnlySpan<byte> text = default;
        bool mayBeEmpty = (flags & AtFlags.EmptyPath) != 0;
        if (!(mayBeEmpty && path.IsNull)
            && task.Memory.ReadPath(path, buffer, out text) is not Errno.Ok and Errno fault)
            return fault;
        if (text.IsEmpty && mayBeEmpty)
        {
            if (directory != Fd.CurrentDirectory)
                return Of(task, directory, allowPathOnly: true, out target);
            VfsPath current = task.Fs.WorkingDirectory;
            target = new FileTarget(current, current.Inode, null);
            return Errno.Ok;
        }

        if (text.IsEmpty)
            return Errno.ENOENT; // Before the descriptor is looked at.
        if (StartOf(task, directory, text).Failed(out VfsPath start, out Errno error))
            return error;
        bool follow = (flags & AtFlags.SymlinkNoFollow) == 0;
        if (PathWalk.Resolve(task, start, text, follow, ResolveFlags.None, credentials).Failed(
            out VfsPath found, out error))
            return error;
        target = new FileTarget(found, found.Inode, null);
        return Errno.Ok;
    }

    /// <summary>
    /// Where a path starts: the working directory or a descriptor's directory; an absolute path does not look. EBADF,
    /// ENOTDIR.
    /// </summary>
    /// <remarks>
    /// Where the directory is the root for this walk (RESOLVE_IN_ROOT), an absolute path starts there, too.
    /// </remarks>
    public static Result<VfsPath> StartOf(Task task, Fd directory, ReadOnlySpan<byte> path, bool isRoot = false)
    {
        if ((path is [(byte)'/', ..] && !isRoot) || directory == Fd.CurrentDirectory)
            return task.Fs.WorkingDirectory;
        if (task.Files.Get(directory, allowPathOnly: true).Failed(out OpenFile? file, out Errno error))
            return error;
        VfsPath place = file.Path;
        bool isDirectory = place.IsSome && file.Inode.IsDirectory;
        file.Release();
        return isDirectory ? place : Errno.ENOTDIR;
    }

    /// <summary>
    /// A path argument and where it starts. ENAMETOOLONG, EFAULT, EBADF, ENOTDIR, ENOENT for an empty one.
    /// </summary>
    public static Errno ReadPath(
        Task task, Fd directory, UserString path, Span<byte> buffer, out VfsPath start, out ReadOnlySpan<byte> text,
        bool isRoot = false)
    {
        start = default;
        if (task.Memory.ReadPath(path, buffer, out text) is not Errno.Ok and Errno fault)
            return fault;
        if (text.IsEmpty)
            return Errno.ENOENT;
        return StartOf(task, directory, text, isRoot).Failed(out start, out Errno error) ? error : Errno.Ok;
    }

    public void Dispose()
    {
        _file?.Release();
        _file = null;
    }
}
