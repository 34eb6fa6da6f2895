using System.Buffers.Binary;

namespace Sandbox.Linux;

/// <summary>
/// The host calls that work on names relative to a directory descriptor. Every path ends in a NUL byte that is part of
/// the span (so that nothing is copied on the way); one without answers EINVAL. All retry EINTR.
/// </summary>
public static unsafe class HostDirectory
{
    private const int HowBytes = 24;

    /// <summary>openat2(2).</summary>
    public static Result<int> Open(
        int directory, ReadOnlySpan<byte> pathWithNul, OpenFlags flags, uint mode, ResolveFlags resolve)
    {
        if (!IsTerminated(pathWithNul))
            return Errno.EINVAL;
        Span<byte> how = stackalloc byte[HowBytes]; // struct open_how: flags, mode, resolve
        BinaryPrimitives.WriteUInt64LittleEndian(how, (uint)flags);
        BinaryPrimitives.WriteUInt64LittleEndian(how[8..], mode);
        BinaryPrimitives.WriteUInt64LittleEndian(how[16..], (ulong)resolve);
        fixed (byte* path = pathWithNul)
        fixed (byte* howStart = how)
            return HostSyscall.AsInt(HostSyscall.CallRetrying(
                Sys.openat2, directory, (long)path, (long)howStart, HowBytes));
    }

    /// <summary>openat(2), for a path that must pass a magic link (/proc/self/fd/N).</summary>
    public static Result<int> OpenFollowing(int directory, ReadOnlySpan<byte> pathWithNul, OpenFlags flags)
    {
        if (!IsTerminated(pathWithNul))
            return Errno.EINVAL;
        fixed (byte* path = pathWithNul)
            return HostSyscall.AsInt(HostSyscall.CallRetrying(Sys.openat, directory, (long)path, (long)flags, 0));
    }

    /// <summary>statx(2) with the basic fields and the birth time.</summary>
    public static Errno Statx(int directory, ReadOnlySpan<byte> pathWithNul, AtFlags flags, out Statx statx)
    {
        statx = default;
        if (!IsTerminated(pathWithNul))
            return Errno.EINVAL;
        fixed (Statx* result = &statx)
        fixed (byte* path = pathWithNul)
            return HostSyscall.ErrorOf(HostSyscall.CallRetrying(
                Sys.statx, directory, (long)path, (long)flags, Linux.Statx.BasicAndBirth, (long)result));
    }

    /// <summary>fstatfs(2); works on O_PATH descriptors.</summary>
    public static Errno StatFs(int fd, out StatFs status)
    {
        status = default;
        fixed (StatFs* result = &status)
            return HostSyscall.ErrorOf(HostSyscall.CallRetrying(Sys.fstatfs, fd, (long)result));
    }

    /// <summary>mkdirat(2).</summary>
    public static Errno MakeDirectory(int directory, ReadOnlySpan<byte> pathWithNul, uint mode) =>
        OnPath(Sys.mkdirat, directory, pathWithNul, mode);

    /// <summary>mknodat(2).</summary>
    public static Errno MakeNode(int directory, ReadOnlySpan<byte> pathWithNul, uint mode, ulong device) =>
        OnPath(Sys.mknodat, directory, pathWithNul, mode, (long)device);

    /// <summary>unlinkat(2).</summary>
    public static Errno Unlink(int directory, ReadOnlySpan<byte> pathWithNul, AtFlags flags) =>
        OnPath(Sys.unlinkat, directory, pathWithNul, (long)flags);

    /// <summary>fchmodat(2), which follows links.</summary>
    public static Errno ChangeMode(int directory, ReadOnlySpan<byte> pathWithNul, uint mode) =>
        OnPath(Sys.fchmodat, directory, pathWithNul, mode);

    /// <summary>fchownat(2).</summary>
    public static Errno ChangeOwner(
        int directory, ReadOnlySpan<byte> pathWithNul, uint userId, uint groupId, AtFlags flags) =>
        OnPath(Sys.fchownat, directory, pathWithNul, userId, groupId, (long)flags);

