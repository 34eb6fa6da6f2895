using Sandbox.Linux;
using Sandbox.Sentry.Syscalls;
using Sandbox.Sentry.Vfs;
using F = Sandbox.SyscallTables.Tracing.ArgumentFormat;

namespace Sandbox.SyscallTables.Families;

/// <summary>Names of files and what they are: stat, directories, links, attributes.</summary>
internal static unsafe class PathRows
{
    public static void Add(Syscall?[] rows)
    {
        AddStat(rows);
        AddDirectories(rows);
        AddLinks(rows);
        AddAttributes(rows);
        AddExtendedAttributes(rows);
        AddMounts(rows);
    }

    private static void AddStat(Syscall?[] rows)
    {
        rows[Sys.stat] = Syscall.Of<UserString, UserPtr<Stat>>("stat", &StatSyscalls.Stat)
            .ByPage(PageCall.Path);
        rows[Sys.lstat] = Syscall.Of<UserString, UserPtr<Stat>>("lstat", &StatSyscalls.LinkStat)
            .ByPage(PageCall.Path);
        rows[Sys.fstat] = Syscall.Of<Fd, UserPtr<Stat>>("fstat", &StatSyscalls.FileStat)
            .ByPage(PageCall.StatLease);
        rows[Sys.newfstatat] = Syscall.Of<Fd, UserString, UserPtr<Stat>, AtFlags>("newfstatat", &StatSyscalls.StatAt)
            .ByPage(PageCall.StatAtLease);
        rows[Sys.statx] = Syscall.Of<Fd, UserString, AtFlags, uint, UserPtr<Statx>>("statx", &StatSyscalls.Statx)
            .Shows(F.DirectoryFd, F.Text, F.AtFlags, F.Hexadecimal, F.Statx)
            .ByPage(PageCall.PathAt);
        rows[Sys.access] = Syscall.Of<UserString, int>("access", &StatSyscalls.Access)
            .Shows(F.Text, F.AccessMode)
            .ByPage(PageCall.Path);
        rows[Sys.faccessat] = Syscall.Of<Fd, UserString, int>("faccessat", &StatSyscalls.AccessAt)
            .Shows(F.DirectoryFd, F.Text, F.AccessMode)
            .ByPage(PageCall.PathAt);
        rows[Sys.faccessat2] = Syscall.Of<Fd, UserString, int, AtFlags>("faccessat2", &StatSyscalls.AccessAt2)
            .Shows(F.DirectoryFd, F.Text, F.AccessMode, F.AtFlags);
        rows[Sys.statfs] = Syscall.Of<UserString, UserPtr<StatFs>>("statfs", &StatSyscalls.StatFileSystem);
        rows[Sys.fstatfs] = Syscall.Of<Fd, UserPtr<StatFs>>("fstatfs", &StatSyscalls.FileStatFileSystem);
        rows[Sys.ustat] = Syscall.Missing("ustat", Errno.ENOSYS, "obsolete: statfs(2) is there");
    }

    private static void AddDirectories(Syscall?[] rows)
    {
        rows[Sys.getdents] = Syscall.Of<Fd, UserAddress, uint>("getdents", &DirectorySyscalls.GetEntriesOld);
        rows[Sys.getdents64] = Syscall.Of<Fd, UserAddress, uint>("getdents64", &DirectorySyscalls.GetEntries64)
            .ByPage(PageCall.NoInput);
        rows[Sys.mkdir] = Syscall.Of<UserString, uint>("mkdir", &DirectorySyscalls.MakeDirectory)
            .Shows(F.Text, F.Octal)
            .ByPage(PageCall.Path);
        rows[Sys.mkdirat] = Syscall.Of<Fd, UserString, uint>("mkdirat", &DirectorySyscalls.MakeDirectoryAt)
            .Shows(F.DirectoryFd, F.Text, F.Octal);
        rows[Sys.mknod] = Syscall.Of<UserString, uint, uint>("mknod", &DirectorySyscalls.MakeNode)
            .Partial("no devices on written-through trees (EPERM)")
            .Shows(F.Text, F.Octal, F.Hexadecimal);
        rows[Sys.mknodat] = Syscall.Of<Fd, UserString, uint, uint>("mknodat", &DirectorySyscalls.MakeNodeAt)
            .Partial("no devices on written-through trees (EPERM)")
            .Shows(F.DirectoryFd, F.Text, F.Octal, F.Hexadecimal);
        rows[Sys.rmdir] = Syscall.Of<UserString>("rmdir", &DirectorySyscalls.RemoveDirectory)
            .ByPage(PageCall.Path);
        rows[Sys.chdir] = Syscall.Of<UserString>("chdir", &DirectorySyscalls.ChangeDirectory);
        rows[Sys.fchdir] = Syscall.Of<Fd>("fchdir", &DirectorySyscalls.ChangeDirectoryTo);
        rows[Sys.getcwd] = Syscall.Of<UserAddress, ulong>("getcwd", &DirectorySyscalls.GetWorkingDirectory)
            .Shows(F.DataOut, F.Unsigned64)
            .ByPage(PageCall.NoInput);
        rows[Sys.chroot] = Syscall.Of<UserString>("chroot", &DirectorySyscalls.ChangeRoot);
    }

