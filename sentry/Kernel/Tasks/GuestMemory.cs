using Sandbox.Platform;
using Sandbox.Sentry.Kernel.Processes;
using Sandbox.Sentry.Kernel.SystemV;
using Sandbox.Sentry.Memory;
using Sandbox.Sentry.Vfs;

namespace Sandbox.Sentry.Kernel.Tasks;

/// <summary>
/// A guest's address space as the kernel knows it (Linux's mm_struct): shared by tasks with CLONE_VM. What is mapped
/// where is the host's knowledge; kept here is what the host cannot know.
/// </summary>
internal sealed class GuestMemory(IAddressSpace space, MappedFiles files)
{
    private readonly Lock _lock = new();
    private MappedFiles _files = files; // Guarded by _lock; one use of it is this one's.
    private readonly List<SegmentAttachment> _attachments = []; // Guarded by _lock.
    private int _users = 1;
    private int _ownerThreads = 1;
    private VfsPath _executable;

    public IAddressSpace Space { get; } = space;

    public UserMemory User => new(Space);

    /// <summary>/proc/PID/exe.</summary>
    public VfsPath Executable
    {
        get => _executable;
        set
        {
            value.Hold();
            value.Dentry?.Inode?.AddImage();
            _executable.Dentry?.Inode?.RemoveImage();
            _executable.LetGo();
            _executable = value;
        }
    }

    /// <summary>Where argv, envp and auxv lie, for /proc/PID/{cmdline,environ,auxv}.</summary>
    public ulong ArgumentsStart { get; set; }
    public ulong ArgumentsEnd { get; set; }
    public ulong EnvironmentStart { get; set; }
    public ulong EnvironmentEnd { get; set; }
    public ulong StackTop { get; set; }
    public ulong BreakStart { get; set; }
    public byte[] AuxiliaryVector { get; set; } = [];

    /// <summary>
    /// The bits that <see cref="DumpFilter"/> knows: anonymous, file, ELF header, huge and DAX mappings.
    /// </summary>
    public const uint DumpFilterBits = 0x1FF;

    /// <summary>/proc/PID/coredump_filter (core(5)); children and new programs inherit it.</summary>
    public uint DumpFilter { get; set; } = 0x33;

    /// <summary>
    /// prctl(PR_SET_THP_DISABLE): remembered and told, as the host's kernel chooses the pages; new programs keep it.
    /// </summary>
    public bool IsHugePageDisabled { get; set; }

    /// <summary>The flags of prctl(PR_SET_MDWE); see <see cref="Tasks.WriteExecuteDenial"/>.</summary>
    public uint WriteExecuteDenial { get; set; }

    /// <summary>
    /// False after an exec of a file the user cannot read or that changed credentials (prctl PR_SET_DUMPABLE).
    /// </summary>
    public bool IsDumpable { get; set; } = true;

    /// <summary>Tasks that use it.</summary>
    public int Users => Volatile.Read(ref _users);

    /// <summary>
    /// The process that was made with it: all of its host process's CPU time counts for that one, also what a vfork
    /// child uses in it. Set before the first task that has it runs.
    /// </summary>
    public ThreadGroup? Owner { get; set; }

    /// <summary>True once a second task has used it: its host process's CPU time is then not one task's.</summary>
    public bool HasBeenShared { get; private set; }

    /// <summary>
    /// True once a shared mapping was made in it, or in one it was copied from. While there is none, a futex word is
    /// always private, whatever the guest's flags say.
    /// </summary>
    public bool HasSharedMappings { get; set; }

    /// <summary>One more task uses it. <paramref name="isOwner"/>: a thread of the owner.</summary>
    public void AddUser(bool isOwner)
    {
        HasBeenShared = true;
        Interlocked.Increment(ref _users);
        if (isOwner)
            Interlocked.Increment(ref _ownerThreads);
    }

    /// <summary>A thread of the owner is about to leave. True if it is the last.</summary>
    public bool RemoveOwnerThread() => Interlocked.Decrement(ref _ownerThreads) == 0;

    /// <summary>True if that was the last user.</summary>
    public bool RemoveUser()
    {
        if (Interlocked.Decrement(ref _users) != 0)
            return false;
        _executable.Dentry?.Inode?.RemoveImage();
        _executable.LetGo();
        foreach (SegmentAttachment attachment in _attachments)
            attachment.Segment.Detach(null);
        _attachments.Clear();
        lock (_lock)
            _files.Release();
        return true;
    }

    /// <summary>Remembers which guest file stands behind a host file.</summary>
    public void RecordFile(ulong device, ulong inode, VfsPath path)
    {
        lock (_lock)
            _files = _files.Record(device, inode, path);
    }

    /// <summary>The guest file behind a mapping, or <c>default</c>.</summary>
    public VfsPath FindFile(in HostMapping mapping)
    {
        lock (_lock)
            return _files.Find(mapping.Device, mapping.Inode);
    }

    /// <summary>A segment was mapped (shmat(2)).</summary>
    public void AddAttachment(SegmentAttachment attachment)
    {
        lock (_lock)
            _attachments.Add(attachment);
    }

    /// <summary>
    /// The segment that was attached at exactly this address, no longer remembered; null if there is none.
    /// </summary>
    public SharedSegment? RemoveAttachment(ulong address)
    {
        lock (_lock)
        {
            int index = _attachments.FindLastIndex(attachment => attachment.Address == address);
            if (index < 0)
                return null;
            SharedSegment segment = _attachments[index].Segment;
            _attachments.RemoveAt(index);
            return segment;
        }
    }

    /// <summary>What a copy keeps, and what a new program keeps of the one before it.</summary>
    public void Inherit(GuestMemory before)
    {
        DumpFilter = before.DumpFilter;
        IsHugePageDisabled = before.IsHugePageDisabled;
        WriteExecuteDenial = Tasks.WriteExecuteDenial.Inherited(before.WriteExecuteDenial);
    }

    /// <summary>The same knowledge for a forked copy.</summary>
    public GuestMemory CloneFor(IAddressSpace space)
    {
        MappedFiles files;
        lock (_lock)
            files = _files.Share();
        GuestMemory copy = new(space, files)
        {
            Executable = Executable,
            ArgumentsStart = ArgumentsStart,
            ArgumentsEnd = ArgumentsEnd,
            EnvironmentStart = EnvironmentStart,
            EnvironmentEnd = EnvironmentEnd,
            StackTop = StackTop,
            BreakStart = BreakStart,
            AuxiliaryVector = AuxiliaryVector,
            IsDumpable = IsDumpable,
            HasSharedMappings = HasSharedMappings,
        };
        copy.Inherit(this);
        lock (_lock)
        {
            copy._attachments.AddRange(_attachments);
        }

        foreach (SegmentAttachment attachment in copy._attachments)
            attachment.Segment.AttachCopy();
        return copy;
    }
}
