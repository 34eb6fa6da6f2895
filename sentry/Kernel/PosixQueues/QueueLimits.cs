using System.Buffers.Text;
using Sandbox.Linux;

namespace Sandbox.Sentry.Kernel.PosixQueues;

/// <summary>The sysctls of message queues, in the order of <see cref="QueueLimits.Names"/>.</summary>
internal enum QueueLimit
{
    /// <summary>Queues of the namespace.</summary>
    Queues,

    /// <summary>The highest mq_maxmsg.</summary>
    Messages,

    /// <summary>The highest mq_msgsize, bytes.</summary>
    MessageBytes,

    /// <summary>mq_maxmsg of a queue that is made without attributes.</summary>
    DefaultMessages,

    /// <summary>mq_msgsize of a queue that is made without attributes, bytes.</summary>
    DefaultMessageBytes,
}

/// <summary>/proc/sys/fs/mqueue of an IPC namespace (mq_overview(7)), and how many queues it has.</summary>
internal sealed class QueueLimits
{
    /// <summary>What not even CAP_SYS_RESOURCE goes beyond (include/linux/ipc_namespace.h).</summary>
    public const int HardMessages = 65536, HardMessageBytes = 16 << 20;

    private const int MinMessageBytes = 128;

    private static readonly (int Default, int Least, int Most)[] _ranges =
    [
        (256, int.MinValue, int.MaxValue), (10, 1, HardMessages), (8192, MinMessageBytes, HardMessageBytes),
        (10, 1, HardMessages), (8192, MinMessageBytes, HardMessageBytes),
    ];

    // Single words, written without a lock: the last writer wins.
    private readonly int[] _values = Array.ConvertAll(_ranges, static range => range.Default);
    private int _queues;

    /// <summary>The names of the sysctls below fs/mqueue.</summary>
    public static string[] Names { get; } = ["queues_max", "msg_max", "msgsize_max", "msg_default", "msgsize_default"];

    public int this[QueueLimit limit] => Volatile.Read(ref _values[(int)limit]);

    /// <summary>Sets one from the text that was written: a number, and white space around it. EINVAL.</summary>
    public Errno Set(QueueLimit limit, ReadOnlySpan<byte> text)
    {
        ReadOnlySpan<byte> number = text.Trim(" \t\n\0"u8);
        if (!Utf8Parser.TryParse(number, out int value, out int used) || used != number.Length)
            return Errno.EINVAL;
        (_, int least, int most) = _ranges[(int)limit];
        if (value < least || value > most)
            return Errno.EINVAL;
        Volatile.Write(ref _values[(int)limit], value);
        return Errno.Ok;
    }

    /// <summary>Counts a new queue. False (ENOSPC) if there are too many; CAP_SYS_RESOURCE may make more.</summary>
    public bool TryAddQueue(bool mayExceed)
    {
        if ((uint)Interlocked.Increment(ref _queues) <= (uint)this[QueueLimit.Queues] || mayExceed)
            return true;
        RemoveQueue();
        return false;
    }

    /// <summary>A queue is gone.</summary>
    public void RemoveQueue() => Interlocked.Decrement(ref _queues);
}