    private static void AddLinks(Syscall?[] rows)
    {
        rows[Sys.link] = Syscall.Of<UserString, UserString>("link", &LinkSyscalls.Link);
        rows[Sys.linkat] = Syscall.Of<Fd, UserString, Fd, UserString, AtFlags>("linkat", &LinkSyscalls.LinkAt)
            .Shows(F.DirectoryFd, F.Text, F.DirectoryFd, F.Text, F.AtFlags);
        rows[Sys.unlink] = Syscall.Of<UserString>("unlink", &LinkSyscalls.Unlink)
            .ByPage(PageCall.Path);
        rows[Sys.unlinkat] = Syscall.Of<Fd, UserString, AtFlags>("unlinkat", &LinkSyscalls.UnlinkAt)
            .ByPage(PageCall.PathAt);
        rows[Sys.symlink] = Syscall.Of<UserString, UserString>("symlink", &LinkSyscalls.MakeSymbolicLink);
        rows[Sys.symlinkat] = Syscall.Of<UserString, Fd, UserString>("symlinkat", &LinkSyscalls.MakeSymbolicLinkAt)
            .Shows(F.Text, F.DirectoryFd, F.Text);
        rows[Sys.readlink] = Syscall.Of<UserString, UserAddress, int>("readlink", &LinkSyscalls.ReadLink)
            .Shows(F.Text, F.DataOut, F.Signed32)
            .ByPage(PageCall.Path);
        rows[Sys.readlinkat] = Syscall.Of<Fd, UserString, UserAddress, int>("readlinkat", &LinkSyscalls.ReadLinkAt)
            .Shows(F.DirectoryFd, F.Text, F.DataOut, F.Signed32)
            .ByPage(PageCall.PathAt);
        rows[Sys.rename] = Syscall.Of<UserString, UserString>("rename", &LinkSyscalls.Rename)
            .ByPage(PageCall.Path);
        rows[Sys.renameat] = Syscall.Of<Fd, UserString, Fd, UserString>("renameat", &LinkSyscalls.RenameAt)
            .Shows(F.DirectoryFd, F.Text, F.DirectoryFd, F.Text);
        rows[Sys.renameat2] = Syscall.Of<Fd, UserString, Fd, UserString, RenameFlags>(
            "renameat2", &LinkSyscalls.RenameAt2)
            .Partial("no RENAME_WHITEOUT")
            .Shows(F.DirectoryFd, F.Text, F.DirectoryFd, F.Text, F.RenameFlags);
    }

    private static void AddAttributes(Syscall?[] rows)
    {
        rows[Sys.chmod] = Syscall.Of<UserString, uint>("chmod", &AttributeSyscalls.ChangeMode)
            .Shows(F.Text, F.Octal);
        rows[Sys.fchmod] = Syscall.Of<Fd, uint>("fchmod", &AttributeSyscalls.ChangeModeOf)
            .Shows(F.Fd, F.Octal);
        rows[Sys.fchmodat] = Syscall.Of<Fd, UserString, uint>("fchmodat", &AttributeSyscalls.ChangeModeAt)
            .Shows(F.DirectoryFd, F.Text, F.Octal);
        rows[Sys.fchmodat2] = Syscall.Of<Fd, UserString, uint, AtFlags>("fchmodat2", &AttributeSyscalls.ChangeModeAt2)
            .Shows(F.DirectoryFd, F.Text, F.Octal, F.AtFlags);
        rows[Sys.chown] = Syscall.Of<UserString, uint, uint>("chown", &AttributeSyscalls.ChangeOwner);
        rows[Sys.lchown] = Syscall.Of<UserString, uint, uint>("lchown", &AttributeSyscalls.ChangeLinkOwner);
        rows[Sys.fchown] = Syscall.Of<Fd, uint, uint>("fchown", &AttributeSyscalls.ChangeOwnerOf)
            .ByPage(PageCall.NoInput);
        rows[Sys.fchownat] = Syscall.Of<Fd, UserString, uint, uint, AtFlags>(
            "fchownat", &AttributeSyscalls.ChangeOwnerAt);
        rows[Sys.umask] = Syscall.Of<uint>("umask", &AttributeSyscalls.SetUmask)
            .Shows(F.Octal);
        rows[Sys.truncate] = Syscall.Of<UserString, long>("truncate", &AttributeSyscalls.Truncate);
        rows[Sys.ftruncate] = Syscall.Of<Fd, long>("ftruncate", &AttributeSyscalls.TruncateFile)
            .ByPage(PageCall.NoInput);
        rows[Sys.fallocate] = Syscall.Of<Fd, int, long, long>("fallocate", &AttributeSyscalls.Allocate)
            .Shows(F.Fd, F.FallocateMode, F.Signed64, F.Signed64);
        rows[Sys.utimensat] = Syscall.Of<Fd, UserString, UserPtr<FileTimeSyscalls.TimePair>, AtFlags>(
            "utimensat", &FileTimeSyscalls.SetTimesAt);
        rows[Sys.utimes] = Syscall.Of<UserString, UserPtr<FileTimeSyscalls.TimePair>>(
            "utimes", &FileTimeSyscalls.SetTimesOld);
        rows[Sys.futimesat] = Syscall.Of<Fd, UserString, UserPtr<FileTimeSyscalls.TimePair>>(
            "futimesat", &FileTimeSyscalls.SetTimesOldAt);
        rows[Sys.utime] = Syscall.Of<UserString, UserPtr<FileTimeSyscalls.SecondsPair>>(
            "utime", &FileTimeSyscalls.SetSeconds);
    }

