using System.Text;
using Sandbox.Linux;
using Sandbox.Sentry.Filesystems.Tmp;
using Sandbox.Sentry.Loader;
using Sandbox.Sentry.Security;
using Sandbox.Sentry.Vfs;
using Xunit;

namespace Sandbox.UnitTests.Vfs;

/// <summary>Path walk and the operations on names, over a tmpfs, without any guest.</summary>
public sealed class PathWalkTests
{
    private readonly MountNamespace _mounts = new(UserNamespace.Root);
    private readonly BootCaller _root;
    private readonly FsContext _fs;

    public PathWalkTests()
    {
        Mount mount = new(NewTmp(), MountFlags.None);
        _mounts.SetRoot(mount);
        VfsPath top = new(mount, mount.Root);
        _fs = new FsContext(_mounts, top, top, umask: 0x12);
        _root = new BootCaller(Superuser, _fs);
    }

    private static Credentials Superuser { get; } = new()
    {
        UserNamespace = UserNamespace.Root, Permitted = CapabilitySet.Full, Effective = CapabilitySet.Full,
    };

    private BootCaller User => new(
        new Credentials
        {
            UserNamespace = UserNamespace.Root, UserId = 1000, EffectiveUserId = 1000, FileSystemUserId = 1000,
            GroupId = 1000, EffectiveGroupId = 1000, FileSystemGroupId = 1000,
        },
        _fs);

    [Fact]
    public void Dots_slashes_and_dotdot_at_the_root_lead_where_they_should()
    {
        MakeDirectory("/a");
        MakeDirectory("/a/b");
        Assert.Equal("/a/b", Where("//a/./b//"));
        Assert.Equal("/a", Where("/a/b/.."));
        Assert.Equal("/", Where("/../../a/b/../.."));
    }

    [Fact]
    public void A_slash_behind_a_file_is_ENOTDIR_and_behind_a_missing_name_ENOENT()
    {
        Create("/f");
        Assert.Equal(Errno.ENOTDIR, Walk("/f/").Error);
        Assert.Equal(Errno.ENOTDIR, Walk("/f/x").Error);
        Assert.Equal(Errno.ENOENT, Walk("/g/").Error);
        Assert.Equal(Errno.EISDIR, Open("/g/", OpenFlags.Create | OpenFlags.WriteOnly).Error);
    }

    [Fact]
    public void Forty_links_are_followed_and_not_one_more()
    {
        Create("/l0");
        for (int i = 1; i <= 41; i++)
            Link($"/l{i}", $"l{i - 1}");
        Assert.Equal(Errno.Ok, Walk("/l40").Error);
        Assert.Equal(Errno.ELOOP, Walk("/l41").Error);
    }

    [Fact]
    public void A_link_is_followed_in_the_middle_always_and_at_the_end_if_asked()
    {
        MakeDirectory("/d");
        Create("/d/f");
        Link("/l", "/d");
        Assert.Equal("/d/f", Where("/l/f"));
        Assert.Equal("/l", Where("/l", follow: false));
        Assert.Equal("/d", Where("/l/", follow: false));
        Assert.Equal(Errno.ELOOP, Open("/l", OpenFlags.NoFollow).Error);
    }

    [Fact]
    public void Creating_through_a_dangling_link_makes_its_target_but_not_with_O_EXCL()
    {
        Link("/l", "t");
        Assert.Equal(Errno.EEXIST, Open("/l", OpenFlags.Create | OpenFlags.Exclusive | OpenFlags.WriteOnly).Error);
        Assert.Equal(Errno.Ok, Open("/l", OpenFlags.Create | OpenFlags.WriteOnly).Error);
        Assert.Equal("/t", Where("/t"));
    }

    [Fact]
    public void A_name_of_255_bytes_is_fine_and_one_more_is_too_long()
    {
        Assert.Equal(Errno.ENOENT, Walk("/" + new string('x', 255)).Error);
        Assert.Equal(Errno.ENAMETOOLONG, Walk("/" + new string('x', 256)).Error);
        Assert.Equal(Errno.ENAMETOOLONG, CreateOperations.CreateDirectory(
            _root, _fs.Root, Bytes("/" + new string('x', 256)), Modes.O777));
    }

    [Fact]
    public void Search_permission_is_needed_on_every_directory_of_the_way()
    {
        MakeDirectory("/a", Modes.O700);
        MakeDirectory("/a/b");
        Assert.Equal(Errno.EACCES, PathWalk.Resolve(User, _fs.Root, "/a/b"u8, follow: true).Error);
        Assert.Equal(Errno.Ok, Walk("/a/b").Error);
    }

