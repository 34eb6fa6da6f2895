using System.Text;
using Sandbox.Linux;
using Sandbox.Sentry.Filesystems.Gofer;
using Sandbox.Sentry.Vfs;
using Sandbox.UnitTests.Filesystems;
using Xunit;

namespace Sandbox.UnitTests.Gofer;

/// <summary>The inodes and open files on top of a Gofer, against what the host's directory says.</summary>
public sealed class GoferFileSystemTests : IDisposable
{
    private static readonly NewInode _file = new((uint)FileType.Regular | Modes.O644, 0, 0);
    private static readonly NewInode _directory = new((uint)FileType.Directory | Modes.O755, 0, 0);

    private readonly GoferFixture _gofer = new();
    private readonly FakeCaller _caller = new();

    public void Dispose()
    {
        _gofer.Dispose();
    }

    [Fact]
    public void A_created_file_is_written_and_read_without_asking_the_gofer()
    {
        Inode root = Mount(GoferCaching.Exclusive);
        Inode inode = Good(root.CreateFile("f"u8, _file with { UserId = 3 }));
        OpenFile file = Open(inode, OpenFlags.ReadWrite);
        Assert.Equal(5, Good(file.Write("hello"u8)));
        Assert.Equal(6, Good(file.Write(" world"u8)));
        byte[] buffer = new byte[20];
        Assert.Equal(0, Good(file.Read(buffer)));
        Assert.Equal(0, Good(file.Seek(0, SeekWhence.Set)));
        Assert.Equal(11, Good(file.Read(buffer)));
        Assert.Equal("hello world", Encoding.ASCII.GetString(buffer, 0, 11));
        Assert.Equal(11, Good(file.Seek(0, SeekWhence.End)));
        Assert.Equal((11L, 3u), (StatOf(inode).SizeBytes, StatOf(inode).UserId));
        file.Release();
        Assert.Equal("hello world", File.ReadAllText(_gofer.At("f")));
    }

    [Fact]
    public void The_owner_is_what_the_gofer_said_not_what_a_descriptor_says()
    {
        Inode root = Mount(GoferCaching.Exclusive);
        Inode inode = Good(root.CreateFile("f"u8, _file with { UserId = 3, GroupId = 4 }));
        OpenFile file = Open(inode, OpenFlags.WriteOnly);
        // The Sentry's user namespace shows other ids in fstat(2) than the Gofer's; here the host makes the difference.
        byte[] path = GoferFixture.Bytes(_gofer.At("f") + "\0");
        Assert.Equal(Errno.Ok, HostDirectory.ChangeOwner(HostFile.CurrentDirectory, path, 65534, 65534, AtFlags.None));
        Good(file.Write("data"u8));
        Stat stat = StatOf(inode);
        Assert.Equal((4L, 3u, 4u), (stat.SizeBytes, stat.UserId, stat.GroupId));
        file.Release();
    }

    [Fact]
    public void Appending_goes_to_the_end_whatever_the_position()
    {
        Inode root = Mount(GoferCaching.Shared);
        File.WriteAllText(_gofer.At("log"), "one\n");
        OpenFile file = Open(Good(root.Lookup("log"u8)), OpenFlags.WriteOnly | OpenFlags.Append);
        Assert.Equal(4, Good(file.Write("two\n"u8)));
        File.AppendAllText(_gofer.At("log"), "host\n");
        Assert.Equal(6, Good(file.Write("three\n"u8)));
        Assert.Equal(19, Good(file.Seek(0, SeekWhence.Current)));
        Assert.Equal("one\ntwo\nhost\nthree\n", File.ReadAllText(_gofer.At("log")));
        file.Release();
    }

    [Fact]
    public void A_read_only_file_gives_a_descriptor_that_cannot_be_mapped_writable()
    {
        Inode root = Mount(GoferCaching.Exclusive);
        File.WriteAllText(_gofer.At("f"), "x");
        OpenFile file = Open(Good(root.Lookup("f"u8)), OpenFlags.ReadOnly);
        int fd = Good(file.GetMappingFd(MapFlags.Shared, MemoryProtection.Read));
        const int getFlags = 3; // F_GETFL
        Assert.Equal(0, Good(HostFile.Control(fd, getFlags, 0)) & 3);
        file.Release();
    }

    [Fact]
    public void An_exclusive_tree_is_not_asked_twice()
    {
        Directory.CreateDirectory(_gofer.At("d"));
        File.WriteAllText(_gofer.At("d/f"), "data");
        Inode directory = Good(Mount(GoferCaching.Exclusive).Lookup("d"u8));
        Assert.True(directory.CachesMissingNames);
        Inode file = Good(directory.Lookup("f"u8));
        File.WriteAllText(_gofer.At("d/f"), "changed behind its back");
        Assert.True(file.Revalidate());
        Assert.Equal(4, StatOf(file).SizeBytes);
    }

