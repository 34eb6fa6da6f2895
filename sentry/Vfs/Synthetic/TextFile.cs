using Sandbox.Linux;

namespace Sandbox.Sentry.Vfs;

/// <summary>Writes the text of a generated file, for the task that opened it. An errno is what read(2) gives.</summary>
internal delegate Errno TextProducer(ICaller caller, ByteBuilder text);

/// <summary>
/// Takes what one write(2) brought to a generated file. The whole of it, at most <see cref="TextFile.MaxWriteBytes"/>.
/// </summary>
internal delegate Errno TextConsumer(ICaller caller, ReadOnlySpan<byte> text);

/// <summary>
/// A regular file whose contents are made when it is read (Linux's seq_file): the text is produced at the first read
/// and at every read from offset 0, so that a program which keeps the file open and rewinds sees the state of now.
/// </summary>
internal class TextFile : SyntheticInode
{
    /// <summary>A longer write to a generated file is EINVAL.</summary>
    public const int MaxWriteBytes = 64 * 1024;

    private readonly TextProducer _producer;

    /// <param name="fileSystem">Where it is.</param>
    /// <param name="producer">Makes the text.</param>
    /// <param name="permissions">0444 unless said otherwise.</param>
    /// <param name="userId">Owner, kernel uid.</param>
    /// <param name="groupId">Group, kernel gid.</param>
    public TextFile(
        FileSystem fileSystem, TextProducer producer, uint permissions = Modes.O444, uint userId = 0, uint groupId = 0)
        : base(fileSystem, (uint)FileType.Regular | permissions, userId, groupId)
    {
        _producer = producer;
    }

    /// <summary>A file that always says the same.</summary>
    public TextFile(FileSystem fileSystem, byte[] content, uint permissions = Modes.O444)
        : this(fileSystem, (_, text) => { text.Append(content); return Errno.Ok; }, permissions)
    {
    }

    public override Result<OpenFile> Open(VfsPath path, OpenFlags flags, ICaller caller) =>
        new TextOpenFile(this, path, flags, caller);

    /// <summary>Makes the text anew.</summary>
    public virtual Errno Produce(ICaller caller, ByteBuilder text) => _producer(caller, text);

    /// <summary>What write(2) does; a file that takes no text says EINVAL, as a sysctl without a handler.</summary>
    public virtual Errno Consume(ICaller caller, ReadOnlySpan<byte> text) => Errno.EINVAL;

    /// <summary>poll(2) of the file; /proc/mounts has events of its own.</summary>
    public virtual PollEvents Poll() => PollEvents.Readable | PollEvents.Writable;
}

/// <summary>A generated file that can be written: a sysctl, oom_score_adj, uid_map.</summary>
internal sealed class WritableTextFile : TextFile
{
    private readonly TextConsumer _consumer;

    public WritableTextFile(
        FileSystem fileSystem, TextProducer producer, TextConsumer consumer, uint permissions = Modes.O644,
        uint userId = 0,
        uint groupId = 0) // 0644
        : base(fileSystem, producer, permissions, userId, groupId)
    {
        _consumer = consumer;
    }

    public override Errno Consume(ICaller caller, ReadOnlySpan<byte> text) => _consumer(caller, text);
}
