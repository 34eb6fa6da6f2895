namespace Sandbox.SyscallTables.Tracing;

/// <summary>Names of what calls about files take.</summary>
internal static class FileNames
{
    public static readonly FlagNames.Set Open = new(
        3,
        [
            (0, "O_RDONLY"), (1, "O_WRONLY"), (2, "O_RDWR"),
        ],
        [
            (0x410000, "O_TMPFILE"), (0x101000, "O_SYNC"), (0x40, "O_CREAT"), (0x80, "O_EXCL"), (0x100, "O_NOCTTY"),
            (0x200, "O_TRUNC"), (0x400, "O_APPEND"), (0x800, "O_NONBLOCK"), (0x1000, "O_DSYNC"),
            (0x2000, "O_ASYNC"), (0x4000, "O_DIRECT"), (0x8000, "O_LARGEFILE"), (0x10000, "O_DIRECTORY"),
            (0x20000, "O_NOFOLLOW"), (0x40000, "O_NOATIME"), (0x80000, "O_CLOEXEC"), (0x200000, "O_PATH"),
        ]);

    /// <summary>O_* without an access mode (pipe2, accept4, epoll_create1…).</summary>
    public static readonly FlagNames.Set Descriptor = FlagNames.Set.Flags(
        (0x800, "O_NONBLOCK"), (0x4000, "O_DIRECT"), (0x80000, "O_CLOEXEC"), (1, "EFD_SEMAPHORE"));

    public static readonly FlagNames.Set Access = FlagNames.Set.Flags(
        (4, "R_OK"), (2, "W_OK"), (1, "X_OK"));

    public static readonly FlagNames.Set At = FlagNames.Set.Flags(
        (0x100, "AT_SYMLINK_NOFOLLOW"), (0x200, "AT_REMOVEDIR"), (0x400, "AT_SYMLINK_FOLLOW"),
        (0x800, "AT_NO_AUTOMOUNT"), (0x1000, "AT_EMPTY_PATH"), (0x2000, "AT_STATX_FORCE_SYNC"),
        (0x4000, "AT_STATX_DONT_SYNC"), (0x8000, "AT_RECURSIVE"));

    public static readonly FlagNames.Set Seek = FlagNames.Set.Constant(
        (0, "SEEK_SET"), (1, "SEEK_CUR"), (2, "SEEK_END"), (3, "SEEK_DATA"), (4, "SEEK_HOLE"));

    public static readonly FlagNames.Set Fcntl = FlagNames.Set.Constant(
        (0, "F_DUPFD"), (1, "F_GETFD"), (2, "F_SETFD"), (3, "F_GETFL"), (4, "F_SETFL"), (5, "F_GETLK"),
        (6, "F_SETLK"), (7, "F_SETLKW"), (8, "F_SETOWN"), (9, "F_GETOWN"), (10, "F_SETSIG"), (11, "F_GETSIG"),
        (15, "F_SETOWN_EX"), (16, "F_GETOWN_EX"), (36, "F_OFD_GETLK"), (37, "F_OFD_SETLK"),
        (38, "F_OFD_SETLKW"), (1024, "F_SETLEASE"), (1025, "F_GETLEASE"), (1026, "F_NOTIFY"),
        (1030, "F_DUPFD_CLOEXEC"), (1031, "F_SETPIPE_SZ"), (1032, "F_GETPIPE_SZ"), (1033, "F_ADD_SEALS"),
        (1034, "F_GET_SEALS"), (1035, "F_GET_RW_HINT"), (1036, "F_SET_RW_HINT"));

    public static readonly FlagNames.Set Ioctl = FlagNames.Set.Constant(
        (0x5401, "TCGETS"), (0x5402, "TCSETS"), (0x5403, "TCSETSW"), (0x5404, "TCSETSF"), (0x5409, "TCSBRK"),
        (0x540A, "TCXONC"), (0x540B, "TCFLSH"), (0x540E, "TIOCSCTTY"), (0x540F, "TIOCGPGRP"),
        (0x5410, "TIOCSPGRP"), (0x5411, "TIOCOUTQ"), (0x5412, "TIOCSTI"), (0x5413, "TIOCGWINSZ"),
        (0x5414, "TIOCSWINSZ"), (0x541B, "FIONREAD"), (0x5421, "FIONBIO"), (0x5422, "TIOCNOTTY"),
        (0x5425, "TCSBRKP"), (0x5429, "TIOCGSID"), (0x5450, "FIONCLEX"), (0x5451, "FIOCLEX"),
        (0x5452, "FIOASYNC"), (0x80045430, "TIOCGPTN"), (0x40045431, "TIOCSPTLCK"), (0x5441, "TIOCGPTPEER"),
        (0x8910, "SIOCGIFNAME"), (0x8912, "SIOCGIFCONF"), (0x8913, "SIOCGIFFLAGS"), (0x8915, "SIOCGIFADDR"),
        (0x8927, "SIOCGIFHWADDR"), (0x8933, "SIOCGIFINDEX"), (0x40049409, "FICLONE"),
        (0x4020940D, "FICLONERANGE"), (0x80086601, "FS_IOC_GETFLAGS"), (0x40086602, "FS_IOC_SETFLAGS"),
        (0xB701, "NS_GET_USERNS"), (0xB702, "NS_GET_PARENT"));

