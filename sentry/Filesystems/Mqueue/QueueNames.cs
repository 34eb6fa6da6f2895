using Sandbox.Linux;
using Sandbox.Sentry.Kernel.PosixQueues;
using Sandbox.Sentry.Kernel.Tasks;
using Sandbox.Sentry.Vfs;

namespace Sandbox.Sentry.Filesystems.Mqueue;

/// <summary>
/// Finds or makes the queue of a name, which was checked, in the IPC namespace of a task (mq_open(2)).
/// </summary>
internal static class QueueNames
{
    /// <summary>The directory of a task's queues.</summary>
    public static VfsPath DirectoryOf(Task task)
    {
        Mount mount = MqueueFileSystem.Of(task.Namespaces.Ipc).Mount;
        return new VfsPath(mount, mount.Root);
    }

    /// <summary>
    /// The queue, open. ENOENT, EEXIST, EACCES, and with O_CREAT ENOSPC, EINVAL for attributes that are not allowed,
    /// EMFILE.
    /// </summary>
    public static Result<OpenFile> Open(
        Task task, ReadOnlySpan<byte> name, OpenFlags flags, uint mode, QueueAttributes? wanted)
    {
        VfsPath directory = DirectoryOf(task);
        Dentry child;
        OpenFile? file;
        bool isNew = false;

        // Opened under the directory's lock, so that no unlink comes between.
        using (directory.Dentry.Lock.Enter())
        {
            if (DentryCache.Lookup(directory.Dentry, name, out child) is not Errno.Ok and Errno error)
                return error;
            if (child.Inode is not null)
            {
                if (CheckExisting(task, child.Inode, flags) is not Errno.Ok and Errno refused)
                    return refused;
            }
            else
            {
                if (Create(task, directory, name, flags, mode, wanted).Failed(out Dentry? made, out error))
                    return error;
                child = made;
                isNew = true;
            }

            if (child.Inode!.Open(new VfsPath(directory.Mount, child), flags, task).Failed(out file, out error))
                return error;
        }

        if (isNew)
            FileEvents.Created(directory.Inode, child);
        FileEvents.Opened(file);
        return file;
    }

    private static Errno CheckExisting(Task task, Inode queue, OpenFlags flags)
    {
        const OpenFlags exclusive = OpenFlags.Create | OpenFlags.Exclusive;
        if ((flags & exclusive) == exclusive)
            return Errno.EEXIST;
        AccessMask wanted;
        switch (flags & OpenFlags.AccessMode)
        {
            case OpenFlags.ReadOnly:
                wanted = AccessMask.Read;
                break;
            case OpenFlags.WriteOnly:
                wanted = AccessMask.Write;
                break;
            case OpenFlags.ReadWrite:
                wanted = AccessMask.Read | AccessMask.Write;
                break;
            default:
                return Errno.EINVAL;
        }

        return Access.Check(queue, wanted, task.Credentials);
    }

    private static Result<Dentry> Create(
        Task task, VfsPath directory, ReadOnlySpan<byte> name, OpenFlags flags, uint mode, QueueAttributes? wanted)
    {
        if ((flags & OpenFlags.Create) == 0)
            return Errno.ENOENT;
        if (Access.CheckModifyDirectory(directory, task.Credentials) is not Errno.Ok and Errno refused)
            return refused;
        MqueueDirectory queues = (MqueueDirectory)directory.Inode;
        NewInode attributes = OpenOperations.NewAttributes(task, queues, FileType.Regular, mode);
        if (queues.CreateQueue(name, attributes, wanted).Failed(out Inode? inode, out Errno error))
            return error;
        return DentryCache.Add(directory.Dentry, name, inode);
    }
}
