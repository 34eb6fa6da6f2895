using System.Runtime.InteropServices;

namespace Sandbox.Sentry.Kernel.PosixQueues;

/// <summary>struct mq_attr (include/uapi/linux/mqueue.h).</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct QueueAttributes
{
    /// <summary>mq_flags: O_NONBLOCK of the descriptor, or 0.</summary>
    public long Flags;

    /// <summary>mq_maxmsg.</summary>
    public long MaxMessages;

    /// <summary>mq_msgsize: the longest message, bytes.</summary>
    public long MaxBytes;

    /// <summary>mq_curmsgs: messages in the queue.</summary>
    public long Count;
    private readonly ulong _reserved0;
    private readonly ulong _reserved1;
    private readonly ulong _reserved2;
    private readonly ulong _reserved3;
}
