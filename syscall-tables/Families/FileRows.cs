using Sandbox.Linux;
using Sandbox.Sentry.Syscalls;
using Sandbox.Sentry.Vfs;
using F = Sandbox.SyscallTables.Tracing.ArgumentFormat;

namespace Sandbox.SyscallTables.Families;

/// <summary>Open files: reading, writing, opening, descriptors, locks, synchronisation.</summary>
internal static unsafe class FileRows
{
    public static void Add(Syscall?[] rows)
    {
        AddReadWrite(rows);
        AddOpen(rows);
        AddDescriptors(rows);
        AddSynchronization(rows);
        AddCopies(rows);
    }

    private static void AddReadWrite(Syscall?[] rows)
    {
        rows[Sys.read] = Syscall.Of<Fd, UserAddress, ulong>("read", &ReadWriteSyscalls.Read)
            .Shows(F.Fd, F.DataOut, F.Unsigned64)
            .Waits("vfs_read", withoutThread: true)
            .ByPage(PageCall.ReadLease);
        rows[Sys.write] = Syscall.Of<Fd, UserAddress, ulong>("write", &ReadWriteSyscalls.Write)
            .Shows(F.Fd, F.Data, F.Unsigned64)
            .Waits("vfs_write", withoutThread: true)
            .ByPage(PageCall.Buffer);
        rows[Sys.pread64] = Syscall.Of<Fd, UserAddress, ulong, long>("pread64", &ReadWriteSyscalls.ReadAt)
            .Shows(F.Fd, F.DataOut, F.Unsigned64, F.Signed64)
            .Waits("vfs_read")
            .ByPage(PageCall.ReadAtLease);
        rows[Sys.pwrite64] = Syscall.Of<Fd, UserAddress, ulong, long>("pwrite64", &ReadWriteSyscalls.WriteAt)
            .Shows(F.Fd, F.Data, F.Unsigned64, F.Signed64)
            .Waits("vfs_write")
            .ByPage(PageCall.Buffer);
        rows[Sys.readv] = Syscall.Of<Fd, UserPtr<IoVector>, ulong>("readv", &ReadWriteSyscalls.ReadVector)
            .Shows(F.Fd, F.VectorsOut, F.Unsigned64)
            .Waits("vfs_read", withoutThread: true)
            .ByPage(PageCall.Vectors);
        rows[Sys.writev] = Syscall.Of<Fd, UserPtr<IoVector>, ulong>("writev", &ReadWriteSyscalls.WriteVector)
            .Waits("vfs_write", withoutThread: true)
            .ByPage(PageCall.Vectors);
        rows[Sys.preadv] = Syscall.Of<Fd, UserPtr<IoVector>, ulong, long>("preadv", &ReadWriteSyscalls.ReadVectorAt)
            .Shows(F.Fd, F.VectorsOut, F.Unsigned64, F.Signed64)
            .Waits("vfs_read");
        rows[Sys.pwritev] = Syscall.Of<Fd, UserPtr<IoVector>, ulong, long>("pwritev", &ReadWriteSyscalls.WriteVectorAt)
            .Waits("vfs_write");
        rows[Sys.preadv2] = Syscall.Of<Fd, UserPtr<IoVector>, ulong, long, long, int>(
            "preadv2", &ReadWriteSyscalls.ReadVector2);
        rows[Sys.pwritev2] = Syscall.Of<Fd, UserPtr<IoVector>, ulong, long, long, int>(
            "pwritev2", &ReadWriteSyscalls.WriteVector2)
            .Partial("no RWF_APPEND");
        rows[Sys.lseek] = Syscall.Of<Fd, long, SeekWhence>("lseek", &ReadWriteSyscalls.Seek)
            .ByPage(PageCall.NoInput);
    }

    private static void AddOpen(Syscall?[] rows)
    {
        rows[Sys.open] = Syscall.Of<UserString, OpenFlags, uint>("open", &OpenSyscalls.Open)
            .Shows(F.Text, F.OpenFlags, F.Octal);
        rows[Sys.creat] = Syscall.Of<UserString, uint>("creat", &OpenSyscalls.Create)
            .Shows(F.Text, F.Octal);
        rows[Sys.openat] = Syscall.Of<Fd, UserString, OpenFlags, uint>("openat", &OpenSyscalls.OpenAt)
            .Shows(F.DirectoryFd, F.Text, F.OpenFlags, F.Octal)
            .ByPage(PageCall.PathAt);
        rows[Sys.openat2] = Syscall.Of<Fd, UserString, UserPtr<OpenHow>, ulong>("openat2", &OpenSyscalls.OpenAt2)
            .Partial("RESOLVE_CACHED is always EAGAIN");
        rows[Sys.close] = Syscall.Of<Fd>("close", &OpenSyscalls.Close)
            .ByPage(PageCall.NoInput);
        rows[Sys.close_range] = Syscall.Of<uint, uint, uint>("close_range", &OpenSyscalls.CloseRange);
    }

