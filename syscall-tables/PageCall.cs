namespace Sandbox.SyscallTables;

/// <summary>
/// Whether a call may come by the page that a guest thread shares with the Sentry, and which range of the caller's
/// memory the machine code copies there with it. The code reads its own table (FastCalls);
/// a test compares that with the rows.
/// </summary>
internal enum PageCall
{
    /// <summary>Always a notification.</summary>
    Never,

    /// <summary>The arguments alone.</summary>
    NoInput,

    /// <summary>The string that the first argument points to.</summary>
    Path,

    /// <summary>The string that the second argument points to.</summary>
    PathAt,

    /// <summary>The bytes that the second argument points to; the third is their number.</summary>
    Buffer,

    /// <summary>The iovec array of the second argument; the third counts it.</summary>
    Vectors,

    /// <summary>The pollfd array of the first argument; the second counts it.</summary>
    PollDescriptors,

    /// <summary>The msghdr of the second argument.</summary>
    Message,

    /// <summary>The epoll_event of the fourth argument.</summary>
    EpollEvent,

    /// <summary>The signal set of the second argument.</summary>
    SignalSet,

    /// <summary>The sigaction of the second argument.</summary>
    SignalAction,

    /// <summary>Nothing, or the guest's side answers by itself from a number on its page.</summary>
    Answer,

    /// <summary>Nothing, or the guest's side reads a file by itself at its position (a lease on the file).</summary>
    ReadLease,

    /// <summary>The same at the offset of the fourth argument.</summary>
    ReadAtLease,

    /// <summary>Nothing, or the guest's side answers with the attributes of a file that it has a lease on.</summary>
    StatLease,

    /// <summary>The same if the path is empty; otherwise the path, as <see cref="PathAt"/>.</summary>
    StatAtLease,
}
