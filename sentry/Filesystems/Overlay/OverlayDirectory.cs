using Sandbox.Linux;
using Sandbox.Sentry.Filesystems.Tmp;
using Sandbox.Sentry.Vfs;

namespace Sandbox.Sentry.Filesystems.Overlay;

/// <summary>A directory with a lower layer: its own entries, and the lower ones that none of them hides.</summary>
internal sealed class OverlayDirectory : TmpDirectory, IOverlayFace
{
    /// <summary>
    /// Directories on the host may not count their links (btrfs says 1), so ours start far from zero and show as 1,
    /// "unknown" to find(1), as overlayfs has it.
    /// </summary>
    public const ulong UncountedLinks = 1 << 30;

    private readonly OverlayFileSystem _fileSystem;
    private readonly Inode _lower;
    private volatile bool _isOwn;
    private HashSet<FileName>? _hidden; // Names of the lower layer that do not show. Guarded by Lock.

    public OverlayDirectory(OverlayFileSystem fileSystem, Inode lower)
        : base(fileSystem, lower)
    {
        (_fileSystem, _lower) = (fileSystem, lower);
    }

    /// <summary>The directory of the lower layer.</summary>

    /// <summary>True while the directory looks exactly as the lower one.</summary>
    public bool IsUntouched
    {
        get
        {
            if (!_isOwn)
                return true;
            if (OwnCount != 0)
                return false;
            using (Lock.Enter())
                return _hidden is null;
        }
    }

    public override bool Revalidate()
    {
        if (_isOwn)
            return true;
        if (!_lower.Revalidate())
            return false;
        CopyOwner(_lower);
        return true;
    }

    public override bool CachesMissingNames => _lower.CachesMissingNames;

    bool IOverlayFace.IsOwn => _isOwn;

    public override Errno BeginChange() => _fileSystem.BeginChange(this, _lower);

    void IOverlayFace.BecomeOwn(in Stat stat) => _isOwn = true;

    public override Errno GetAttributes(ref Stat stat)
    {
        if (!_isOwn)
            return LowerAttributes.Get(this, _lower, ref stat);
        Errno result = base.GetAttributes(ref stat);
        if (stat.LinkCount != 0)
            stat.LinkCount = 1;
        return result;
    }

    public override Result<Inode> Lookup(ReadOnlySpan<byte> name)
    {
        if (_isOwn)
        {
            if (FindOwn(name) is { } own)
                return own;
            if (IsHidden(name))
                return Errno.ENOENT;
        }

        return _lower.Lookup(name).Failed(out Inode? found, out Errno error) ? error : _fileSystem.Wrap(found);
    }

    public override Result<OpenFile> Open(VfsPath path, OpenFlags flags, ICaller caller) =>
        new OverlayDirectoryFile(this, path, flags, caller.Credentials);

    public override Result<byte[]> GetExtendedAttribute(ReadOnlySpan<byte> name) =>
        _isOwn ? base.GetExtendedAttribute(name) : _lower.GetExtendedAttribute(name);

    public override Result<byte[]> ListExtendedAttributes() =>
        _isOwn ? base.ListExtendedAttributes() : _lower.ListExtendedAttributes();

    /// <summary>True if a lower entry of that name does not show as it is.</summary>
    internal bool IsHidden(ReadOnlySpan<byte> name)
    {
        using (Lock.Enter())
            return _hidden is not null && _hidden.GetAlternateLookup<ReadOnlySpan<byte>>().Contains(name);
    }

    /// <summary>Opens the lower directory for listing; the caller releases it.</summary>
    internal Result<OpenFile> OpenLower() =>
        _lower.Open(default, OpenFlags.ReadOnly | OpenFlags.Directory, _fileSystem.Caller);

    protected override Errno CheckEmpty()
    {
        if (base.CheckEmpty() is not Errno.Ok and Errno error)
            return error;
        if (OpenLower().Failed(out OpenFile? listing, out Errno refused))
            return refused;
        VisibleNameSink sink = new(this);
        Errno result = listing.ReadDirectory(sink);
        while (result == Errno.Ok && sink.Seen > 0 && !sink.FoundOne)
        {
            sink.Seen = 0;
            result = listing.ReadDirectory(sink);
        }

        listing.Release();
        return result != Errno.Ok ? result : sink.FoundOne ? Errno.ENOTEMPTY : Errno.Ok;
    }

    protected override void SetEntry(ReadOnlySpan<byte> name, TmpInode inode, bool replaces)
    {
        if (replaces && FindOwn(name) is null)
            Hide(name);
        base.SetEntry(name, inode, replaces);
    }

    protected override bool RemoveEntry(ReadOnlySpan<byte> name)
    {
        // A name of the own layer that covers a lower one hides it already.
        if (base.RemoveEntry(name))
            return true;
        Hide(name);
        return false;
    }

    protected override void DropContent() => _fileSystem.Forget(_lower, this);

    private void Hide(ReadOnlySpan<byte> name)
    {
        using (Lock.Enter())
            (_hidden ??= new(FileName.Comparer)).Add(new FileName(name));
    }

    private sealed class VisibleNameSink(OverlayDirectory directory) : IDirectorySink
    {
        public bool FoundOne { get; private set; }

        public int Seen { get; set; }

        public bool Add(ReadOnlySpan<byte> name, ulong inode, FileType type, long nextOffset)
        {
            Seen++;
            if (name.SequenceEqual("."u8) || name.SequenceEqual(".."u8) || directory.IsHidden(name))
                return true;
            FoundOne = true;
            return false;
        }
    }
}
