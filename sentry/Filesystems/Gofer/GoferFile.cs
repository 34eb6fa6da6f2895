using Sandbox.Gofer.Protocol;
using Sandbox.Linux;
using Sandbox.Sentry.Vfs;

namespace Sandbox.Sentry.Filesystems.Gofer;

/// <summary>
/// A regular file of the host. Its bytes never pass the Gofer: open files use host descriptors it donated.
/// </summary>
internal sealed class GoferFile(GoferFileSystem fileSystem, in GoferAttributes attributes, Place? place)
    : GoferInode(fileSystem, attributes, place)
{
    // Guarded by the cache of descriptors.
    private DonatedFd? _reader;
    private DonatedFd? _writer;

    private volatile bool _isRemoved; // Its last name.
    // Once: the host changes the times whenever the guest writes to the mapping.
    private volatile bool _isMappedWritable;

    public override bool MayBeCopied => Gofer.Caching == GoferCaching.Exclusive && !_isMappedWritable;

    public override bool LosesSetIdsByWriting => true;

    private DonatedFdCache Descriptors => Gofer.Session.Descriptors;

    public override Result<OpenFile> Open(VfsPath path, OpenFlags flags, ICaller caller)
    {
        bool isWritable = (flags & OpenFlags.AccessMode) != OpenFlags.ReadOnly;
        if (Acquire(isWritable).Failed(out DonatedFd? fd, out Errno error))
            return error;
        return new GoferOpenFile(this, fd, path, flags, caller.Credentials);
    }

    public override Errno SetAttributes(in AttributeChange change)
    {
        // A writable descriptor at hand makes a truncation of an open file a host call.
        bool isSizeOnly = change.SizeBytes is not null
            && change == new AttributeChange { SizeBytes = change.SizeBytes };
        if (!isSizeOnly || Descriptors.Find(this, isWritable: true) is not { } fd)
            return base.SetAttributes(change);
        NotifyChange();
        Errno error = HostFile.Truncate(fd.Number, change.SizeBytes.GetValueOrDefault());
        Release(fd);
        MarkWritten();
        return error;
    }

    public override void Forget()
    {
        Descriptors.CloseIdle(this);
        base.Forget();
    }

    /// <summary>Where the cache keeps the descriptor of an access. With its lock held.</summary>
    internal ref DonatedFd? Slot(bool isWritable) => ref isWritable ? ref _writer : ref _reader;

    /// <summary>The descriptor a file was created with waits for the open that follows.</summary>
    internal void KeepNewFd(HostFd fd) =>
        Descriptors.Release(Descriptors.Add(new DonatedFd(fd, this, isWritable: true)), keepIdle: true);

    /// <summary>An open file is gone.</summary>
    internal void Release(DonatedFd fd)
    {
        // A writer's descriptor is not kept: it could keep others from executing the file.
        Descriptors.Release(fd, keepIdle: Gofer.IsSandboxOwned && !fd.IsWritable && !_isRemoved);
        if (_isRemoved && !Descriptors.HasAny(this))
            Gofer.Session.Handles.Drop(TakeHandle());
    }

    internal override void PrepareForNameLoss(GoferDirectory directory, ReadOnlySpan<byte> name)
    {
        base.PrepareForNameLoss(directory, name);
        Descriptors.CloseIdle(this);
        if (Descriptors.FindAny(this) is not { } open)
            return;
        EnsureHandle(); // Open files may still be chmod'ed.
        Descriptors.Release(open, keepIdle: false);
    }

    /// <summary>The bytes changed through a descriptor.</summary>
    internal void MarkWritten()
    {
        MarkStale();
        Place?.Parent.MarkListingStale();
    }

    /// <summary>A guest may write to the file from now on without a call.</summary>
    internal void MarkMappedWritable()
    {
        _isMappedWritable = true; // No lease from here on; MarkWritten ends those there are.
        MarkWritten();
    }

    protected override void LostLastName()
    {
        _isRemoved = true;
        if (!Descriptors.HasAny(this))
            base.LostLastName();
        else
            Gofer.ForgetLinked(this);
    }

    protected override void ChangedOutside() => Descriptors.CloseIdle(this);

    protected override Errno Refresh()
    {
        // Others may change the owner of a shared file, which a descriptor does not tell. But if it lost its name
        // there, too, the descriptor is all there is.
        Errno asked = Gofer.IsSandboxOwned ? Errno.ESTALE : base.Refresh();
        if (asked is not (Errno.ESTALE or Errno.ENOENT))
            return asked;
        if (Descriptors.FindAny(this) is not { } fd)
            return Gofer.IsSandboxOwned ? base.Refresh() : asked;
        MarkRefreshed();
        Result<Stat> result = HostFile.Stat(fd.Number);
        Release(fd);
        if (result.Failed(out Stat stat, out Errno error))
            return error;
        Apply(stat);
        if (_isMappedWritable)
            MarkStale();
        return Errno.Ok;
    }

    private Result<DonatedFd> Acquire(bool isWritable)
    {
        if (Descriptors.Find(this, isWritable) is { } found)
            return found;
        if (!DonatedFd.TryCount())
        {
            Descriptors.CloseIdle();
            if (!DonatedFd.TryCount())
                return Errno.ENFILE;
        }

        if (OpenOnHost(isWritable, out GoferAttributes attributes).Failed(out HostFd? fd, out Errno error))
        {
            DonatedFd.Uncount();
            return error;
        }

        DonatedFd made = new(fd, this, isWritable) { IsCounted = true };
        if (!IsSame(attributes)) // Of a shared tree: replaced since the walk.
        {
            made.Close();
            return Errno.ESTALE;
        }

        return Descriptors.Add(made);
    }

    private Result<HostFd> OpenOnHost(bool isWritable, out GoferAttributes attributes)
    {
        attributes = default;
        if (!isWritable && Gofer.Caching == GoferCaching.Exclusive && Place is { } place && !HasHandle)
            return place.Parent.OpenChild(place.Name, HostId, out attributes);
        if (Locate(out uint handle, out FileName name) is not Errno.Ok and Errno error)
            return error;
        OpenFlags flags = isWritable ? OpenFlags.ReadWrite : OpenFlags.ReadOnly;
        return Client.Open(handle, NameBytes(name), flags, out attributes);
    }
}
