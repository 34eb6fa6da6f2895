using System.Runtime.InteropServices;
using Sandbox.Linux;
using Sandbox.Sentry.Kernel.Shortcuts;
using Sandbox.Sentry.Kernel.Tasks;
using Sandbox.Sentry.Memory;
using Sandbox.Sentry.Vfs;

namespace Sandbox.Sentry.Syscalls;

/// <summary>struct open_how (openat2(2)).</summary>
[StructLayout(LayoutKind.Sequential)]
internal readonly record struct OpenHow(ulong Flags, ulong Mode, ulong Resolve);

/// <summary>open(2), openat(2), openat2(2), creat(2), close(2), close_range(2).</summary>
internal static class OpenSyscalls
{
    // All flags that open(2) knows; it ignores others, openat2(2) refuses them.
    private const OpenFlags KnownFlags = OpenFlags.AccessMode | OpenFlags.Create | OpenFlags.Exclusive
        | OpenFlags.NoControllingTerminal | OpenFlags.Truncate | OpenFlags.Append | OpenFlags.NonBlock | OpenFlags.Sync
        | OpenFlags.Async | OpenFlags.Direct | OpenFlags.LargeFile | OpenFlags.Directory | OpenFlags.NoFollow
        | OpenFlags.NoAccessTime | OpenFlags.CloseOnExec | OpenFlags.Path | OpenFlags.TemporaryFile;

    private const OpenFlags PathFlags = OpenFlags.Path | OpenFlags.Directory | OpenFlags.NoFollow
        | OpenFlags.CloseOnExec;
    private const OpenFlags TemporaryOnly = OpenFlags.TemporaryFile & ~OpenFlags.Directory;

    private const ResolveFlags KnownResolve = ResolveFlags.NoCrossDevice | ResolveFlags.NoMagicLinks
        | ResolveFlags.NoSymlinks
        | ResolveFlags.Beneath | ResolveFlags.InRoot | ResolveFlags.Cached;

    private const uint CloseRangeUnshare = 2, CloseRangeCloseOnExec = 4;

    public static SyscallResult Open(Task task, UserString path, OpenFlags flags, uint mode) =>
        OpenAt(task, Fd.CurrentDirectory, path, flags, mode);

    public static SyscallResult Create(Task task, UserString path, uint mode) =>
        OpenAt(task, Fd.CurrentDirectory, path, OpenFlags.Create | OpenFlags.WriteOnly | OpenFlags.Truncate, mode);

    public static SyscallResult OpenAt(Task task, Fd directory, UserString path, OpenFlags flags, uint mode)
    {
        flags = (flags & KnownFlags) | OpenFlags.LargeFile;
        bool creates = (flags & (OpenFlags.Create | TemporaryOnly)) != 0;
        if ((flags & OpenFlags.Path) != 0)
            flags &= PathFlags; // open(2): all other flags are ignored with O_PATH.
        return Run(task, directory, path, new OpenRequest(flags, creates ? mode & ModeBits.All : 0));
    }

    public static SyscallResult OpenAt2(Task task, Fd directory, UserString path, UserPtr<OpenHow> how, ulong size)
    {
        const int knownBytes = 24, maxBytes = 4096;
        if (size < knownBytes)
            return Errno.EINVAL;
        if (size > maxBytes)
            return Errno.E2BIG;
        if (task.Memory.Read(how, out OpenHow value) is not Errno.Ok and Errno fault)
            return fault;
        if (CheckZero(task, how.Address + knownBytes, (int)size - knownBytes) is not Errno.Ok and Errno notZero)
            return notZero;
        OpenFlags flags = (OpenFlags)(int)value.Flags;
        ResolveFlags resolve = (ResolveFlags)value.Resolve;
        bool creates = (flags & (OpenFlags.Create | TemporaryOnly)) != 0;
        if ((value.Flags & ~(ulong)(uint)KnownFlags) != 0 || (resolve & ~KnownResolve) != 0
            || value.Mode > ModeBits.All || (!creates && value.Mode != 0)
            || ((flags & OpenFlags.Path) != 0 && (flags & ~PathFlags) != 0)
            || (resolve & (ResolveFlags.Beneath | ResolveFlags.InRoot)) == (ResolveFlags.Beneath | ResolveFlags.InRoot))
            return Errno.EINVAL;
        if ((resolve & ResolveFlags.Cached) != 0
            && (flags & (OpenFlags.Truncate | OpenFlags.Create | TemporaryOnly)) != 0)
            return Errno.EAGAIN;
        if ((flags & OpenFlags.Path) == 0)
            flags |= OpenFlags.LargeFile;
        return Run(task, directory, path, new OpenRequest(flags, (uint)value.Mode, resolve));
    }

    public static SyscallResult Close(Task task, Fd fd)
    {
        if (task.Files.Remove(fd).Failed(out OpenFile? file, out Errno error))
            return error;
        TaskLeases.OnClose(task, file);
        FileLocks.ReleaseOwner(file.Inode, task.Files);
        Errno flushed = file.Flush(task.Files);
        file.Release();
        return flushed;
    }

    public static SyscallResult CloseRange(Task task, uint first, uint last, uint flags)
    {
        if ((flags & ~(CloseRangeUnshare | CloseRangeCloseOnExec)) != 0 || first > last)
            return Errno.EINVAL;
        if ((flags & CloseRangeUnshare) != 0 && task.UnshareFiles() is not Errno.Ok and Errno crowded)
            return crowded;
        if (first > int.MaxValue)
            return 0;
        int end = (int)Math.Min(last, int.MaxValue);
        if ((flags & CloseRangeCloseOnExec) != 0)
            task.Files.SetCloseOnExecRange((int)first, end);
        else
            task.Files.CloseRange((int)first, end);
        return 0;
    }

    private static SyscallResult Run(Task task, Fd directory, UserString path, in OpenRequest request)
    {
        OpenFlags flags = request.Flags;
        bool isWritable = (flags & OpenFlags.AccessMode) != OpenFlags.ReadOnly;
        if (request.IsTemporary && ((flags & OpenFlags.Directory) == 0 || !isWritable || request.Creates))
            return Errno.EINVAL;
        Span<byte> buffer = stackalloc byte[UserMemory.MaxPathBytes];
        bool isInRoot = (request.Resolve & ResolveFlags.InRoot) != 0;
        if (FileTarget.ReadPath(task, directory, path, buffer, out VfsPath start, out ReadOnlySpan<byte> text, isInRoot)
            is not Errno.Ok and Errno error)
            return error;
        if (task.Files.Reserve(task.Group.Limits.OpenFiles).Failed(out int number, out error))
            return error;
        if (OpenOperations.Open(task, start, text, request).Failed(out OpenFile? file, out error))
        {
            task.Files.Unreserve(number);
            return error;
        }

        file.AddReference(); // For what comes behind: another thread may close the number.
        task.Files.Publish(number, file, (flags & OpenFlags.CloseOnExec) != 0);
        TaskLeases.OnOpen(task, number, file);
        file.Release();
        return number;
    }

    // A longer structure than ours is fine as long as what we do not know is zero (copy_struct_from_user).
    private static Errno CheckZero(Task task, UserAddress address, int count)
    {
        if (count == 0)
            return Errno.Ok;
        byte[] rest = new byte[count];
        if (task.Memory.Read(address, rest) is not Errno.Ok and Errno fault)
            return fault;
        return rest.AsSpan().ContainsAnyExcept((byte)0) ? Errno.E2BIG : Errno.Ok;
    }
}
