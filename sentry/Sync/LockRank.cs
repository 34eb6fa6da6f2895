namespace Sandbox.Sentry.Sync;

/// <summary>
/// The whole lock order, outermost first: a thread that holds a lock may take only locks further down this list.
/// Nothing blocks for long, calls the host or touches guest memory while it holds a lock ranked FdTable or below.
/// </summary>
internal enum LockRank
{
    /// <summary>One container's life (create, start, exec, exit as runsc sees it).</summary>
    Container,

    /// <summary>
    /// An epoll instance's interest list; held while the files in it are polled, so outside every file's lock.
    /// </summary>
    Epoll,

    /// <summary>Mount trees of a mount namespace.</summary>
    MountNamespace,

    /// <summary>One per filesystem: renames of directories, so that no loop can form.</summary>
    Rename,

    /// <summary>A directory's entries; a parent before its child.</summary>
    Directory,

    /// <summary>The position of one open file.</summary>
    Position,

    /// <summary>A file of an overlay while it is copied up from the lower layer.</summary>
    CopyUp,

    /// <summary>One file's contents and attributes.</summary>
    File,

    /// <summary>One terminal (both ends of a pty).</summary>
    Terminal,

    /// <summary>
    /// A socket; a listener before its child, an end that connects before one in TIME-WAIT whose place it takes.
    /// </summary>
    Socket,

    /// <summary>
    /// The process tree: pids, parents, groups, sessions, signals, wait states. One per sandbox, like tasklist_lock.
    /// </summary>
    ProcessTree,

    /// <summary>Futex buckets.</summary>
    Futex,

    /// <summary>A descriptor table.</summary>
    FdTable,

    /// <summary>A pipe, eventfd, timerfd or another leaf object with a buffer.</summary>
    Leaf,

    /// <summary>Pools of packet buffers.</summary>
    Buffers,

    /// <summary>The timer queue.</summary>
    Timers,

    /// <summary>
    /// A wait queue. Waiters are called under it: they may only set flags, wake, and notify an outer queue (epoll).
    /// </summary>
    WaitQueue,

    /// <summary>
    /// An epoll instance's ready list: taken by its waiters under a wait queue's lock, released before it notifies.
    /// </summary>
    ReadyList,
}
