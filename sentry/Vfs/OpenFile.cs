using System.Diagnostics;
using Sandbox.Linux;
using Sandbox.Sentry.Memory;
using Sandbox.Sentry.Security;
using Sandbox.Sentry.Sync;

namespace Sandbox.Sentry.Vfs;

/// <summary>
/// An open file description (open(2)): shared by dup'ed and inherited descriptors. Operations never block: EAGAIN means
/// "register with <see cref="Waiters"/> and try again", which only <see cref="Blocking"/> does,
/// whatever O_NONBLOCK says.
/// </summary>
/// <remarks>
/// Counted references, because the guest sees the moment of release (end of file on a pipe, lock release).
/// </remarks>
internal abstract class OpenFile
{
    // One for all files: observers come and go seldom.
    private static readonly RankedLock _observerLock = new(LockRank.Leaf);

    private int _references = 1;
    private bool _isWriter;
    private MemoryAccount? _account; // Who is charged for it.
    private FileObserver? _observers; // Guarded by _observerLock for writing.
    private FileObserver? _ioSignal; // Set once.

    protected OpenFile(VfsPath path, OpenFlags flags, Credentials credentials)
    {
        Path = path;
        path.Hold();
        Flags = flags & ~(OpenFlags.Create | OpenFlags.Exclusive | OpenFlags.Truncate
            | OpenFlags.NoControllingTerminal | OpenFlags.CloseOnExec);
        Credentials = credentials;
    }

    /// <summary>Where it was opened; <c>default</c> for files without a name.</summary>
    public VfsPath Path { get; }

    /// <summary>Access mode and status flags; fcntl(F_SETFL) changes the latter.</summary>
    public OpenFlags Flags { get; set; }

    /// <summary>The credentials it was opened with.</summary>
    public Credentials Credentials { get; }

    /// <summary>The file; anonymous files have an inode of their own.</summary>
    public abstract Inode Inode { get; }

    public bool IsReadable =>
        (Flags & OpenFlags.AccessMode) is OpenFlags.ReadOnly or OpenFlags.ReadWrite && !IsPathOnly;

    public bool IsWritable =>
        (Flags & OpenFlags.AccessMode) is OpenFlags.WriteOnly or OpenFlags.ReadWrite && !IsPathOnly;

    public bool IsNonBlocking => (Flags & OpenFlags.NonBlock) != 0;

    public bool IsPathOnly => (Flags & OpenFlags.Path) != 0;

    /// <summary>
    /// Where readiness is announced; null for files that are always ready (regular files, directories).
    /// </summary>
    public virtual WaitQueue? Waiters => null;

    /// <summary>
    /// What this file is called in /proc/PID/fd when it has no path: "pipe:[12]", "anon_inode:[eventfd]".
    /// </summary>
    public virtual string AnonymousName => $"anon_inode:[{Inode.Number}]";

    /// <summary>
    /// What /proc/PID/fdinfo says beyond position and flags (proc_pid_fdinfo(5)), for <paramref name="reader"/>.
    /// </summary>
    public virtual void Describe(ICaller reader, ByteBuilder text)
    {
    }

    /// <summary>
    /// True for pipes and stream sockets: a blocking write(2) goes on until everything is written (or a signal, an
    /// error), while other files' short counts are answered as they are.
    /// </summary>
    public virtual bool WritesWholly => false;

    /// <summary>True for what O_ASYNC works on: pipes, sockets, terminals, inotify.</summary>
    public virtual bool SendsIoSignals => false;

    /// <summary>
    /// Who gets a signal when this file is ready (fcntl(2), F_SETOWN), if anybody ever asked; the kernel's own.
    /// </summary>
    public FileObserver? IoSignal => Volatile.Read(ref _ioSignal);

    /// <summary>
    /// Asked once before a task reads or writes: terminals stop background processes here (SIGTTIN,
    /// SIGTTOU with ERESTARTSYS; EIO).
    /// </summary>
    public virtual Errno BeforeTransfer(ICaller caller, bool isWrite) => Errno.Ok;

    /// <summary>How long a blocking read or write waits (SO_RCVTIMEO, SO_SNDTIMEO); then EAGAIN.</summary>
    public virtual Deadline TransferDeadline(bool isWrite) => Deadline.Never;

