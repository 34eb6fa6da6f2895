using Sandbox.Linux;
using Sandbox.Sentry.Security;
using Sandbox.Sentry.Sync;

namespace Sandbox.Sentry.Vfs;

/// <summary>RENAME_* (rename(2)).</summary>
[Flags]
internal enum RenameFlags : uint
{
    None = 0,
    NoReplace = 1,
    Exchange = 2,
    WhiteOut = 4,
}

/// <summary>rename(2), renameat2(2).</summary>
internal static class RenameOperations
{
    private static int _lastCookie;

    /// <summary>Moves a name. EXDEV across mounts, EINVAL into itself, ENOTEMPTY, EBUSY for mount points.</summary>
    public static Errno Rename(
        ICaller caller, VfsPath oldStart, ReadOnlySpan<byte> oldPath, VfsPath newStart, ReadOnlySpan<byte> newPath,
        RenameFlags flags)
    {
        if ((flags & ~(RenameFlags.NoReplace | RenameFlags.Exchange)) != 0
            || flags == (RenameFlags.NoReplace | RenameFlags.Exchange))
            return Errno.EINVAL;
        for (int attempt = 0; ; attempt++)
        {
            Errno error = Once(caller, oldStart, oldPath, newStart, newPath, flags);
            if (error != Errno.ESTALE || attempt == 3)
                return error;
        }
    }

    private static Errno Once(
        ICaller caller, VfsPath oldStart, ReadOnlySpan<byte> oldPath, VfsPath newStart, ReadOnlySpan<byte> newPath,
        RenameFlags flags)
    {
        PathWalk from = new(caller, oldStart), to = new(caller, newStart);
        if (from.WalkParents(oldPath, out ReadOnlySpan<byte> oldName, out LastComponent oldKind, out bool oldSlashed)
            is not Errno.Ok and Errno oldError)
            return oldError;
        if (to.WalkParents(newPath, out ReadOnlySpan<byte> newName, out LastComponent newKind, out bool newSlashed)
            is not Errno.Ok and Errno newError)
            return newError;
        if (from.Current.Mount != to.Current.Mount)
            return Errno.EXDEV;
        if (oldKind != LastComponent.Name)
            return Errno.EBUSY;
        if (newKind != LastComponent.Name)
            return (flags & RenameFlags.NoReplace) != 0 ? Errno.EEXIST : Errno.EBUSY;
        Move move = new(caller, from.Current, oldName, to.Current, newName, flags)
        {
            OldSlashed = oldSlashed,
            NewSlashed = newSlashed,
        };
        Errno error = LockAndRun(ref move);
        if (error == Errno.Ok && move.Child is { } child)
        {
            FileEvents.Moved(
                from.Current.Inode, move.OldFileName, to.Current.Inode, move.NewFileName, child.Inode!,
                Interlocked.Increment(ref _lastCookie));
            if ((flags & RenameFlags.Exchange) == 0 && move.Target is { Inode: not null } replaced)
                FileEvents.Replaced(replaced);
        }

        move.Target?.Unpin();
        return error;
    }

    // Locks: the filesystem's rename lock if two directories are involved, then an ancestor before its descendant.
    private static Errno LockAndRun(ref Move move)
    {
        Dentry from = move.From.Dentry, to = move.To.Dentry;
        if (from == to)
        {
            using (from.Lock.Enter())
                return move.Run(trap: null);
        }

        using (from.FileSystem.RenameLock.Enter())
        {
            // With the rename lock held nobody moves directories: ancestry stands still.
            Dentry? oldTrap = ChildTowards(to, from); // The child of `from` that `to` is below: it must not be moved.
            Dentry? newTrap = oldTrap is null ? ChildTowards(from, to) : null; // And one that must not be replaced.
            bool toFirst = newTrap is not null;
            using (RankedLock.Scope outer = (toFirst ? to : from).Lock.Enter())
            using (RankedLock.Scope inner = (toFirst ? from : to).Lock.EnterNested())
            {
                move.ReplaceTrap = newTrap;
                return move.Run(oldTrap);
            }
        }
    }

    // The child of `ancestor` on the way to `dentry`, or null if `dentry` is not below it.
    private static Dentry? ChildTowards(Dentry dentry, Dentry ancestor)
    {
        for (Dentry current = dentry; current.Parent is { } parent; current = parent)
        {
            if (parent == ancestor)
                return current;
        }

        return null;
    }