    private static void AddDescriptors(Syscall?[] rows)
    {
        rows[Sys.dup] = Syscall.Of<Fd>("dup", &FdSyscalls.Duplicate);
        rows[Sys.dup2] = Syscall.Of<Fd, Fd>("dup2", &FdSyscalls.Duplicate2);
        rows[Sys.dup3] = Syscall.Of<Fd, Fd, OpenFlags>("dup3", &FdSyscalls.Duplicate3);
        rows[Sys.fcntl] = Syscall.Of<Fd, int, ulong>("fcntl", &FcntlSyscalls.Control)
            .Partial("no leases or directory notification")
            .Shows(F.Fd, F.FcntlCommand, F.Hexadecimal)
            .Waits("locks_lock_inode_wait")
            .ByPage(PageCall.NoInput);
        rows[Sys.ioctl] = Syscall.Of<Fd, uint, ulong>("ioctl", &FdSyscalls.Control)
            .Partial("terminals, sockets, pipes and descriptors; no FS_IOC_*, FICLONE or devices of the host")
            .Shows(F.Fd, F.IoctlRequest, F.Hexadecimal);
        rows[Sys.flock] = Syscall.Of<Fd, int>("flock", &LockSyscalls.Lock)
            .Shows(F.Fd, F.LockOperation)
            .Waits("locks_lock_inode_wait");
        rows[Sys.inotify_init] = Syscall.Of("inotify_init", &InotifySyscalls.Init);
        rows[Sys.inotify_init1] = Syscall.Of<OpenFlags>("inotify_init1", &InotifySyscalls.Init1);
        rows[Sys.inotify_add_watch] = Syscall.Of<Fd, UserString, InotifyEvents>(
            "inotify_add_watch", &InotifySyscalls.AddWatch)
            .Partial("what others change in a directory of the host is not seen");
        rows[Sys.inotify_rm_watch] = Syscall.Of<Fd, int>("inotify_rm_watch", &InotifySyscalls.RemoveWatch);
    }

    private static void AddSynchronization(Syscall?[] rows)
    {
        const string hint = "checked and dropped: the page cache is the host's";
        rows[Sys.fsync] = Syscall.Of<Fd>("fsync", &SyncSyscalls.SynchronizeFile)
            .ByPage(PageCall.NoInput);
        rows[Sys.fdatasync] = Syscall.Of<Fd>("fdatasync", &SyncSyscalls.SynchronizeData)
            .ByPage(PageCall.NoInput);
        rows[Sys.sync] = Syscall.Of("sync", &SyncSyscalls.SynchronizeAll);
        rows[Sys.syncfs] = Syscall.Of<Fd>("syncfs", &SyncSyscalls.SynchronizeFileSystem);
        rows[Sys.sync_file_range] = Syscall.Of<Fd, long, long, uint>("sync_file_range", &SyncSyscalls.SynchronizeRange);
        rows[Sys.readahead] = Syscall.Of<Fd, long, ulong>("readahead", &SyncSyscalls.ReadAhead).Partial(hint);
        rows[Sys.fadvise64] = Syscall.Of<Fd, long, long, int>("fadvise64", &SyncSyscalls.Advise).Partial(hint);
    }

    private static void AddCopies(Syscall?[] rows)
    {
        rows[Sys.sendfile] = Syscall.Of<Fd, Fd, UserPtr<long>, ulong>("sendfile", &SpliceSyscalls.SendFile)
            .Shows(F.Fd, F.Fd, F.LongIn, F.Unsigned64)
            .Waits("sock_sendmsg");
        rows[Sys.copy_file_range] = Syscall.Of<Fd, UserPtr<long>, Fd, UserPtr<long>, ulong, uint>(
            "copy_file_range", &SpliceSyscalls.CopyFileRange)
            .Shows(F.Fd, F.LongIn, F.Fd, F.LongIn, F.Unsigned64, F.Hexadecimal);
        rows[Sys.splice] = Syscall.Of<Fd, UserPtr<long>, Fd, UserPtr<long>, ulong, uint>(
            "splice", &SpliceSyscalls.Splice)
            .Shows(F.Fd, F.LongIn, F.Fd, F.LongIn, F.Unsigned64, F.SpliceFlags)
            .Waits("splice");
        rows[Sys.tee] = Syscall.Of<Fd, Fd, ulong, uint>("tee", &SpliceSyscalls.Tee)
            .Shows(F.Fd, F.Fd, F.Unsigned64, F.SpliceFlags)
            .Waits("splice");
        rows[Sys.vmsplice] = Syscall.Of<Fd, UserPtr<IoVector>, ulong, uint>("vmsplice", &SpliceSyscalls.MemorySplice)
            .Shows(F.Fd, F.Vectors, F.Unsigned64, F.SpliceFlags)
            .Waits("splice");
    }
}