    /// <summary>True if it has an offset and pread/pwrite/lseek work.</summary>
    public virtual bool IsSeekable => false;

    /// <summary>The position of a file that has one, else 0 (/proc/PID/fdinfo).</summary>
    public virtual long Position => 0;

    /// <summary>F_GET_SEALS (fcntl(2)). EINVAL for a file that does not live in memory.</summary>
    public virtual Result<int> GetSeals() => Errno.EINVAL;

    /// <summary>F_ADD_SEALS. EPERM, EBUSY, EINVAL.</summary>
    public virtual Errno AddSeals(uint seals) => Errno.EINVAL;

    /// <summary>What is ready now (poll(2)). The default is always readable and writable.</summary>
    public virtual PollEvents Poll() => PollEvents.Readable | PollEvents.Writable;

    /// <summary>
    /// Reads at the file's own offset and moves it. 0 at the end of file; EAGAIN if it would block; EISDIR, EINVAL.
    /// </summary>
    public virtual Result<int> Read(Span<byte> destination) => Errno.EINVAL;

    /// <summary>
    /// Writes at the file's own offset (or the end, O_APPEND) and moves it. EAGAIN, EPIPE (the caller sends SIGPIPE),
    /// ENOSPC.
    /// </summary>
    public virtual Result<int> Write(ReadOnlySpan<byte> source) => Errno.EINVAL;

    /// <summary>
    /// It keeps and gives out buffers by reference where that spares a copy: a stream of the network.
    /// </summary>
    public virtual bool SharesBuffers => false;

    /// <summary>Writes as <see cref="Write"/> does, and may keep the buffer: its bytes must not change then.</summary>
    public virtual Result<int> WriteShared(ByteSlice source) => Write(source.Span);

    /// <summary>
    /// Reads as <see cref="Read"/> does, but may give a slice instead of filling the destination; its reference is the
    /// caller's.
    /// </summary>
    public virtual Result<int> ReadShared(Span<byte> destination, out ByteSlice taken)
    {
        taken = default;
        return Read(destination);
    }

    /// <summary>Reads at an offset (pread(2)). ESPIPE if not seekable.</summary>
    public virtual Result<int> ReadAt(Span<byte> destination, long offset) => Errno.ESPIPE;

    /// <summary>Writes at an offset (pwrite(2)); on O_APPEND files Linux appends all the same.</summary>
    public virtual Result<int> WriteAt(ReadOnlySpan<byte> source, long offset) => Errno.ESPIPE;

    /// <summary>lseek(2).</summary>
    public virtual Result<long> Seek(long offset, SeekWhence whence) => Errno.ESPIPE;

    /// <summary>
    /// Lists entries from the file's own position on, "." and ".." included, until the sink is full; moves the position
    /// past those it took. ENOTDIR.
    /// </summary>
    public virtual Errno ReadDirectory(IDirectorySink sink) => Errno.ENOTDIR;

    /// <summary>
    /// ioctl(2). ENOTTY for an unknown request. <paramref name="caller"/>'s memory holds what the argument points to.
    /// </summary>
    public virtual SyscallResult Control(ICaller caller, uint request, ulong argument) => Errno.ENOTTY;

    /// <summary>
    /// The Sentry's descriptor to map this file with, whose access must not exceed this file's. The guest maps it at
    /// the offset it gave. ENODEV if the file cannot be mapped. The descriptor stays the file's;
    /// it lives as long as the file.
    /// </summary>
    public virtual Result<int> GetMappingFd(MapFlags flags, MemoryProtection protection) => Errno.ENODEV;

    /// <summary>fsync(2), fdatasync(2).</summary>
    public virtual Errno Synchronize(bool dataOnly) => Errno.EINVAL;

    /// <summary>fallocate(2).</summary>
    public virtual Errno Allocate(int mode, long offset, long length) => Errno.EOPNOTSUPP;

    /// <summary>ftruncate(2), on a writable file.</summary>
    public virtual Errno Truncate(long length) => Inode.SetAttributes(new AttributeChange { SizeBytes = length });

    /// <summary>
    /// A descriptor that referred to this file was closed (close(2)) in a table; not the last one necessarily.
    /// </summary>
    public virtual Errno Flush(FdTable closer) => Errno.Ok;

