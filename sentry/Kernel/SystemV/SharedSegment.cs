using Sandbox.Sentry.Kernel.Namespaces;
using Sandbox.Sentry.Kernel.Processes;
using Sandbox.Sentry.Memory;
using Sandbox.Sentry.Security;
using Sandbox.Sentry.Vfs;

namespace Sandbox.Sentry.Kernel.SystemV;

/// <summary>
/// A shared memory segment (shmget(2)): a file of memory without a name. It lives until it was removed and nobody has
/// it attached. Guarded by the namespace's lock.
/// </summary>
internal sealed class SharedSegment(
    SystemVObjects objects, int key, uint mode, Credentials creator, OpenFile file, ulong bytes, MemoryAccount account)
    : IpcObject(key, mode, creator, account)
{
    /// <summary>SHM_DEST and SHM_LOCKED of shm_perm.mode.</summary>
    public const uint ToBeDestroyed = 0x200, Locked = 0x400;

    private const ulong PageBytes = 4096;

    /// <summary>What it is made of; one reference is the segment's own.</summary>
    public OpenFile File { get; } = file;

    /// <summary>As asked for; mappings are rounded up to pages.</summary>
    public ulong Bytes { get; } = bytes;

    /// <summary>Pages of memory, as mappings have them.</summary>
    public ulong Pages => (Bytes + PageBytes - 1) / PageBytes;

    /// <summary>The process that made it, while that lives.</summary>
    public ThreadGroup? Maker { get; set; }

    public long Attachments { get; private set; }
    public long AttachTime { get; private set; }
    public long DetachTime { get; private set; }
    public Pid? Creator { get; init; }
    public Pid? LastUser { get; private set; }

    /// <summary>Counts an attachment; with the lock held.</summary>
    public void Attach(Pid user)
    {
        Attachments++;
        AttachTime = Now;
        LastUser = user;
    }

    /// <summary>One more attachment, by a forked copy of an address space. Without locks.</summary>
    public void AttachCopy()
    {
        using (objects.Lock.Enter())
            Attachments++;
    }

    /// <summary>Ends an attachment, and the segment if it was only waiting for that. Without locks.</summary>
    public void Detach(Pid? user)
    {
        bool isLast;
        using (objects.Lock.Enter())
        {
            Attachments--;
            DetachTime = Now;
            LastUser = user ?? LastUser;
            isLast = Attachments == 0 && !IsRemoved && ((Mode & ToBeDestroyed) != 0 || objects.RemovesOrphans);
            if (isLast)
                Remove();
        }

        if (isLast)
            File.Release();
    }

    /// <summary>
    /// IPC_RMID: its key is free at once, the memory goes with the last attachment. With the lock held; true if the
    /// caller, without it, is to release the file.
    /// </summary>
    public bool Destroy()
    {
        Mode |= ToBeDestroyed;
        if (Attachments != 0)
        {
            objects.Segments.ForgetKey(this);
            return false;
        }

        Remove();
        return true;
    }

    private void Remove()
    {
        objects.Segments.Remove(this);
        objects.SegmentPages -= Pages;
    }
}

/// <summary>One place where a segment is attached (shmat(2)).</summary>
internal readonly record struct SegmentAttachment(ulong Address, SharedSegment Segment);
