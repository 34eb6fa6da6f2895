using System.Text;
using Sandbox.Linux;
using Sandbox.Sentry.Kernel.Namespaces;
using Sandbox.Sentry.Kernel.Tasks;
using Sandbox.Sentry.Memory;
using Sandbox.Sentry.Security;
using Sandbox.Sentry.Vfs;

namespace Sandbox.Sentry.Syscalls;

/// <summary>mount(2), umount2(2), pivot_root(2).</summary>
internal static class MountSyscalls
{
    private const ulong Remount = 32, Bind = 4096, Move = 8192, Recursive = 16384, Silent = 32768,
        Unbindable = 1 << 17, Private = 1 << 18, Slave = 1 << 19, Shared = 1 << 20;

    private const ulong Propagation = Unbindable | Private | Slave | Shared;
    private const ulong MagicMask = 0xFFFF0000, Magic = 0xC0ED0000;
    private const int Force = 1, Detach = 2, Expire = 4, NoFollow = 8;

    public static SyscallResult Mount(
        Task task, UserString source, UserString target, UserString type, ulong flags, UserString data)
    {
        if ((flags & MagicMask) == Magic)
            flags &= ~MagicMask; // mount(2): before Linux 2.4 the flags carried a magic number.
        if (FileTarget.Find(task, Fd.CurrentDirectory, target, AtFlags.None, out FileTarget found)
            is not Errno.Ok and Errno error)
            return error;
        VfsPath place = found.Path;
        found.Dispose();
        if (!MayMount(task))
            return Errno.EPERM;
        if ((flags & Remount) != 0)
            return MountOperations.Remount(place, (MountFlags)flags);
        if ((flags & Bind) != 0)
            return BindOrMove(task, source, place, isMove: false, (flags & Recursive) != 0);
        if ((flags & Propagation) != 0)
            return ChangePropagation(place, flags);
        if ((flags & Move) != 0)
            return BindOrMove(task, source, place, isMove: true, isRecursive: true);
        return MountNew(task, source, place, type, (MountFlags)flags & MountFlags.PerMount, data);
    }

    public static SyscallResult Unmount(Task task, UserString target, int flags)
    {
        if ((flags & ~(Force | Detach | Expire | NoFollow)) != 0)
            return Errno.EINVAL;
        if (!MayMount(task))
            return Errno.EPERM;
        AtFlags find = (flags & NoFollow) != 0 ? AtFlags.SymlinkNoFollow : AtFlags.None;
        if (FileTarget.Find(task, Fd.CurrentDirectory, target, find, out FileTarget found)
            is not Errno.Ok and Errno error)
            return error;
        using (found)
        {
            // MNT_EXPIRE: the first call only marks the mount; a caller has to expect EAGAIN.
            return (flags & Expire) != 0
                ? (flags & (Force | Detach)) != 0 ? Errno.EINVAL : Errno.EAGAIN
                : MountOperations.Unmount(found.Path, (flags & Detach) != 0, task.Fs.Root.Mount);
        }
    }

    public static SyscallResult PivotRoot(Task task, UserString newRoot, UserString putOld)
    {
        if (!MayMount(task))
            return Errno.EPERM;
        if (FileTarget.Find(task, Fd.CurrentDirectory, newRoot, AtFlags.None, out FileTarget root)
            is not Errno.Ok and Errno error)
            return error;
        VfsPath top = root.Path;
        root.Dispose();
        if (FileTarget.Find(task, Fd.CurrentDirectory, putOld, AtFlags.None, out FileTarget old)
            is not Errno.Ok and Errno oldError)
            return oldError;
        VfsPath place = old.Path;
        old.Dispose();
        if (!top.Inode.IsDirectory || !place.Inode.IsDirectory)
            return Errno.ENOTDIR;
        VfsPath oldRoot = task.Fs.Root;
        if (MountOperations.PivotRoot(top, place, oldRoot) is not Errno.Ok and Errno failed)
            return failed;
        ChangeRoots(task, oldRoot, top);
        return 0;
    }

    private static bool MayMount(Task task) => task.Credentials.Has(Capability.SysAdmin, task.Fs.Mounts.Owner);

    private static SyscallResult MountNew(
        Task task, UserString source, VfsPath place, UserString type, MountFlags flags, UserString data)
    {
        if (ReadText(task, type, out string typeName) is not Errno.Ok and Errno typeError)
            return typeError;
        if (ReadText(task, source, out string sourceName) is not Errno.Ok and Errno sourceError)
            return sourceError;
        if (ReadText(task, data, out string options) is not Errno.Ok and Errno dataError)
            return dataError;
        if (typeName.Length == 0)
            return Errno.EINVAL;
        if (task.Kernel.MakeFileSystem is not { } make)
            return Errno.ENODEV;
        if (make(task, typeName, sourceName.Length == 0 ? "none" : sourceName, options).Failed(
            out FileSystem? files, out Errno error))
            return error;
        return MountOperations.Attach(place, new Mount(files, flags));
    }

    private static SyscallResult BindOrMove(Task task, UserString source, VfsPath place, bool isMove, bool isRecursive)
    {
        if (FileTarget.Find(task, Fd.CurrentDirectory, source, AtFlags.None, out FileTarget found)
            is not Errno.Ok and Errno error)
            return error;
        using (found)
            return isMove
                ? MountOperations.Move(found.Path, place)
                : MountOperations.Bind(found.Path, place, isRecursive);
    }

    private static SyscallResult ChangePropagation(VfsPath place, ulong flags)
    {
        ulong kind = flags & Propagation;
        if ((kind & (kind - 1)) != 0 || (flags & ~(Propagation | Recursive | Silent)) != 0)
            return Errno.EINVAL;
        return MountOperations.ChangePropagation(place, (PropagationType)kind, (flags & Recursive) != 0);
    }

    // pivot_root(2): every task whose root or working directory was the old root gets the new one.
    private static void ChangeRoots(Task caller, VfsPath oldRoot, VfsPath newRoot)
    {
        HashSet<FsContext> contexts = [];
        if (caller.Namespaces.Container.Fs is { } starting)
            contexts.Add(starting); // As on Linux what is exec'd into the container starts at the new root.
        using (caller.Kernel.Tree.Enter())
        {
            foreach (KeyValuePair<int, Pid> entry in caller.Kernel.RootPids.Pids)
            {
                if (entry.Value.Task is { } task)
                    contexts.Add(task.Fs);
            }
        }

        foreach (FsContext context in contexts)
        {
            if (context.Root == oldRoot)
                context.Root = newRoot;
            if (context.WorkingDirectory == oldRoot)
                context.WorkingDirectory = newRoot;
        }
    }

    // Null is empty; at most a page, as Linux copies.
    private static Errno ReadText(Task task, UserString address, out string text)
    {
        text = "";
        if (address.IsNull)
            return Errno.Ok;
        Span<byte> buffer = stackalloc byte[UserMemory.MaxPathBytes];
        if (task.Memory.ReadString(address.Address, buffer, Errno.EINVAL).Failed(out int length, out Errno error))
            return error;
        text = Encoding.UTF8.GetString(buffer[..length]);
        return Errno.Ok;
    }
}