    /// <summary>
    /// A descriptor table is about to lose the file, and nobody can know yet: when this returns,
    /// no guest reads it by itself any more.
    /// </summary>
    public virtual void BeforeRemoval()
    {
    }

    /// <summary>
    /// Takes over the charge for an open file (<see cref="ObjectCost.OpenFile"/>), to give it back with the last
    /// reference. False if somebody is charged for it already: then the caller keeps what it has charged.
    /// </summary>
    public bool AdoptCharge(MemoryAccount account) => Interlocked.CompareExchange(ref _account, account, null) is null;

    /// <summary>More than the given number of references: somebody else may use it. A hint.</summary>
    public bool HasMoreReferences(int count) => Volatile.Read(ref _references) > count;

    /// <summary>References there are now.</summary>
    public int References => Volatile.Read(ref _references);

    public void AddReference()
    {
        int before = Interlocked.Increment(ref _references);
        Debug.Assert(before > 1, "reference taken to a released file");
    }

    /// <summary>Takes a reference unless the last one is gone already.</summary>
    public bool TryAddReference()
    {
        while (true)
        {
            int count = Volatile.Read(ref _references);
            if (count == 0)
                return false;
            if (Interlocked.CompareExchange(ref _references, count + 1, count) == count)
                return true;
        }
    }

    /// <summary>It was opened for writing by its name: until its release nobody executes the file.</summary>
    public void CountAsWriter()
    {
        _isWriter = true;
        Inode.AddWriter();
    }

    /// <summary>Gives a reference back; the last one releases the file.</summary>
    public void Release()
    {
        int left = Interlocked.Decrement(ref _references);
        Debug.Assert(left >= 0, "file released twice");
        if (left != 0)
            return;
        while (TakeObserver() is { } observer)
            observer.OnFileReleased(this);
        FileEvents.Closed(this);
        FileLocks.ReleaseFile(this);
        if (_isWriter)
            Inode.RemoveWriter();
        OnRelease();
        _account?.ReturnObject(ObjectCost.OpenFile);
        Path.LetGo();
    }

    /// <summary>False if somebody else was faster.</summary>
    public bool TrySetIoSignal(FileObserver signal) => Interlocked.CompareExchange(ref _ioSignal, signal, null) is null;

    /// <summary>Adds somebody who is told of the release (epoll). The caller holds a reference.</summary>
    public void AddObserver(FileObserver observer)
    {
        using (_observerLock.Enter())
        {
            observer.Next = _observers;
            if (_observers is not null)
                _observers.Previous = observer;
            _observers = observer;
        }
    }

    /// <summary>Takes an observer off; nothing happens if it is off already.</summary>
    public void RemoveObserver(FileObserver observer)
    {
        using (_observerLock.Enter())
        {
            if (_observers != observer && observer.Previous is null)
                return;
            if (observer.Previous is null)
                _observers = observer.Next;
            else
                observer.Previous.Next = observer.Next;
            if (observer.Next is not null)
                observer.Next.Previous = observer.Previous;
            observer.Next = observer.Previous = null;
        }
    }

    private FileObserver? TakeObserver()
    {
        if (Volatile.Read(ref _observers) is not { } first)
            return null;
        RemoveObserver(first);
        return first;
    }

    /// <summary>The last reference is gone: close host descriptors, tell the other end, drop locks.</summary>
    protected virtual void OnRelease()
    {
    }
}

/// <summary>Takes directory entries (getdents64(2)).</summary>
internal interface IDirectorySink
{
    /// <summary>
    /// False if there is no room; the entry will come again next time. <paramref name="nextOffset"/> is d_off.
    /// </summary>
    bool Add(ReadOnlySpan<byte> name, ulong inode, FileType type, long nextOffset);
}

/// <summary>
/// Told when the last reference to a file goes, before the file is taken down. On at most one file's list.
/// </summary>
internal abstract class FileObserver
{
    // Guarded by OpenFile's observer lock.
    internal FileObserver? Next;
    internal FileObserver? Previous;

    /// <summary>The file has no references left. Called without locks.</summary>
    public abstract void OnFileReleased(OpenFile file);
}