    // One rename with its directories locked.
    private ref struct Move(
        ICaller caller, VfsPath from, ReadOnlySpan<byte> oldName, VfsPath to, ReadOnlySpan<byte> newName,
        RenameFlags flags)
    {
        private readonly ReadOnlySpan<byte> _oldName = oldName;
        private readonly ReadOnlySpan<byte> _newName = newName;

        public readonly VfsPath From => from;

        public readonly VfsPath To => to;

        public bool OldSlashed { get; init; }

        public bool NewSlashed { get; init; }

        public Dentry? ReplaceTrap { get; set; }

        /// <summary>What was moved; null if nothing had to be.</summary>
        public Dentry? Child { get; private set; }

        /// <summary>What stood at the new name, pinned.</summary>
        public Dentry? Target { get; private set; }

        public FileName OldFileName { get; private set; }

        public FileName NewFileName { get; private set; }

        private readonly bool IsExchange => (flags & RenameFlags.Exchange) != 0;

        public Errno Run(Dentry? trap)
        {
            if (DentryCache.Lookup(from.Dentry, _oldName, out Dentry child) is not Errno.Ok and Errno oldError)
                return oldError;
            if (child.Inode is not { } inode)
                return Errno.ENOENT;
            if (DentryCache.Lookup(to.Dentry, _newName, out Dentry target) is not Errno.Ok and Errno newError)
                return newError;
            if (target.Inode is not null && (flags & RenameFlags.NoReplace) != 0)
                return Errno.EEXIST;
            if (target.Inode is null && IsExchange)
                return Errno.ENOENT;
            if ((OldSlashed && !inode.IsDirectory) || (NewSlashed && !(IsExchange ? target.Inode! : inode).IsDirectory))
                return Errno.ENOTDIR;
            if (child == trap)
                return Errno.EINVAL;
            if (target == ReplaceTrap && ReplaceTrap is not null)
                return IsExchange ? Errno.EINVAL : Errno.ENOTEMPTY;
            if (Check(inode, target.Inode) is not Errno.Ok and Errno refused)
                return refused;
            if (target.Inode == inode)
                return Errno.Ok; // rename(2): two names of one file; nothing happens.
            if (child.MountCount != 0 || target.MountCount != 0)
                return Errno.EBUSY;
            return Apply(child, inode, target);
        }

        private readonly Errno Check(Inode inode, Inode? replaced)
        {
            Credentials credentials = caller.Credentials;
            if (Access.CheckRemoveName(from, inode, credentials) is not Errno.Ok and Errno error)
                return error;
            error = replaced is null
                ? Access.CheckModifyDirectory(to, credentials)
                : Access.CheckRemoveName(to, replaced, credentials);
            if (error != Errno.Ok)
                return error;
            if (replaced is not null && !IsExchange && inode.IsDirectory != replaced.IsDirectory)
                return inode.IsDirectory ? Errno.ENOTDIR : Errno.EISDIR;

            // A directory that gets another parent changes itself: its ".." is rewritten.
            if (from.Dentry != to.Dentry && inode.IsDirectory)
                return Access.Check(inode, AccessMask.Write, credentials);
            return Errno.Ok;
        }

        private Errno Apply(Dentry child, Inode inode, Dentry target)
        {
            // A directory about to be replaced must not get entries meanwhile.
            if (target.Inode is { IsDirectory: true } && !IsExchange)
            {
                using (target.Lock.EnterNested())
                {
                    if (from.Inode.Rename(_oldName, inode, to.Inode, _newName, target.Inode, exchange: false)
                        is not Errno.Ok and Errno busy)
                        return busy;
                    target.IsRemoved = true;
                }
            }
            else if (from.Inode.Rename(_oldName, inode, to.Inode, _newName, target.Inode, IsExchange)
                is not Errno.Ok and Errno error)
            {
                return error;
            }

            (OldFileName, NewFileName) = (child.Name, new FileName(_newName));
            target.Pin();
            (Child, Target) = (child, target);
            MoveDentries(child, target);
            return Errno.Ok;
        }

        private readonly void MoveDentries(Dentry child, Dentry target)
        {
            from.Dentry.TakeChild(_oldName);
            if (IsExchange)
            {
                to.Dentry.TakeChild(_newName);
                (target.Name, target.Parent) = (OldFileName, from.Dentry);
                from.Dentry.SetChild(target);
            }
            else if (target.Inode is not null)
            {
                DentryCache.Remove(to.Dentry, target);
            }

            (child.Name, child.Parent) = (NewFileName, to.Dentry);
            to.Dentry.SetChild(child);
        }
    }
}