    public static readonly FlagNames.Set Mount = FlagNames.Set.Flags(
        (1, "MS_RDONLY"), (2, "MS_NOSUID"), (4, "MS_NODEV"), (8, "MS_NOEXEC"), (16, "MS_SYNCHRONOUS"),
        (32, "MS_REMOUNT"), (64, "MS_MANDLOCK"), (128, "MS_DIRSYNC"), (256, "MS_NOSYMFOLLOW"),
        (1024, "MS_NOATIME"), (2048, "MS_NODIRATIME"), (4096, "MS_BIND"), (8192, "MS_MOVE"), (16384, "MS_REC"),
        (32768, "MS_SILENT"), (0x10000, "MS_POSIXACL"), (0x20000, "MS_UNBINDABLE"), (0x40000, "MS_PRIVATE"),
        (0x80000, "MS_SLAVE"), (0x100000, "MS_SHARED"), (0x200000, "MS_RELATIME"),
        (0x1000000, "MS_STRICTATIME"), (0x2000000, "MS_LAZYTIME"));

    public static readonly FlagNames.Set Unmount = FlagNames.Set.Flags(
        (1, "MNT_FORCE"), (2, "MNT_DETACH"), (4, "MNT_EXPIRE"), (8, "UMOUNT_NOFOLLOW"));

    public static readonly FlagNames.Set Rename = FlagNames.Set.Flags(
        (1, "RENAME_NOREPLACE"), (2, "RENAME_EXCHANGE"), (4, "RENAME_WHITEOUT"));

    public static readonly FlagNames.Set Inotify = FlagNames.Set.Flags(
        (0xFFF, "IN_ALL_EVENTS"), (1, "IN_ACCESS"), (2, "IN_MODIFY"), (4, "IN_ATTRIB"), (8, "IN_CLOSE_WRITE"),
        (16, "IN_CLOSE_NOWRITE"), (32, "IN_OPEN"), (64, "IN_MOVED_FROM"), (128, "IN_MOVED_TO"),
        (256, "IN_CREATE"), (512, "IN_DELETE"), (1024, "IN_DELETE_SELF"), (2048, "IN_MOVE_SELF"),
        (0x1000000, "IN_ONLYDIR"), (0x2000000, "IN_DONT_FOLLOW"), (0x4000000, "IN_EXCL_UNLINK"),
        (0x10000000, "IN_MASK_CREATE"), (0x20000000, "IN_MASK_ADD"), (0x80000000, "IN_ONESHOT"));

    public static readonly FlagNames.Set Lock = FlagNames.Set.Flags(
        (1, "LOCK_SH"), (2, "LOCK_EX"), (4, "LOCK_NB"), (8, "LOCK_UN"));

    public static readonly FlagNames.Set Splice = FlagNames.Set.Flags(
        (1, "SPLICE_F_MOVE"), (2, "SPLICE_F_NONBLOCK"), (4, "SPLICE_F_MORE"), (8, "SPLICE_F_GIFT"));

    public static readonly FlagNames.Set Fallocate = FlagNames.Set.Flags(
        (1, "FALLOC_FL_KEEP_SIZE"), (2, "FALLOC_FL_PUNCH_HOLE"), (8, "FALLOC_FL_COLLAPSE_RANGE"),
        (16, "FALLOC_FL_ZERO_RANGE"), (32, "FALLOC_FL_INSERT_RANGE"), (64, "FALLOC_FL_UNSHARE_RANGE"));

    public static readonly FlagNames.Set MemFd = FlagNames.Set.Flags(
        (1, "MFD_CLOEXEC"), (2, "MFD_ALLOW_SEALING"), (4, "MFD_HUGETLB"), (8, "MFD_NOEXEC_SEAL"),
        (16, "MFD_EXEC"));

    public static readonly FlagNames.Set Epoll = FlagNames.Set.Constant(
        (1, "EPOLL_CTL_ADD"), (2, "EPOLL_CTL_DEL"), (3, "EPOLL_CTL_MOD"));

    public static readonly FlagNames.Set Poll = FlagNames.Set.Flags(
        (1, "POLLIN"), (2, "POLLPRI"), (4, "POLLOUT"), (8, "POLLERR"), (16, "POLLHUP"), (32, "POLLNVAL"),
        (64, "POLLRDNORM"), (128, "POLLRDBAND"), (256, "POLLWRNORM"), (512, "POLLWRBAND"), (1024, "POLLMSG"),
        (0x2000, "POLLRDHUP"), (0x10000000, "EPOLLEXCLUSIVE"), (0x20000000, "EPOLLWAKEUP"),
        (0x40000000, "EPOLLONESHOT"), (0x80000000, "EPOLLET"));
}
