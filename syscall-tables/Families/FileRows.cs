using Sandbox.Linux;
using Sandbox.Sentry.Syscalls;
using Sandbox.Sentry.Vfs;

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
        rows[Sys.read] = Syscall.Of<Fd, UserAddress, ulong>("read", &ReadWriteSyscalls.Read);
        rows[Sys.write] = Syscall.Of<Fd, UserAddress, ulong>("write", &ReadWriteSyscalls.Write);
        rows[Sys.pread64] = Syscall.Of<Fd, UserAddress, ulong, long>("pread64", &ReadWriteSyscalls.ReadAt);
        rows[Sys.pwrite64] = Syscall.Of<Fd, UserAddress, ulong, long>("pwrite64", &ReadWriteSyscalls.WriteAt);
        rows[Sys.readv] = Syscall.Of<Fd, UserPtr<IoVector>, ulong>("readv", &ReadWriteSyscalls.ReadVector);
        rows[Sys.writev] = Syscall.Of<Fd, UserPtr<IoVector>, ulong>("writev", &ReadWriteSyscalls.WriteVector);
        rows[Sys.preadv] = Syscall.Of<Fd, UserPtr<IoVector>, ulong, long>("preadv", &ReadWriteSyscalls.ReadVectorAt);
        rows[Sys.pwritev] = Syscall.Of<Fd, UserPtr<IoVector>, ulong, long>("pwritev", &ReadWriteSyscalls.WriteVectorAt);
        rows[Sys.preadv2] = Syscall.Of<Fd, UserPtr<IoVector>, ulong, long, long, int>("preadv2", &ReadWriteSyscalls.ReadVector2);
        rows[Sys.pwritev2] = Syscall.Of<Fd, UserPtr<IoVector>, ulong, long, long, int>("pwritev2", &ReadWriteSyscalls.WriteVector2)
            .Partial("no RWF_APPEND");
        rows[Sys.lseek] = Syscall.Of<Fd, long, SeekWhence>("lseek", &ReadWriteSyscalls.Seek);
    }

    private static void AddOpen(Syscall?[] rows)
    {
        rows[Sys.open] = Syscall.Of<UserString, OpenFlags, uint>("open", &OpenSyscalls.Open);
        rows[Sys.creat] = Syscall.Of<UserString, uint>("creat", &OpenSyscalls.Create);
        rows[Sys.openat] = Syscall.Of<Fd, UserString, OpenFlags, uint>("openat", &OpenSyscalls.OpenAt);
        rows[Sys.openat2] = Syscall.Of<Fd, UserString, UserPtr<OpenHow>, ulong>("openat2", &OpenSyscalls.OpenAt2)
            .Partial("RESOLVE_CACHED is always EAGAIN");
        rows[Sys.close] = Syscall.Of<Fd>("close", &OpenSyscalls.Close);
        rows[Sys.close_range] = Syscall.Of<uint, uint, uint>("close_range", &OpenSyscalls.CloseRange);
    }

    private static void AddDescriptors(Syscall?[] rows)
    {
        rows[Sys.dup] = Syscall.Of<Fd>("dup", &FdSyscalls.Duplicate);
        rows[Sys.dup2] = Syscall.Of<Fd, Fd>("dup2", &FdSyscalls.Duplicate2);
        rows[Sys.dup3] = Syscall.Of<Fd, Fd, OpenFlags>("dup3", &FdSyscalls.Duplicate3);
        rows[Sys.fcntl] = Syscall.Of<Fd, int, ulong>("fcntl", &FcntlSyscalls.Control)
            .Partial("no signal-driven I/O, leases or directory notification");
        rows[Sys.ioctl] = Syscall.Of<Fd, uint, ulong>("ioctl", &FdSyscalls.Control)
            .Partial("terminals, sockets, pipes and descriptors; no FS_IOC_*, FICLONE or devices of the host");
        rows[Sys.flock] = Syscall.Of<Fd, int>("flock", &LockSyscalls.Lock);
        rows[Sys.inotify_init] = Syscall.Of("inotify_init", &InotifySyscalls.Init);
        rows[Sys.inotify_init1] = Syscall.Of<OpenFlags>("inotify_init1", &InotifySyscalls.Init1);
        rows[Sys.inotify_add_watch] = Syscall.Of<Fd, UserString, InotifyEvents>("inotify_add_watch", &InotifySyscalls.AddWatch)
            .Partial("what others change in a directory of the host is not seen");
        rows[Sys.inotify_rm_watch] = Syscall.Of<Fd, int>("inotify_rm_watch", &InotifySyscalls.RemoveWatch);
    }

    private static void AddSynchronization(Syscall?[] rows)
    {
        const string hint = "checked and dropped: the page cache is the host's";
        rows[Sys.fsync] = Syscall.Of<Fd>("fsync", &SyncSyscalls.SynchronizeFile);
        rows[Sys.fdatasync] = Syscall.Of<Fd>("fdatasync", &SyncSyscalls.SynchronizeData);
        rows[Sys.sync] = Syscall.Of("sync", &SyncSyscalls.SynchronizeAll);
        rows[Sys.syncfs] = Syscall.Of<Fd>("syncfs", &SyncSyscalls.SynchronizeFileSystem);
        rows[Sys.sync_file_range] = Syscall.Of<Fd, long, long, uint>("sync_file_range", &SyncSyscalls.SynchronizeRange);
        rows[Sys.readahead] = Syscall.Of<Fd, long, ulong>("readahead", &SyncSyscalls.ReadAhead).Partial(hint);
        rows[Sys.fadvise64] = Syscall.Of<Fd, long, long, int>("fadvise64", &SyncSyscalls.Advise).Partial(hint);
    }

    private static void AddCopies(Syscall?[] rows)
    {
        rows[Sys.sendfile] = Syscall.Of<Fd, Fd, UserPtr<long>, ulong>("sendfile", &SpliceSyscalls.SendFile);
        rows[Sys.copy_file_range] = Syscall.Of<Fd, UserPtr<long>, Fd, UserPtr<long>, ulong, uint>(
            "copy_file_range", &SpliceSyscalls.CopyFileRange);
        rows[Sys.splice] = Syscall.Of<Fd, UserPtr<long>, Fd, UserPtr<long>, ulong, uint>("splice", &SpliceSyscalls.Splice);
        rows[Sys.tee] = Syscall.Of<Fd, Fd, ulong, uint>("tee", &SpliceSyscalls.Tee);
        rows[Sys.vmsplice] = Syscall.Of<Fd, UserPtr<IoVector>, ulong, uint>("vmsplice", &SpliceSyscalls.MemorySplice);
    }
}
