using System.Diagnostics;
using System.Diagnostics.CodeAnalysis;
using Sandbox.Linux;
using Sandbox.Sentry.Security;
using Sandbox.Sentry.Sync;

namespace Sandbox.Sentry.Vfs;

/// <summary>Shared by tasks with CLONE_FS: root and working directory, umask (Linux's fs_struct).</summary>
/// <remarks>
/// Counted, because its end may be that of its mount namespace, with whose mounts whole filesystems go.
/// </remarks>
internal sealed class FsContext
{
    private readonly RankedLock _lock = new(LockRank.Leaf);
    private int _users = 1; // Guarded by _lock; 0 is its end.
    private VfsPath _root;
    private VfsPath _workingDirectory;

    /// <param name="mounts">Its namespace; the caller's hold on it becomes this one's.</param>
    /// <param name="root">Where absolute paths start.</param>
    /// <param name="workingDirectory">Where others start.</param>
    /// <param name="umask">Permission bits a new file does not get.</param>
    public FsContext(MountNamespace mounts, VfsPath root, VfsPath workingDirectory, uint umask)
    {
        (Mounts, _root, _workingDirectory, Umask) = (mounts, root, workingDirectory, umask);
        root.Hold();
        workingDirectory.Hold();
    }

    public MountNamespace Mounts { get; }

    /// <summary>Permission bits a new file does not get.</summary>
    public uint Umask { get; set; }

    /// <summary>Nobody has it any more: root and working directory only say where they were.</summary>
    public bool HasEnded => Volatile.Read(ref _users) == 0;

    public VfsPath Root
    {
        get
        {
            using (_lock.Enter())
                return _root;
        }
        set => Change(ref _root, value);
    }

    public VfsPath WorkingDirectory
    {
        get
        {
            using (_lock.Enter())
                return _workingDirectory;
        }
        set => Change(ref _workingDirectory, value);
    }

    /// <summary>One more task has it (CLONE_FS). By a task that has it.</summary>
    public FsContext Share()
    {
        using (_lock.Enter())
        {
            Debug.Assert(_users > 0, "shared after its end");
            _users++;
        }

        return this;
    }

    /// <summary>One task less has it. Without locks.</summary>
    public void Release()
    {
        using (_lock.Enter())
        {
            Debug.Assert(_users > 0, "released twice");
            if (--_users != 0)
                return;
        }

        _root.LetGo();
        _workingDirectory.LetGo();
        Mounts.LetGo();
    }

    /// <summary>A copy for a child without CLONE_FS. By a task that has it.</summary>
    public FsContext Clone() =>
        TryClone(out FsContext? copy) ? copy : throw new UnreachableException("copied after its end");

    /// <summary>A copy, unless this one has ended.</summary>
    public bool TryClone([NotNullWhen(true)] out FsContext? copy)
    {
        copy = null;
        using (_lock.Enter())
        {
            if (_users != 0 && Mounts.TryHold())
                copy = new FsContext(Mounts, _root, _workingDirectory, Umask);
        }

        return copy is not null;
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

    private void Change(ref VfsPath place, VfsPath value)
    {
        value.Hold();
        VfsPath old;
        using (_lock.Enter())
        {
            old = _users == 0 ? value : place;
            place = _users == 0 ? place : value;
        }

        old.LetGo();
    }
}
