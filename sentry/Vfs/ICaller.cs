using Sandbox.Linux;
using Sandbox.Sentry.Memory;
using Sandbox.Sentry.Security;
using Sandbox.Sentry.Sync;

namespace Sandbox.Sentry.Vfs;

/// <summary>
/// The task on whose behalf a file operation runs, as far as the VFS needs to know it. <c>Kernel.Task</c> is the one
/// implementation; layers above the kernel may cast to it.
/// </summary>
internal interface ICaller
{
    Credentials Credentials { get; }
    UserMemory Memory { get; }

    /// <summary>Root, working directory, umask, mount namespace.</summary>
    FsContext Fs { get; }

    /// <summary>Who is charged for what is made for this task.</summary>
    MemoryAccount Account => MemoryAccount.Sandbox;

    /// <summary>Where this task waits.</summary>
    Sleeper Sleeper { get; }
}

/// <summary>Shared by tasks with CLONE_FS: root and working directory, umask (Linux's fs_struct).</summary>
internal sealed class FsContext
{
    private readonly RankedLock _lock = new(LockRank.Leaf);
    private VfsPath _root;
    private VfsPath _workingDirectory;

    public FsContext(MountNamespace mounts, VfsPath root, VfsPath workingDirectory, uint umask)
    {
        (Mounts, _root, _workingDirectory, Umask) = (mounts, root, workingDirectory, umask);
        root.Dentry?.Pin();
        workingDirectory.Dentry?.Pin();
    }

    public MountNamespace Mounts { get; set; }

    /// <summary>Permission bits a new file does not get.</summary>
    public uint Umask { get; set; }

    public VfsPath Root
    {
        get
        {
            using (_lock.Enter())
                return _root;
        }
        set
        {
            value.Dentry?.Pin();
            VfsPath old;
            using (_lock.Enter())
                (old, _root) = (_root, value);
            old.Dentry?.Unpin();
        }
    }

    public VfsPath WorkingDirectory
    {
        get
        {
            using (_lock.Enter())
                return _workingDirectory;
        }
        set
        {
            value.Dentry?.Pin();
            VfsPath old;
            using (_lock.Enter())
                (old, _workingDirectory) = (_workingDirectory, value);
            old.Dentry?.Unpin();
        }
    }

    /// <summary>A copy for a child without CLONE_FS.</summary>
    public FsContext Clone()
    {
        using (_lock.Enter())
            return new FsContext(Mounts, _root, _workingDirectory, Umask);
    }

    /// <summary>A copy in a mount namespace of its own, at the same places (unshare(2), CLONE_NEWNS). ENOMEM.</summary>
    public Result<FsContext> Unshare(UserNamespace owner)
    {
        if (Mounts.Clone(owner, out Dictionary<Mount, Mount> translation).Failed(
            out MountNamespace? mounts, out Errno error))
            return error;
        using (_lock.Enter())
            return new FsContext(mounts, Translate(_root), Translate(_workingDirectory), Umask);

        // A place on a detached mount stays where it is.
        VfsPath Translate(VfsPath place) =>
            translation.TryGetValue(place.Mount, out Mount? mount) ? place with { Mount = mount } : place;
    }
}