    [Fact]
    public void A_listing_answers_the_lookups_that_follow()
    {
        for (int i = 0; i < 500; i++)
            File.WriteAllText(_gofer.At($"f{i}"), new string('x', i));
        Inode root = Mount(GoferCaching.Exclusive);
        Assert.Equal(502, List(root).Count);
        _gofer.Client.Dispose(); // Nobody can be asked any more.
        for (int i = 0; i < 500; i++)
            Assert.Equal(i, StatOf(Good(root.Lookup(GoferFixture.Bytes($"f{i}")))).SizeBytes);
        Assert.Equal(Errno.ENOENT, root.Lookup("f500"u8).Error);
    }

    [Fact]
    public void A_change_of_names_or_attributes_makes_a_listing_worthless()
    {
        File.WriteAllText(_gofer.At("a"), "");
        File.WriteAllText(_gofer.At("b"), "");
        Inode root = Mount(GoferCaching.Exclusive);
        List(root);
        Inode a = Good(root.Lookup("a"u8));
        OpenFile open = Open(a, OpenFlags.WriteOnly);
        Good(open.Write("123"u8));
        open.Release();
        Assert.Equal(3, StatOf(Good(root.Lookup("a"u8))).SizeBytes);
        Good(root.CreateFile("c"u8, _file));
        Assert.Equal([".", "..", "a", "b", "c"], List(root).Order());
        Assert.Equal(Errno.Ok, root.Unlink("b"u8, Good(root.Lookup("b"u8))));
        Assert.Equal(Errno.ENOENT, root.Lookup("b"u8).Error);
        Assert.Equal([".", "..", "a", "c"], List(root).Order());
    }

    [Fact]
    public void Files_opened_one_after_the_other_are_each_what_they_are_at_that_moment()
    {
        const int count = 60;
        for (int i = 0; i < count; i++)
            File.WriteAllText(_gofer.At($"f{i:d2}"), $"content {i}");
        Directory.CreateDirectory(_gofer.At("f10d"));
        File.CreateSymbolicLink(_gofer.At("f20l"), "f20");
        Inode root = Mount(GoferCaching.Exclusive);
        List(root);
        for (int i = 0; i < count; i++)
        {
            if (i == 30)
            {
                // What was opened ahead must be forgotten with its name.
                Assert.Equal(Errno.Ok, root.Unlink("f31"u8, Good(root.Lookup("f31"u8))));
                OpenFile made = Open(Good(root.CreateFile("f31"u8, _file)), OpenFlags.WriteOnly);
                Good(made.Write("content 31"u8));
                made.Release();
                List(root);
            }

            Inode inode = Good(root.Lookup(GoferFixture.Bytes($"f{i:d2}")));
            OpenFile file = Open(inode, OpenFlags.ReadOnly);
            byte[] buffer = new byte[20];
            Assert.Equal($"content {i}", Encoding.ASCII.GetString(buffer, 0, Good(file.Read(buffer))));
            file.Release();
        }
    }

    [Fact]
    public void A_shared_tree_sees_what_the_host_does()
    {
        File.WriteAllText(_gofer.At("f"), "1");
        Inode root = Mount(GoferCaching.Shared);
        Assert.False(root.CachesMissingNames);
        Inode file = Good(root.Lookup("f"u8));
        File.WriteAllText(_gofer.At("f"), "12345");
        Thread.Sleep(5); // Longer than attributes count as just asked for.
        Assert.True(file.Revalidate());
        Assert.Equal(5, StatOf(file).SizeBytes);
        File.WriteAllText(_gofer.At("g"), "other");
        File.Move(_gofer.At("g"), _gofer.At("f"), overwrite: true);
        Thread.Sleep(5);
        Assert.False(file.Revalidate());
        Assert.Equal(Errno.ENOENT, root.Lookup("g"u8).Error);
        Inode replaced = Good(root.Lookup("f"u8));
        File.Delete(_gofer.At("f"));
        Thread.Sleep(5);
        Assert.False(replaced.Revalidate());
        Assert.Equal(Errno.ENOENT, root.Lookup("f"u8).Error);
    }

