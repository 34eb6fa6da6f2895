using Sandbox.Linux;
using Sandbox.Sentry.Kernel.Namespaces;
using Sandbox.Sentry.Vfs;

namespace Sandbox.Sentry.Filesystems.Mqueue;

/// <summary>
/// The message queues of an IPC namespace as files (mq_overview(7), "Mounting the message queue filesystem"). All
/// mounts in a namespace show the same one; mq_open(2) looks into it whether it is mounted or not.
/// </summary>
internal sealed class MqueueFileSystem : FileSystem
{
    private const long Magic = 0x19800202, PageBytes = PageSize.Bytes;

    private MqueueFileSystem(IpcNamespace ipc)
    {
        Source = "mqueue";
        Root = new MqueueDirectory(this, ipc);
        Mount = new Mount(this, MountFlags.None);
    }

    public override string TypeName => "mqueue";

    public MqueueDirectory Root { get; }

    public override Inode RootInode => Root;

    /// <summary>The kernel's own mount: where mq_open(2) and mq_unlink(2) find names.</summary>
    public Mount Mount { get; }

    /// <summary>That of a namespace, made at first use.</summary>
    public static MqueueFileSystem Of(IpcNamespace ipc)
    {
        if (ipc.MessageQueues is { } made)
            return (MqueueFileSystem)made;
        MqueueFileSystem fresh = new(ipc);
        return (MqueueFileSystem)(Interlocked.CompareExchange(ref ipc.MessageQueues, fresh, null) ?? fresh);
    }

    public override Errno GetStatistics(out StatFs statistics)
    {
        statistics = new StatFs
        {
            Type = Magic, BlockBytes = PageBytes, FragmentBytes = PageBytes, NameMaxBytes = FileName.MaxBytes,
            FileSystemId = Device,
        };
        return Errno.Ok;
    }
}