    /// <summary>utimensat(2). The nanoseconds may be UTIME_NOW and UTIME_OMIT.</summary>
    public static Errno ChangeTimes(
        int directory, ReadOnlySpan<byte> pathWithNul, Timespec access, Timespec modify, AtFlags flags)
    {
        Timespec* times = stackalloc Timespec[2] { access, modify };
        return OnPath(Sys.utimensat, directory, pathWithNul, (long)times, (long)flags);
    }

    /// <summary>symlinkat(2).</summary>
    public static Errno SymbolicLink(ReadOnlySpan<byte> targetWithNul, int directory, ReadOnlySpan<byte> pathWithNul)
    {
        if (!IsTerminated(targetWithNul) || !IsTerminated(pathWithNul))
            return Errno.EINVAL;
        fixed (byte* target = targetWithNul, path = pathWithNul)
            return HostSyscall.ErrorOf(HostSyscall.CallRetrying(Sys.symlinkat, (long)target, directory, (long)path));
    }

    /// <summary>linkat(2).</summary>
    public static Errno Link(
        int sourceDirectory, ReadOnlySpan<byte> sourceWithNul, int directory, ReadOnlySpan<byte> pathWithNul,
        AtFlags flags)
    {
        if (!IsTerminated(sourceWithNul) || !IsTerminated(pathWithNul))
            return Errno.EINVAL;
        fixed (byte* source = sourceWithNul, path = pathWithNul)
            return HostSyscall.ErrorOf(HostSyscall.CallRetrying(
                Sys.linkat, sourceDirectory, (long)source, directory, (long)path, (long)flags));
    }

    /// <summary>renameat2(2).</summary>
    public static Errno Rename(
        int oldDirectory, ReadOnlySpan<byte> oldWithNul, int newDirectory, ReadOnlySpan<byte> newWithNul, uint flags)
    {
        if (!IsTerminated(oldWithNul) || !IsTerminated(newWithNul))
            return Errno.EINVAL;
        fixed (byte* oldPath = oldWithNul, newPath = newWithNul)
            return HostSyscall.ErrorOf(HostSyscall.CallRetrying(
                Sys.renameat2, oldDirectory, (long)oldPath, newDirectory, (long)newPath, flags));
    }

    /// <summary>readlinkat(2); the number of bytes, cut at the buffer's length.</summary>
    public static Result<int> ReadLink(int directory, ReadOnlySpan<byte> pathWithNul, Span<byte> target)
    {
        if (!IsTerminated(pathWithNul))
            return Errno.EINVAL;
        fixed (byte* path = pathWithNul, start = target)
            return HostSyscall.AsInt(HostSyscall.CallRetrying(
                Sys.readlinkat, directory, (long)path, (long)start, target.Length));
    }

    /// <summary>getdents64(2): struct linux_dirent64 records; 0 at the end.</summary>
    public static Result<int> ReadEntries(int fd, Span<byte> records)
    {
        fixed (byte* start = records)
            return HostSyscall.AsInt(HostSyscall.CallRetrying(Sys.getdents64, fd, (long)start, records.Length));
    }

    /// <summary>fchdir(2): moves the whole process.</summary>
    public static Errno ChangeWorkingDirectory(int fd) => HostSyscall.ErrorOf(HostSyscall.CallRetrying(Sys.fchdir, fd));

    private static Errno OnPath(
        int number, int directory, ReadOnlySpan<byte> pathWithNul, long a2 = 0, long a3 = 0, long a4 = 0)
    {
        if (!IsTerminated(pathWithNul))
            return Errno.EINVAL;
        fixed (byte* path = pathWithNul)
            return HostSyscall.ErrorOf(HostSyscall.CallRetrying(number, directory, (long)path, a2, a3, a4));
    }

    private static bool IsTerminated(ReadOnlySpan<byte> path) => !path.IsEmpty && path[^1] == 0;
}
