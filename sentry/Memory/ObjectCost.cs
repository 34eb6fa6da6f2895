namespace Sandbox.Sentry.Memory;

/// <summary>
/// What one kernel object of each kind costs its container, in bytes of <see cref="MemoryKind.Objects"/>: the object
/// with all that comes and goes with it, rounded up. The prices are checked against what the objects take.
/// </summary>
internal static class ObjectCost
{
    /// <summary>An open file description, of any kind.</summary>
    public const int OpenFile = 512;

    /// <summary>What is between the two ends of a pipe.</summary>
    public const int Pipe = 1024;

    /// <summary>A socket beside its open file: options, queues, its place in /proc/net.</summary>
    public const int Socket = 1024;

    /// <summary>A TCP connection without a socket: not accepted yet, or left by its program.</summary>
    public const int Connection = 1536;

    /// <summary>A socket's membership of a multicast group.</summary>
    public const int Membership = 192;

    /// <summary>A message in a queue beside its text: its entry, and who sent it.</summary>
    public const int Message = 512;

    /// <summary>A cgroup that a program made.</summary>
    public const int Cgroup = 1024;

    /// <summary>A System V object beside what is in it.</summary>
    public const int IpcObject = 768;

    /// <summary>One semaphore of a set: its value, who changed it last, who waits for it.</summary>
    public const int Semaphore = 16;

    /// <summary>One file that an epoll instance watches.</summary>
    public const int EpollItem = 320;

    /// <summary>One watch of an inotify instance.</summary>
    public const int InotifyWatch = 320;

    /// <summary>One event that nobody has read yet, beside the name in it.</summary>
    public const int InotifyEvent = 96;

    /// <summary>A POSIX timer (timer_create(2)).</summary>
    public const int Timer = 512;

    /// <summary>A terminal, with the line that is being edited.</summary>
    public const int Terminal = 8192;

    /// <summary>A mount.</summary>
    public const int Mount = 768;

    /// <summary>
    /// An inode of a file in memory, with its entry in the directory; texts of links and attributes come on top.
    /// </summary>
    public const int Inode = 1024;

    /// <summary>A further name of a file in memory.</summary>
    public const int Link = 512;

    /// <summary>A name in the cache, there or known to be missing.</summary>
    public const int Dentry = 384;

    /// <summary>An extended attribute beside its name and value.</summary>
    public const int ExtendedAttribute = 128;

    /// <summary>A file in a message that nobody has received yet.</summary>
    public const int FileInFlight = 64;

    /// <summary>A file whose name is known to an address space that maps it.</summary>
    public const int MappedFile = 96;

    /// <summary>A queued signal with its details.</summary>
    public const int QueuedSignal = 160;

    /// <summary>One descriptor of a poll(2) or select(2) that waits.</summary>
    public const int PolledFile = 128;

    /// <summary>A seccomp filter beside its instructions, which are 8 bytes each.</summary>
    public const int SeccompFilter = 512;

    /// <summary>One entry of a table that grows with a guest's numbers: a descriptor, a mapped file.</summary>
    public const int TableEntry = 16;

    /// <summary>One range of a file that is locked (fcntl(2), flock(2)).</summary>
    public const int FileLock = 192;
}
