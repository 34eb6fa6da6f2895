using System.Runtime.InteropServices;
using Sandbox.Linux;
using Sandbox.Platform;
using Sandbox.Sentry.Vfs;

namespace Sandbox.Sentry.Filesystems.Proc.Tasks;

/// <summary>
/// /proc/PID/pagemap: eight bytes for each page of a process's memory (proc_pid_pagemap(5)), for who may trace it. The
/// host knows them; frame numbers are nobody's business and read as 0, as they do on Linux without CAP_SYS_ADMIN.
/// </summary>
internal sealed class PageMapFile(ProcTask target)
    : SyntheticInode(target.Proc, (uint)FileType.Regular | 0x100, target.OwnerUserId, target.OwnerGroupId) // 0400
{
    private readonly ProcTask _target = target;

    public override Result<OpenFile> Open(VfsPath path, OpenFlags flags, ICaller caller)
    {
        if (!ProcAccess.MayInspect(caller, _target.Task))
            return Errno.EACCES;
        return _target.IsZombie
            ? Errno.ESRCH
            : new PageMapOpenFile(this, _target.Task.GuestMemory.Space, path, flags, caller);
    }
}

/// <summary>An open pagemap: stays with the address space it was opened for, over an exec.</summary>
internal sealed class PageMapOpenFile(Inode inode, IAddressSpace space, VfsPath path, OpenFlags flags, ICaller caller)
    : SeekableFile(path, flags, caller.Credentials)
{
    private const int EntryBytes = 8, PageShift = 12, MaxBytes = 64 << 10;

    /// <summary>
    /// Soft-dirty, exclusively mapped, write-protected by userfaultfd, of a file or shared, swapped out, present.
    /// </summary>
    private const ulong ToldBits = 0xE380_0000_0000_0000;

    public override Inode Inode => inode;

    /// <summary>
    /// Whole entries only, at most 64 KiB at once: EINVAL for a range that begins or ends within one.
    /// </summary>
    public override Result<int> ReadAt(Span<byte> destination, long offset)
    {
        if (offset % EntryBytes != 0 || destination.Length % EntryBytes != 0)
            return Errno.EINVAL;
        Span<byte> wanted = destination[..Math.Min(destination.Length, MaxBytes)];
        if (space.ReadProcFileAt("pagemap"u8, offset, wanted).Failed(out int count, out Errno error))
            return error;
        Span<ulong> entries = MemoryMarshal.Cast<byte, ulong>(wanted[..(count - (count % EntryBytes))]);
        ulong page = (ulong)offset / EntryBytes;
        for (int index = 0; index < entries.Length; index++)
        {
            ulong address = (page + (ulong)index) << PageShift;
            bool isReserved = address >= space.ReservedStart && address < space.ReservedEnd;
            entries[index] = isReserved ? 0 : entries[index] & ToldBits;
        }

        return entries.Length * EntryBytes;
    }

    protected override Result<int> WriteAt(ReadOnlySpan<byte> source, ref long offset, bool isAppend) => Errno.EINVAL;

    protected override Result<long> GetSize() => Errno.EINVAL;
}