    [Fact]
    public void Attributes_change_on_the_host_and_in_the_cache()
    {
        Inode root = Mount(GoferCaching.Exclusive);
        Inode file = Good(root.CreateFile("f"u8, _file));
        AttributeChange change = new()
        {
            Mode = Modes.O600,
            UserId = 11,
            GroupId = 12,
            SizeBytes = 100,
            AccessTime = 5_000_000_001,
            ModifyTime = -1_000_000_000,
        };
        Assert.Equal(Errno.Ok, file.SetAttributes(change));
        Stat stat = StatOf(file);
        Assert.Equal((0x8180u, 11u, 12u, 100L), (stat.Mode, stat.UserId, stat.GroupId, stat.SizeBytes));
        Assert.Equal((new Timespec(5, 1), new Timespec(-1, 0)), (stat.AccessTime, stat.ModifyTime));
        Assert.Equal((0x8180u, 11u), (file.Mode, file.UserId));
        Assert.Equal(100, new FileInfo(_gofer.At("f")).Length);
    }

    [Fact]
    public void A_removed_file_lives_as_long_as_it_is_open()
    {
        Inode root = Mount(GoferCaching.Exclusive);
        Inode inode = Good(root.CreateFile("f"u8, _file));
        OpenFile file = Open(inode, OpenFlags.ReadWrite);
        Good(file.Write("data"u8));
        Assert.Equal(Errno.Ok, root.Unlink("f"u8, inode));
        Assert.False(File.Exists(_gofer.At("f")));
        Stat stat = StatOf(inode);
        Assert.Equal((0ul, 4L), (stat.LinkCount, stat.SizeBytes));
        Assert.Equal(Errno.Ok, inode.SetAttributes(new AttributeChange { Mode = 0x100 }));
        Assert.Equal(0x8100u, StatOf(inode).Mode);
        Assert.Equal(4, Good(file.ReadAt(new byte[10], 0)));
        Assert.Equal(Errno.Ok, file.Truncate(1));
        Assert.Equal(1, StatOf(inode).SizeBytes);
        int handles = Session(root).Handles.LiveCount;
        file.Release();
        Assert.Equal(handles - 1, Session(root).Handles.LiveCount);
    }

    [Fact]
    public void Two_names_of_a_file_are_one_inode()
    {
        Inode root = Mount(GoferCaching.Exclusive);
        Inode file = Good(root.CreateFile("a"u8, _file));
        Assert.Equal(Errno.Ok, root.Link("b"u8, file));
        Assert.Equal(2ul, StatOf(file).LinkCount);
        Assert.Same(file, Good(root.Lookup("b"u8)));
        Assert.Same(file, Good(root.Lookup("a"u8)));
        Assert.Equal(Errno.Ok, root.Unlink("a"u8, file));
        Assert.Equal(1ul, StatOf(file).LinkCount);
        Assert.Equal(Errno.Ok, file.SetAttributes(new AttributeChange { Mode = 0x80 }));
        Assert.Equal(Errno.Ok, root.Unlink("b"u8, file));
        Assert.Equal(0ul, StatOf(file).LinkCount);
    }

    [Fact]
    public void Renames_move_replace_and_exchange()
    {
        Inode root = Mount(GoferCaching.Exclusive);
        Inode directory = Good(root.CreateDirectory("d"u8, _directory));
        Inode a = Good(root.CreateFile("a"u8, _file)), b = Good(directory.CreateFile("b"u8, _file));
        OpenFile open = Open(a, OpenFlags.WriteOnly);
        Good(open.Write("a"u8));
        open.Release();
        Assert.Equal(Errno.Ok, root.Rename("a"u8, a, directory, "b"u8, b, exchange: true));
        Assert.Equal(1, StatOf(Good(directory.Lookup("b"u8))).SizeBytes);
        Assert.Equal(0, StatOf(Good(root.Lookup("a"u8))).SizeBytes);
        Assert.Equal(Errno.Ok, directory.Rename("b"u8, a, root, "a"u8, b, exchange: false));
        Assert.Equal(0ul, StatOf(b).LinkCount);
        Assert.Equal(Errno.Ok, a.SetAttributes(new AttributeChange { Mode = Modes.O777 })); // Found under its new name.
        Assert.Equal(Errno.Ok, root.Rename("d"u8, directory, root, "e"u8, null, exchange: false));
        Good(directory.CreateFile("inside"u8, _file));
        Assert.Equal(["a", "e", "inside"], Names());
        Assert.Equal(Errno.ENOTEMPTY, root.RemoveDirectory("e"u8, directory));
        Assert.Equal(Errno.Ok, directory.Unlink("inside"u8, Good(directory.Lookup("inside"u8))));
        Assert.Equal(Errno.Ok, root.RemoveDirectory("e"u8, directory));
        Assert.Equal(["a"], Names());
    }

