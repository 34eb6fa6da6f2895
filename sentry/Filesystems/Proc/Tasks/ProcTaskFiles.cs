using Sandbox.Linux;
using Sandbox.Sentry.Vfs;

namespace Sandbox.Sentry.Filesystems.Proc.Tasks;

/// <summary>Writes the text of a file of a task's directory.</summary>
internal delegate Errno TaskTextProducer(ProcTask target, ICaller reader, ByteBuilder text);

/// <summary>Takes what was written to a file of a task's directory.</summary>
internal delegate Errno TaskTextConsumer(ProcTask target, ICaller writer, ReadOnlySpan<byte> text);

/// <summary>A file of a task's directory.</summary>
internal sealed class ProcTaskTextFile : TextFile
{
    private readonly ProcTask _target;
    private readonly TaskTextConsumer? _consumer;
    private readonly bool _isPrivate;

    /// <param name="target">Whose it is.</param>
    /// <param name="producer">Makes the text.</param>
    /// <param name="consumer">Takes what is written, or null.</param>
    /// <param name="permissions">Mode bits.</param>
    /// <param name="isPrivate">Only for who may trace the process.</param>
    public ProcTaskTextFile(
        ProcTask target, TaskTextProducer producer, TaskTextConsumer? consumer, uint permissions, bool isPrivate)
        : base(
            target.Proc,
            (reader, text) => target.IsGone ? Errno.ESRCH : producer(target, reader, text),
            permissions,
            target.OwnerUserId,
            target.OwnerGroupId)
    {
        (_target, _consumer, _isPrivate) = (target, consumer, isPrivate);
    }

    public override bool Revalidate()
    {
        (UserId, GroupId) = (_target.OwnerUserId, _target.OwnerGroupId);
        return true;
    }

    public override Result<OpenFile> Open(VfsPath path, OpenFlags flags, ICaller caller)
    {
        if (_target.IsGone)
            return Errno.ESRCH;
        if (_isPrivate && !ProcAccess.MayInspect(caller, _target.Task))
            return Errno.EACCES;
        return base.Open(path, flags, caller);
    }

    public override Errno Consume(ICaller caller, ReadOnlySpan<byte> text)
    {
        if (_target.IsGone)
            return Errno.ESRCH;
        return _consumer is null ? Errno.EINVAL : _consumer(_target, caller, text);
    }
}