    private static void AddExtendedAttributes(Syscall?[] rows)
    {
        rows[Sys.getxattr] = Syscall.Of<UserString, UserString, UserAddress, ulong>("getxattr", &XattrSyscalls.Get)
            .Shows(F.Text, F.Text, F.DataOut, F.Unsigned64);
        rows[Sys.lgetxattr] = Syscall.Of<UserString, UserString, UserAddress, ulong>(
            "lgetxattr", &XattrSyscalls.GetLink)
            .Shows(F.Text, F.Text, F.DataOut, F.Unsigned64);
        rows[Sys.fgetxattr] = Syscall.Of<Fd, UserString, UserAddress, ulong>("fgetxattr", &XattrSyscalls.GetFile)
            .Shows(F.Fd, F.Text, F.DataOut, F.Unsigned64);
        rows[Sys.setxattr] = Syscall.Of<UserString, UserString, UserAddress, ulong, int>("setxattr", &XattrSyscalls.Set)
            .Partial("ACLs of written-through trees are kept there, but not checked")
            .Shows(F.Text, F.Text, F.Data, F.Unsigned64, F.Hexadecimal);
        rows[Sys.lsetxattr] = Syscall.Of<UserString, UserString, UserAddress, ulong, int>(
            "lsetxattr", &XattrSyscalls.SetLink)
            .Shows(F.Text, F.Text, F.Data, F.Unsigned64, F.Hexadecimal);
        rows[Sys.fsetxattr] = Syscall.Of<Fd, UserString, UserAddress, ulong, int>("fsetxattr", &XattrSyscalls.SetFile)
            .Shows(F.Fd, F.Text, F.Data, F.Unsigned64, F.Hexadecimal);
        rows[Sys.listxattr] = Syscall.Of<UserString, UserAddress, ulong>("listxattr", &XattrSyscalls.List)
            .Shows(F.Text, F.DataOut, F.Unsigned64);
        rows[Sys.llistxattr] = Syscall.Of<UserString, UserAddress, ulong>("llistxattr", &XattrSyscalls.ListLink)
            .Shows(F.Text, F.DataOut, F.Unsigned64);
        rows[Sys.flistxattr] = Syscall.Of<Fd, UserAddress, ulong>("flistxattr", &XattrSyscalls.ListFile);
        rows[Sys.removexattr] = Syscall.Of<UserString, UserString>("removexattr", &XattrSyscalls.Remove);
        rows[Sys.lremovexattr] = Syscall.Of<UserString, UserString>("lremovexattr", &XattrSyscalls.RemoveLink);
        rows[Sys.fremovexattr] = Syscall.Of<Fd, UserString>("fremovexattr", &XattrSyscalls.RemoveFile);
    }

    private static void AddMounts(Syscall?[] rows)
    {
        rows[Sys.mount] = Syscall.Of<UserString, UserString, UserString, ulong, UserString>(
            "mount", &MountSyscalls.Mount)
            .Shows(F.Text, F.Text, F.Text, F.MountFlags, F.Text);
        rows[Sys.umount2] = Syscall.Of<UserString, int>("umount2", &MountSyscalls.Unmount).Partial(
            "MNT_EXPIRE is always EAGAIN")
            .Shows(F.Text, F.UnmountFlags);
        rows[Sys.pivot_root] = Syscall.Of<UserString, UserString>("pivot_root", &MountSyscalls.PivotRoot);
        const string newInterface = "mount(2) is there; programs fall back";
        rows[Sys.open_tree] = Syscall.Missing("open_tree", Errno.ENOSYS, newInterface);
        rows[Sys.move_mount] = Syscall.Missing("move_mount", Errno.ENOSYS, newInterface);
        rows[Sys.fsopen] = Syscall.Missing("fsopen", Errno.ENOSYS, newInterface);
        rows[Sys.fsconfig] = Syscall.Missing("fsconfig", Errno.ENOSYS, newInterface);
        rows[Sys.fsmount] = Syscall.Missing("fsmount", Errno.ENOSYS, newInterface);
        rows[Sys.fspick] = Syscall.Missing("fspick", Errno.ENOSYS, newInterface);
        rows[Sys.mount_setattr] = Syscall.Missing("mount_setattr", Errno.ENOSYS, newInterface);
    }
}