    [Fact]
    public void Links_and_nodes_say_what_they_are()
    {
        Inode root = Mount(GoferCaching.Exclusive);
        Inode link = Good(root.CreateSymbolicLink(
            "l"u8, "some/where"u8, new NewInode((uint)FileType.SymbolicLink | Modes.O777, 1, 2)));
        Assert.Equal("some/where"u8, Good(link.ReadLink(_caller)));
        Assert.Equal("some/where"u8, Good(Good(root.Lookup("l"u8)).ReadLink(_caller)));
        Inode fifo = Good(root.CreateNode("p"u8, 0, new NewInode((uint)FileType.Fifo | Modes.O600, 0, 0)));
        Assert.Equal(FileType.Fifo, fifo.Type);
        Inode socket = Good(root.CreateNode("s"u8, 0, new NewInode((uint)FileType.Socket | Modes.O600, 0, 0)));
        Assert.Equal(Errno.ENXIO, socket.Open(default, OpenFlags.ReadOnly, _caller).Error);
        Assert.Equal(
            Errno.EPERM, root.CreateNode("c"u8, 0x103, new NewInode((uint)FileType.CharacterDevice, 0, 0)).Error);
        Assert.Equal(Errno.EOPNOTSUPP, link.GetExtendedAttribute("security.selinux"u8).Error);
    }

    [Fact]
    public void Inodes_that_lose_their_handle_find_themselves_again()
    {
        using GoferFixture small = new(handlesMax: 80);
        using GoferSession session = new(small.Client);
        Inode at = Good(session.Mount(0, GoferCaching.Exclusive, "test")).RootInode, root = at;
        List<Inode> directories = [];
        for (int i = 0; i < 300; i++)
        {
            directories.Add(Good(root.CreateDirectory(GoferFixture.Bytes($"d{i}"), _directory)));
            Good(directories[i].CreateFile("f"u8, _file));
        }

        for (int depth = 0; depth < 100; depth++)
            at = Good(at.CreateDirectory("deep"u8, _directory));
        for (int round = 0; round < 2; round++)
        {
            foreach (Inode directory in directories)
                Assert.Equal(
                    Errno.Ok, Good(directory.Lookup("f"u8)).SetAttributes(new AttributeChange { Mode = Modes.O700 }));
        }

        Good(at.CreateFile("bottom"u8, _file));
        Assert.InRange(session.Handles.LiveCount, 1, 60);
    }

    [Fact]
    public void Removing_what_was_made_leaves_no_handle_behind()
    {
        Inode root = Mount(GoferCaching.Exclusive);
        int before = 0;
        for (int i = 0; i < 200; i++)
        {
            if (i == 10)
                before = Session(root).Handles.LiveCount;
            Inode directory = Good(root.CreateDirectory("d"u8, _directory));
            Inode file = Good(directory.CreateFile("f"u8, _file));
            Open(file, OpenFlags.ReadOnly).Release();
            Assert.Equal(Errno.Ok, directory.Unlink("f"u8, file));
            Assert.Equal(Errno.Ok, root.RemoveDirectory("d"u8, directory));
        }

        Assert.Equal(before, Session(root).Handles.LiveCount);
        Session(root).Descriptors.CloseIdle();
        Assert.InRange(Directory.GetFiles("/proc/self/fd").Length, 0, 400);
    }

    private GoferSession Session(Inode inode) => ((GoferFileSystem)inode.FileSystem).Session;

    private Inode Mount(GoferCaching caching) =>
        Good(new GoferSession(_gofer.Client).Mount(0, caching, "test")).RootInode;

    private OpenFile Open(Inode inode, OpenFlags flags) => Good(inode.Open(default, flags, _caller));

    private static T Good<T>(Result<T> result)
    {
        Assert.False(result.Failed(out T? value, out Errno error), error.ToString());
        return value!;
    }

    private static Stat StatOf(Inode inode)
    {
        Stat stat = default;
        Assert.Equal(Errno.Ok, inode.GetAttributes(ref stat));
        return stat;
    }

    private List<string> List(Inode directory)
    {
        OpenFile file = Open(directory, OpenFlags.ReadOnly | OpenFlags.Directory);
        NameSink sink = new();
        Assert.Equal(Errno.Ok, file.ReadDirectory(sink));
        file.Release();
        return sink.Names;
    }

    private IEnumerable<string?> Names() =>
        Directory.GetFileSystemEntries(_gofer.Root, "*", SearchOption.AllDirectories).Select(Path.GetFileName).Order();
}