    [Fact]
    public void In_a_sticky_directory_only_the_owner_removes_a_name()
    {
        MakeDirectory("/t", 0x3FF); // 1777
        Walk("/t").Failed(out VfsPath place, out _);
        _ = place.Inode.SetAttributes(new AttributeChange { Mode = 0x3FF });
        Create("/t/f");
        Assert.Equal(Errno.EPERM, RemoveOperations.Unlink(User, _fs.Root, "/t/f"u8));
        Assert.Equal(Errno.Ok, RemoveOperations.Unlink(_root, _fs.Root, "/t/f"u8));
    }

    [Fact]
    public void A_directory_cannot_be_moved_below_itself_or_onto_its_ancestor()
    {
        MakeDirectory("/a");
        MakeDirectory("/a/b");
        MakeDirectory("/a/b/c");
        Assert.Equal(Errno.EINVAL, Rename("/a", "/a/b/c/x"));
        Assert.Equal(Errno.ENOTEMPTY, Rename("/a/b/c", "/a"));
        Assert.Equal(Errno.Ok, Rename("/a/b/c", "/c"));
        Assert.Equal(Errno.ENOENT, Walk("/a/b/c").Error);
    }

    [Fact]
    public void Exchange_swaps_two_names_and_noreplace_refuses_an_existing_one()
    {
        MakeDirectory("/d");
        Create("/f");
        Assert.Equal(Errno.EEXIST, Rename("/f", "/d", RenameFlags.NoReplace));
        Assert.Equal(Errno.Ok, Rename("/f", "/d", RenameFlags.Exchange));
        Walk("/f").Failed(out VfsPath first, out _);
        Assert.True(first.Inode.IsDirectory);
        Assert.Equal("/f", Where("/f"));
    }

    [Fact]
    public void A_removed_working_directory_has_no_path_and_takes_no_names()
    {
        MakeDirectory("/w");
        Walk("/w").Failed(out VfsPath place, out _);
        _fs.WorkingDirectory = place;
        Assert.Equal(Errno.Ok, RemoveOperations.RemoveDirectory(_root, _fs.Root, "/w"u8));
        Assert.Equal(Errno.ENOENT, PathText.CurrentDirectory(place, _fs.Root).Error);
        Assert.Equal(Errno.ENOENT, CreateOperations.CreateDirectory(_root, place, "x"u8, Modes.O777));
        Assert.Equal("/w (deleted)", Encoding.UTF8.GetString(PathText.Describe(place, _fs.Root)));
    }

    [Fact]
    public void Mounts_cover_their_place_and_a_read_only_bind_refuses_writes()
    {
        MakeDirectory("/m");
        MakeDirectory("/n");
        Create("/m/below");
        Walk("/m").Failed(out VfsPath place, out _);
        Assert.Equal(Errno.Ok, MountOperations.Attach(place, new Mount(NewTmp(), MountFlags.None)));
        Assert.Equal(Errno.ENOENT, Walk("/m/below").Error);
        Create("/m/above");
        Walk("/m").Failed(out VfsPath mounted, out _);
        Walk("/n").Failed(out VfsPath other, out _);
        Assert.Equal(Errno.Ok, MountOperations.Bind(mounted, other, isRecursive: false));
        Walk("/n").Failed(out VfsPath bound, out _);
        Assert.Equal(Errno.Ok, MountOperations.Remount(bound, MountFlags.ReadOnly));
        Assert.Equal(Errno.EROFS, Open("/n/above", OpenFlags.WriteOnly).Error);
        Assert.Equal(Errno.EROFS, RemoveOperations.Unlink(_root, _fs.Root, "/n/above"u8));
        Assert.Equal("/", Where("/n/.."));
        Assert.Equal(Errno.EXDEV, Rename("/m/above", "/x"));
        Assert.Equal(Errno.EBUSY, RemoveOperations.RemoveDirectory(_root, _fs.Root, "/m/../m"u8));
        Assert.Equal(Errno.Ok, MountOperations.Unmount(bound, isLazy: false, _fs.Root.Mount));
        Assert.Equal(Errno.ENOENT, Walk("/n/above").Error);
    }

