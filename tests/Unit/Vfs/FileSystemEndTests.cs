using Sandbox.Linux;
using Sandbox.Sentry.Filesystems.Tmp;
using Sandbox.Sentry.Loader;
using Sandbox.Sentry.Memory;
using Sandbox.Sentry.Security;
using Sandbox.Sentry.Vfs;
using Xunit;

namespace Sandbox.UnitTests.Vfs;

/// <summary>What a filesystem in memory holds is given back at once when nobody can reach it any more.</summary>
public sealed class FileSystemEndTests
{
    private readonly MemoryAccount _account = new();
    private readonly MountNamespace _mounts;
    private readonly FsContext _fs;
    private readonly BootCaller _caller;

    public FileSystemEndTests()
    {
        _mounts = new MountNamespace(UserNamespace.Root, _account);
        Mount mount = new(NewTmp(), MountFlags.None);
        _mounts.SetRoot(mount);
        VfsPath top = new(mount, mount.Root);
        _fs = new FsContext(_mounts, top, top, umask: 0);
        _caller = new BootCaller(
            new Credentials
            {
                UserNamespace = UserNamespace.Root, Permitted = CapabilitySet.Full, Effective = CapabilitySet.Full,
            },
            _fs);
    }

    [Fact]
    public void The_last_task_of_a_mount_namespace_takes_its_filesystems_along()
    {
        MakeMount();
        Write("/mnt/file", 100_000).Release();
        FsContext child = _fs.Share();
        Assert.True(_account.BytesOf(MemoryKind.Files) >= 100_000);
        _fs.Release();
        Assert.True(_account.BytesOf(MemoryKind.Files) >= 100_000);
        child.Release();
        AssertNothingIsHeld();
    }

    [Fact]
    public void An_open_file_keeps_its_whole_filesystem_until_it_is_closed()
    {
        MakeMount();
        Write("/mnt/other", 5000).Release();
        OpenFile file = Write("/mnt/file", 5000);
        _fs.Release();
        Assert.Equal(4 * 4096, _account.BytesOf(MemoryKind.Files));
        Span<byte> bytes = stackalloc byte[100];
        Assert.Equal(100, Value(file.ReadAt(bytes, 0)));
        file.Release();
        AssertNothingIsHeld();
    }

    [Fact]
    public void A_lazy_unmount_gives_back_what_nobody_has_open()
    {
        Mount mount = MakeMount();
        OpenFile file = Write("/mnt/file", 5000);
        VfsPath place = new(mount, mount.Root);
        Assert.Equal(Errno.EBUSY, MountOperations.Unmount(place, isLazy: false, _mounts.Root));
        Assert.Equal(Errno.Ok, MountOperations.Unmount(place, isLazy: true, _mounts.Root));
        Assert.Equal(2 * 4096, _account.BytesOf(MemoryKind.Files));
        file.Release();
        Assert.Equal(0, _account.BytesOf(MemoryKind.Files));
        _fs.Release();
        AssertNothingIsHeld();
    }

    [Fact]
    public void Files_without_a_name_take_nothing_from_their_filesystem()
    {
        MakeMount();
        Write("/mnt/file", 5000).Release();
        const OpenFlags unnamed = OpenFlags.TemporaryFile | OpenFlags.Directory | OpenFlags.ReadWrite;
        for (int round = 0; round < 10; round++)
            Value(OpenOperations.Open(_caller, _fs.Root, "/mnt"u8, new OpenRequest(unnamed, Modes.O666))).Release();
        Assert.Equal(2 * 4096, _account.BytesOf(MemoryKind.Files));
        Write("/mnt/another", 5000).Release();
        _fs.Release();
        AssertNothingIsHeld();
    }

    [Fact]
    public void A_copied_namespace_keeps_the_filesystems_that_both_show()
    {
        MakeMount();
        Write("/mnt/file", 5000).Release();
        FsContext copy = Value(_fs.Unshare(UserNamespace.Root));
        _fs.Release();
        Assert.Equal(2 * 4096, _account.BytesOf(MemoryKind.Files));
        copy.Release();
        AssertNothingIsHeld();
    }

    [Fact]
    public void A_namespace_that_has_ended_takes_nobody_in()
    {
        Assert.True(_mounts.TryHold());
        _mounts.LetGo();
        _fs.Release();
        Assert.False(_mounts.TryHold());
        Assert.False(_fs.TryClone(out _));
        Assert.True(_fs.HasEnded);
        _fs.Root = default; // A late pivot_root(2) of somebody else pins nothing.
        AssertNothingIsHeld();
    }

    /// <summary>With recursion the stack would end before the tree.</summary>
    [Fact]
    public void A_deep_tree_goes_as_well_and_nothing_is_made_in_it_later()
    {
        const int levels = 100_000;
        MemoryFileSystem files = NewTmp();
        NewInode attributes = new(Modes.O777, 0, 0);
        Inode directory = files.RootInode;
        for (int level = 0; level < levels; level++)
            directory = Value(directory.CreateDirectory("d"u8, attributes));
        new Mount(files, MountFlags.None).Root.Unpin();
        Assert.Equal(0, files.UsedInodes);
        Assert.Equal(Errno.ENOENT, directory.CreateFile("late"u8, attributes).Error);
        _fs.Release();
        AssertNothingIsHeld();
    }

    private static T Value<T>(Result<T> result)
    {
        Assert.False(result.Failed(out T? value, out Errno error), error.ToString());
        return value!;
    }

    private TmpFileSystem NewTmp() => Value(TmpFileSystem.Create("none", "", 1 << 30, _account));

    private Mount MakeMount()
    {
        Assert.Equal(Errno.Ok, CreateOperations.CreateDirectory(_caller, _fs.Root, "/mnt"u8, Modes.O777));
        Mount mount = new(NewTmp(), MountFlags.None);
        VfsPath place = Value(PathWalk.Resolve(_caller, _fs.Root, "/mnt"u8, follow: true));
        Assert.Equal(Errno.Ok, MountOperations.Attach(place, mount));
        return mount;
    }

    private OpenFile Write(string path, int bytes)
    {
        const OpenFlags flags = OpenFlags.Create | OpenFlags.ReadWrite;
        byte[] name = System.Text.Encoding.UTF8.GetBytes(path);
        OpenFile file = Value(OpenOperations.Open(_caller, _fs.Root, name, new OpenRequest(flags, Modes.O666)));
        Assert.Equal(bytes, Value(file.Write(new byte[bytes])));
        return file;
    }

    private void AssertNothingIsHeld()
    {
        Assert.Equal(0, _account.BytesOf(MemoryKind.Files));
        Assert.Equal(0, _account.BytesOf(MemoryKind.Objects));
    }
}
