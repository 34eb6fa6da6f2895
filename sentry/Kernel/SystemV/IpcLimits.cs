using System.Buffers.Text;
using Sandbox.Linux;
using Sandbox.Sentry.Vfs;

namespace Sandbox.Sentry.Kernel.SystemV;

/// <summary>The sysctls of System V IPC; those of semaphores stand together in one file.</summary>
internal enum IpcLimit
{
    /// <summary>Bytes of one segment.</summary>
    SegmentBytes,

    /// <summary>Pages of all segments.</summary>
    SegmentPages,

    /// <summary>Segments.</summary>
    Segments,

    /// <summary>Not 0: a segment goes with its last attachment, and with its maker if nobody has it attached.</summary>
    RemoveOrphans,

    /// <summary>Bytes of one message.</summary>
    MessageBytes,

    /// <summary>Bytes of a new queue.</summary>
    QueueBytes,

    /// <summary>Queues.</summary>
    Queues,

    /// <summary>Semaphores of one set.</summary>
    SetSemaphores,

    /// <summary>Semaphores of all sets.</summary>
    Semaphores,

    /// <summary>Operations of one semop(2).</summary>
    Operations,

    /// <summary>Sets of semaphores.</summary>
    Sets,

    /// <summary>The id that the next segment gets if it is free; -1 for any.</summary>
    NextSegment,

    /// <summary>The same for queues.</summary>
    NextQueue,

    /// <summary>The same for sets.</summary>
    NextSet,
}

/// <summary>
/// /proc/sys/kernel/{shm*,msg*,sem*} of an IPC namespace (proc_sys_kernel(5)). Single words, written without a lock:
/// the last writer wins.
/// </summary>
internal sealed class IpcLimits
{
    /// <summary>IPCMNI: as many slots as an id can name.</summary>
    public const int MaxObjects = 32768;

    /// <summary>
    /// The Sentry holds a message, a set and what one call does to it as a whole: limits above these are EINVAL.
    /// </summary>
    private const int MaxMessageBytes = 16 << 20, MaxOfOneCall = 32000;

    private const ulong AsMuchAsThereIs = ulong.MaxValue - (1ul << 24), AnyId = ulong.MaxValue;

    private static readonly (ulong Default, ulong Most)[] _ranges =
    [
        (AsMuchAsThereIs, ulong.MaxValue), (AsMuchAsThereIs, ulong.MaxValue), (4096, MaxObjects), (0, 1),
        (8192, MaxMessageBytes), (16384, int.MaxValue), (32000, MaxObjects),
        (32000, MaxOfOneCall), (1_024_000_000, int.MaxValue), (500, MaxOfOneCall), (32000, MaxObjects),
        (AnyId, int.MaxValue), (AnyId, int.MaxValue), (AnyId, int.MaxValue),
    ];

    private readonly ulong[] _values = Array.ConvertAll(_ranges, static range => range.Default);

    /// <summary>The files below kernel/, each with the first of its limits and how many it has.</summary>
    public static (string Name, IpcLimit First, int Count)[] Files { get; } =
    [
        ("shmmax", IpcLimit.SegmentBytes, 1), ("shmall", IpcLimit.SegmentPages, 1), ("shmmni", IpcLimit.Segments, 1),
        ("shm_rmid_forced", IpcLimit.RemoveOrphans, 1), ("msgmax", IpcLimit.MessageBytes, 1),
        ("msgmnb", IpcLimit.QueueBytes, 1), ("msgmni", IpcLimit.Queues, 1), ("sem", IpcLimit.SetSemaphores, 4),
        ("shm_next_id", IpcLimit.NextSegment, 1), ("msg_next_id", IpcLimit.NextQueue, 1),
        ("sem_next_id", IpcLimit.NextSet, 1),
    ];

    public ulong this[IpcLimit limit] => Volatile.Read(ref _values[(int)limit]);

    /// <summary>A limit that is an int.</summary>
    public int Number(IpcLimit limit) => (int)this[limit];

    /// <summary>The wanted id, which is wanted once; -1 for none.</summary>
    public int TakeNextId(IpcLimit limit) => (int)Interlocked.Exchange(ref _values[(int)limit], AnyId);

    /// <summary>The text of a file.</summary>
    public void Write(ByteBuilder text, IpcLimit first, int count)
    {
        for (int index = 0; index < count; index++)
        {
            if (index > 0)
                text.Append((byte)'\t');
            ulong value = this[first + index];
            if (value == AnyId && first >= IpcLimit.NextSegment)
                text.Append("-1"u8);
            else
                text.Append(value);
        }

        text.Append((byte)'\n');
    }

    /// <summary>
    /// Sets the limits of a file from what was written: as many numbers as are given, in order. EINVAL, and then
    /// none is changed.
    /// </summary>
    public Errno Set(IpcLimit first, int count, ReadOnlySpan<byte> text)
    {
        ReadOnlySpan<byte> rest = text.Trim(" \t\n\0"u8);
        Span<ulong> wanted = stackalloc ulong[count];
        int given = 0;
        while (!rest.IsEmpty)
        {
            if (given == count || !Utf8Parser.TryParse(rest, out ulong value, out int used)
                || (used < rest.Length && rest[used] is not ((byte)' ' or (byte)'\t'))
                || value > _ranges[(int)first + given].Most)
                return Errno.EINVAL;
            wanted[given++] = value;
            rest = rest[used..].TrimStart(" \t"u8);
        }

        for (int index = 0; index < given; index++)
            Volatile.Write(ref _values[(int)first + index], wanted[index]);
        return Errno.Ok;
    }
}
