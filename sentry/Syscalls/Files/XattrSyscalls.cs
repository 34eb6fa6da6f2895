using Sandbox.Linux;
using Sandbox.Sentry.Kernel.Tasks;
using Sandbox.Sentry.Vfs;

namespace Sandbox.Sentry.Syscalls;

/// <summary>getxattr(2), setxattr(2), listxattr(2), removexattr(2), each by path, by link and by descriptor.</summary>
internal static class XattrSyscalls
{
    private const int KnownFlags = 3; // XATTR_CREATE, XATTR_REPLACE

    public static SyscallResult Get(Task task, UserString path, UserString name, UserAddress value, ulong size) =>
        GetFrom(task, path, AtFlags.None, name, value, size);

    public static SyscallResult GetLink(Task task, UserString path, UserString name, UserAddress value, ulong size) =>
        GetFrom(task, path, AtFlags.SymlinkNoFollow, name, value, size);

    public static SyscallResult GetFile(Task task, Fd fd, UserString name, UserAddress value, ulong size)
    {
        if (FileTarget.Of(task, fd, allowPathOnly: false, out FileTarget target) is not Errno.Ok and Errno error)
            return error;
        using (target)
            return GetFrom(task, target, name, value, size);
    }

    public static SyscallResult Set(
        Task task, UserString path, UserString name, UserAddress value, ulong size, int flags) =>
        SetTo(task, path, AtFlags.None, name, value, size, flags);

    public static SyscallResult SetLink(
        Task task, UserString path, UserString name, UserAddress value, ulong size, int flags) =>
        SetTo(task, path, AtFlags.SymlinkNoFollow, name, value, size, flags);

    public static SyscallResult SetFile(Task task, Fd fd, UserString name, UserAddress value, ulong size, int flags)
    {
        if (FileTarget.Of(task, fd, allowPathOnly: false, out FileTarget target) is not Errno.Ok and Errno error)
            return error;
        using (target)
            return SetTo(task, target, name, value, size, flags);
    }

    public static SyscallResult List(Task task, UserString path, UserAddress list, ulong size) =>
        ListFrom(task, path, AtFlags.None, list, size);

    public static SyscallResult ListLink(Task task, UserString path, UserAddress list, ulong size) =>
        ListFrom(task, path, AtFlags.SymlinkNoFollow, list, size);

    public static SyscallResult ListFile(Task task, Fd fd, UserAddress list, ulong size)
    {
        if (FileTarget.Of(task, fd, allowPathOnly: false, out FileTarget target) is not Errno.Ok and Errno error)
            return error;
        using (target)
            return Answer(task, XattrOperations.List(target.Inode, task.Credentials), list, size);
    }

    public static SyscallResult Remove(Task task, UserString path, UserString name) =>
        RemoveFrom(task, path, AtFlags.None, name);

    public static SyscallResult RemoveLink(Task task, UserString path, UserString name) =>
        RemoveFrom(task, path, AtFlags.SymlinkNoFollow, name);

    public static SyscallResult RemoveFile(Task task, Fd fd, UserString name)
    {
        if (FileTarget.Of(task, fd, allowPathOnly: false, out FileTarget target) is not Errno.Ok and Errno error)
            return error;
        using (target)
            return RemoveFrom(task, target, name);
    }

    private static SyscallResult GetFrom(
        Task task, UserString path, AtFlags flags, UserString name, UserAddress value, ulong size)
    {
        if (FileTarget.Find(task, Fd.CurrentDirectory, path, flags, out FileTarget target)
            is not Errno.Ok and Errno error)
            return error;
        using (target)
            return GetFrom(task, target, name, value, size);
    }

    private static SyscallResult GetFrom(
        Task task, scoped in FileTarget target, UserString name, UserAddress value, ulong size)
    {
        Span<byte> buffer = stackalloc byte[XattrOperations.MaxNameBytes + 1];
        if (ReadName(task, name, buffer, out ReadOnlySpan<byte> text) is not Errno.Ok and Errno error)
            return error;
        return Answer(task, XattrOperations.Get(target.Inode, text, task.Credentials), value, size);
    }

    private static SyscallResult SetTo(
        Task task, UserString path, AtFlags flags, UserString name, UserAddress value, ulong size, int options)
    {
        if (FileTarget.Find(task, Fd.CurrentDirectory, path, flags, out FileTarget target)
            is not Errno.Ok and Errno error)
            return error;
        using (target)
            return SetTo(task, target, name, value, size, options);
    }

    private static SyscallResult SetTo(
        Task task, scoped in FileTarget target, UserString name, UserAddress value, ulong size, int options)
    {
        if ((options & ~KnownFlags) != 0)
            return Errno.EINVAL;
        if (size > XattrOperations.MaxValueBytes)
            return Errno.E2BIG;
        Span<byte> buffer = stackalloc byte[XattrOperations.MaxNameBytes + 1];
        if (ReadName(task, name, buffer, out ReadOnlySpan<byte> text) is not Errno.Ok and Errno error)
            return error;
        byte[] copy = new byte[size];
        if (task.Memory.Read(value, copy) is not Errno.Ok and Errno fault)
            return fault;
        return XattrOperations.Set(target.Path, target.Inode, text, copy, options, task.Credentials);
    }

    private static SyscallResult ListFrom(Task task, UserString path, AtFlags flags, UserAddress list, ulong size)
    {
        if (FileTarget.Find(task, Fd.CurrentDirectory, path, flags, out FileTarget target)
            is not Errno.Ok and Errno error)
            return error;
        using (target)
            return Answer(task, XattrOperations.List(target.Inode, task.Credentials), list, size);
    }

    private static SyscallResult RemoveFrom(Task task, UserString path, AtFlags flags, UserString name)
    {
        if (FileTarget.Find(task, Fd.CurrentDirectory, path, flags, out FileTarget target)
            is not Errno.Ok and Errno error)
            return error;
        using (target)
            return RemoveFrom(task, target, name);
    }

    private static SyscallResult RemoveFrom(Task task, scoped in FileTarget target, UserString name)
    {
        Span<byte> buffer = stackalloc byte[XattrOperations.MaxNameBytes + 1];
        if (ReadName(task, name, buffer, out ReadOnlySpan<byte> text) is not Errno.Ok and Errno error)
            return error;
        return XattrOperations.Remove(target.Path, target.Inode, text, task.Credentials);
    }

    // xattr(7): a name that is empty or too long is ERANGE.
    private static Errno ReadName(Task task, UserString name, Span<byte> buffer, out ReadOnlySpan<byte> text)
    {
        text = default;
        if (task.Memory.ReadString(name.Address, buffer, Errno.ERANGE).Failed(out int length, out Errno error))
            return error;
        text = buffer[..length];
        return length == 0 ? Errno.ERANGE : Errno.Ok;
    }

    // A size of zero asks how much room is needed.
    private static SyscallResult Answer(Task task, Result<byte[]> found, UserAddress address, ulong size)
    {
        if (found.Failed(out byte[]? bytes, out Errno error))
            return error;
        if (size == 0)
            return bytes.Length;
        if ((ulong)bytes.Length > size)
            return Errno.ERANGE;
        return task.Memory.Write(address, bytes) is not Errno.Ok and Errno fault ? fault : bytes.Length;
    }
}