    [Fact]
    public void Beneath_keeps_a_walk_inside_its_start()
    {
        MakeDirectory("/a");
        MakeDirectory("/a/b");
        Link("/a/l", "/");
        Walk("/a").Failed(out VfsPath start, out _);
        Assert.Equal(Errno.Ok, PathWalk.Resolve(_root, start, "b/.."u8, true, ResolveFlags.Beneath).Error);
        Assert.Equal(Errno.EXDEV, PathWalk.Resolve(_root, start, ".."u8, true, ResolveFlags.Beneath).Error);
        Assert.Equal(Errno.EXDEV, PathWalk.Resolve(_root, start, "l"u8, true, ResolveFlags.Beneath).Error);
        Assert.Equal(Errno.Ok, PathWalk.Resolve(_root, start, "/l/../b"u8, true, ResolveFlags.InRoot).Error);
        Assert.Equal(Errno.ELOOP, PathWalk.Resolve(_root, start, "l/b"u8, true, ResolveFlags.NoSymlinks).Error);
    }

    [Fact]
    public void A_cached_walk_allocates_nothing()
    {
        MakeDirectory("/a");
        MakeDirectory("/a/b");
        Create("/a/b/f");
        byte[] path = Bytes("/a/b/f");
        for (int i = 0; i < 100; i++)
            _ = PathWalk.Resolve(_root, _fs.Root, path, follow: true);
        long before = GC.GetAllocatedBytesForCurrentThread();
        for (int i = 0; i < 1000; i++)
            _ = PathWalk.Resolve(_root, _fs.Root, path, follow: true);
        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
    }

    [Fact]
    public void The_cache_forgets_old_names_beyond_its_capacity_and_finds_them_again()
    {
        MakeDirectory("/d");
        for (int i = 0; i < DentryCache.Capacity + 10_000; i++)
            Create($"/d/{i}");
        Assert.Equal(Errno.Ok, Walk("/d/0").Error);
        Assert.True(
            _fs.Root.Dentry.FileSystem.DentryCount <= DentryCache.Capacity + 1, "the cache has grown without bounds");
        Assert.Equal("/d/17", Where("/d/17"));
    }

    [Fact]
    public void Watches_see_names_come_and_go()
    {
        MakeDirectory("/d");
        Walk("/d").Failed(out VfsPath place, out _);
        Assert.False(InotifyFile.Create(OpenFlags.NonBlock, _root).Failed(out InotifyFile? inotify, out _));
        Assert.Equal(Errno.Ok, inotify.AddWatch(place.Inode, InotifyEvents.All).Error);
        Create("/d/f");
        Assert.Equal(Errno.Ok, RemoveOperations.Unlink(_root, _fs.Root, "/d/f"u8));
        byte[] buffer = new byte[1024];
        inotify.Read(buffer).Failed(out int count, out _);
        List<uint> seen = [];
        for (int at = 0; at < count; at += 16 + BitConverter.ToInt32(buffer, at + 12))
            seen.Add(BitConverter.ToUInt32(buffer, at + 4));
        Assert.Equal([0x100u, 0x20u, 0x8u, 0x200u], seen); // CREATE, OPEN, CLOSE_WRITE, DELETE
        inotify.Release();
        Assert.False(FileEvents.IsActive);
    }

    private static TmpFileSystem NewTmp() =>
        TmpFileSystem.Create("t", "mode=755", 1L << 30).Failed(out TmpFileSystem? files, out Errno error)
            ? throw new InvalidOperationException(error.ToString())
            : files;

    private static byte[] Bytes(string text) => Encoding.UTF8.GetBytes(text);

    private Result<VfsPath> Walk(string path, bool follow = true) =>
        PathWalk.Resolve(_root, _fs.Root, Bytes(path), follow);

    private string Where(string path, bool follow = true)
    {
        Assert.Equal(Errno.Ok, Walk(path, follow).Error);
        Walk(path, follow).Failed(out VfsPath place, out _);
        return Encoding.UTF8.GetString(PathText.Describe(place, _fs.Root));
    }

    private Result<OpenFile> Open(string path, OpenFlags flags)
    {
        Result<OpenFile> opened = OpenOperations.Open(_root, _fs.Root, Bytes(path), new OpenRequest(flags, Modes.O666));
        if (!opened.Failed(out OpenFile? file, out _))
            file.Release();
        return opened;
    }

    private void Create(string path) =>
        Assert.Equal(Errno.Ok, Open(path, OpenFlags.Create | OpenFlags.WriteOnly).Error);

    private void MakeDirectory(string path, uint mode = Modes.O777) =>
        Assert.Equal(Errno.Ok, CreateOperations.CreateDirectory(_root, _fs.Root, Bytes(path), mode));

    private void Link(string path, string target) =>
        Assert.Equal(Errno.Ok, CreateOperations.CreateSymbolicLink(_root, _fs.Root, Bytes(path), Bytes(target)));

    private Errno Rename(string from, string to, RenameFlags flags = RenameFlags.None) =>
        RenameOperations.Rename(_root, _fs.Root, Bytes(from), _fs.Root, Bytes(to), flags);
}
