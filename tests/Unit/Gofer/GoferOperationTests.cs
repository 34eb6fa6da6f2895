using Sandbox.Gofer.Protocol;
using Sandbox.Linux;
using Sandbox.Sentry.Filesystems.Gofer;
using Xunit;

namespace Sandbox.UnitTests.Gofer;

/// <summary>Every operation of the file protocol, over real sockets, on a real directory.</summary>
public sealed class GoferOperationTests : IDisposable
{
    private readonly GoferFixture _gofer = new();

    private GoferClient Client => _gofer.Client;

    private uint Root => _gofer.RootHandle;

    public void Dispose() => _gofer.Dispose();

    [Fact]
    public void A_walk_gives_the_attributes_of_every_step()
    {
        Directory.CreateDirectory(_gofer.At("a/b"));
        File.WriteAllText(_gofer.At("a/b/file"), "hello");
        WalkOutcome outcome = _gofer.Walk("a/b/file", wantHandle: false, out GoferAttributes[] attributes);
        Assert.Equal(new WalkOutcome(3, Errno.Ok, 0, null), outcome);
        Assert.Equal(FileType.Directory, attributes[0].Type);
        Assert.Equal(FileType.Directory, attributes[1].Type);
        Assert.Equal((FileType.Regular, 5), (attributes[2].Type, attributes[2].SizeBytes));
    }

    [Fact]
    public void A_walk_stops_before_a_missing_name_and_after_what_is_no_directory()
    {
        Directory.CreateDirectory(_gofer.At("a"));
        File.WriteAllText(_gofer.At("a/file"), "");
        File.CreateSymbolicLink(_gofer.At("a/link"), "file/../x");
        Assert.Equal(new WalkOutcome(1, Errno.ENOENT, 0, null), _gofer.Walk("a/none/x", true, out _));
        Assert.Equal(new WalkOutcome(2, Errno.Ok, 0, null), _gofer.Walk("a/file/x", true, out _));
        WalkOutcome link = _gofer.Walk("a/link/x", true, out GoferAttributes[] attributes);
        Assert.Equal((2, Errno.Ok, 0u), (link.Count, link.StepError, link.Handle));
        Assert.Equal("file/../x"u8, link.LinkTarget.AsSpan());
        Assert.Equal(FileType.SymbolicLink, attributes[1].Type);
    }

    [Fact]
    public void A_created_file_has_the_owner_and_mode_asked_for_and_its_descriptor_works()
    {
        Result<HostFd> created = Client.Create(
            Root, "f"u8, OpenFlags.ReadWrite, 0x9ED, 12, 34, out GoferAttributes attributes);
        Assert.False(created.Failed(out HostFd? fd, out _));
        using (fd)
        {
            // setuid survives
            Assert.Equal((0x89EDu, 12u, 34u), (attributes.Mode, attributes.UserId, attributes.GroupId));
            Assert.False(HostFile.WriteAt(fd.Number, "data"u8, 0).Failed(out int written, out _));
            Assert.Equal(4, written);
        }

        Assert.Equal("data", File.ReadAllText(_gofer.At("f")));
        Assert.Equal(Errno.EEXIST, Client.Create(Root, "f"u8, OpenFlags.ReadWrite, Modes.O777, 0, 0, out _).Error);
    }

    [Fact]
    public void An_open_read_only_descriptor_cannot_write()
    {
        File.WriteAllText(_gofer.At("f"), "data");
        Assert.False(
            Client.Open(Root, "f"u8, OpenFlags.ReadOnly, out GoferAttributes attributes).Failed(out HostFd? fd, out _));
        using HostFd file = fd;
        Assert.Equal(4, attributes.SizeBytes);
        byte[] buffer = new byte[10];
        Assert.False(HostFile.ReadAt(fd.Number, buffer, 0).Failed(out int read, out _));
        Assert.Equal("data"u8, buffer.AsSpan(0, read));
        Assert.Equal(Errno.EBADF, HostFile.WriteAt(fd.Number, "x"u8, 0).Error);
    }

    [Fact]
    public void Only_regular_files_can_be_opened()
    {
        Directory.CreateDirectory(_gofer.At("d"));
        File.CreateSymbolicLink(_gofer.At("l"), "d");
        Assert.Equal(Errno.Ok, Client.MakeNode(Root, "p"u8, (uint)FileType.Fifo | Modes.O644, 0, 0, 0, out _));
        Assert.Equal(Errno.EISDIR, Client.Open(Root, "d"u8, OpenFlags.ReadOnly, out _).Error);
        Assert.Equal(Errno.ELOOP, Client.Open(Root, "l"u8, OpenFlags.ReadOnly, out _).Error);
        Assert.Equal(Errno.ENXIO, Client.Open(Root, "p"u8, OpenFlags.ReadOnly, out _).Error);
        Assert.Equal(Errno.EINVAL, Client.Open(Root, "d"u8, OpenFlags.Directory, out _).Error);
    }

    [Fact]
    public void Directories_links_and_nodes_are_made_as_asked()
    {
        Assert.Equal(Errno.Ok, Client.MakeDirectory(Root, "d"u8, 0x3C0, 7, 8, out GoferAttributes directory));
        Assert.Equal((0x43C0u, 7u, 8u), (directory.Mode, directory.UserId, directory.GroupId));
        Assert.Equal(Errno.Ok, Client.SymbolicLink(Root, "l"u8, "/etc/passwd"u8, 7, 8, out GoferAttributes link));
        Assert.Equal((FileType.SymbolicLink, 7u), (link.Type, link.UserId));
        Assert.Equal("/etc/passwd", new FileInfo(_gofer.At("l")).LinkTarget);
        Assert.False(Client.ReadLink(Root, "l"u8).Failed(out byte[]? target, out _));
        Assert.Equal("/etc/passwd"u8, target);
        Assert.Equal(Errno.EINVAL, Client.ReadLink(Root, "d"u8).Error);
        Assert.Equal(Errno.Ok, Client.MakeNode(
            Root, "p"u8, (uint)FileType.Fifo | Modes.O444, 1, 2, 0, out GoferAttributes fifo));
        Assert.Equal((0x1124u, 1u, 2u), (fifo.Mode, fifo.UserId, fifo.GroupId));
        Assert.Equal(Errno.Ok, Client.MakeNode(
            Root, "s"u8, (uint)FileType.Socket | Modes.O777, 0, 0, 0, out GoferAttributes socket));
        Assert.Equal(FileType.Socket, socket.Type);
        Assert.Equal(
            Errno.EPERM, Client.MakeNode(Root, "c"u8, (uint)FileType.CharacterDevice | Modes.O777, 0, 0, 0x103, out _));
        Assert.Equal(Errno.EINVAL, Client.MakeNode(Root, "r"u8, (uint)FileType.Regular | Modes.O777, 0, 0, 0, out _));
    }

    [Fact]
    public void Names_are_linked_renamed_exchanged_and_removed()
    {
        File.WriteAllText(_gofer.At("f"), "1");
        Directory.CreateDirectory(_gofer.At("d"));
        uint directory = _gofer.HandleOf("d");
        Assert.Equal(Errno.Ok, Client.Link(Root, "f"u8, directory, "g"u8, out GoferAttributes attributes));
        Assert.Equal(2u, attributes.LinkCount);
        Assert.Equal(Errno.Ok, Client.Link(_gofer.HandleOf("f"), default, directory, "h"u8, out attributes));
        Assert.Equal(3u, attributes.LinkCount);
        Assert.Equal(Errno.EPERM, Client.Link(Root, "d"u8, directory, "x"u8, out _));
        Assert.Equal(Errno.Ok, Client.Rename(directory, "g"u8, Root, "moved"u8, 0));
        Assert.Equal(Errno.EEXIST, Client.Rename(Root, "moved"u8, Root, "f"u8, 1));
        File.WriteAllText(_gofer.At("two"), "2");
        Assert.Equal(Errno.Ok, Client.Rename(Root, "two"u8, Root, "moved"u8, 2));
        Assert.Equal(("2", "1"), (File.ReadAllText(_gofer.At("moved")), File.ReadAllText(_gofer.At("two"))));
        Assert.Equal(Errno.EINVAL, Client.Rename(Root, "two"u8, Root, "moved"u8, 4));
        Assert.Equal(Errno.EISDIR, Client.Unlink(Root, "d"u8, directory: false));
        Assert.Equal(Errno.ENOTEMPTY, Client.Unlink(Root, "d"u8, directory: true));
        Assert.Equal(Errno.Ok, Client.Unlink(directory, "h"u8, directory: false));
        Assert.Equal(Errno.Ok, Client.Unlink(Root, "d"u8, directory: true));
        Assert.False(Directory.Exists(_gofer.At("d")));
    }

    [Fact]
    public void A_handle_outlives_the_name_it_was_walked_by()
    {
        File.WriteAllText(_gofer.At("f"), "1");
        uint file = _gofer.HandleOf("f");
        Assert.Equal(Errno.Ok, Client.Unlink(Root, "f"u8, directory: false));
        Assert.Equal(Errno.Ok, Client.GetAttributes(file, default, out GoferAttributes attributes));
        Assert.Equal(0u, attributes.LinkCount);
        SetAttributesRequest change = new() { Handle = file, Mask = AttributeMask.Mode, Mode = 0x100 };
        Assert.Equal(Errno.Ok, Client.SetAttributes(change, default, out attributes));
        Assert.Equal(0x8100u, attributes.Mode);
    }

    [Fact]
    public void Attributes_are_changed_together_and_answered()
    {
        File.WriteAllText(_gofer.At("f"), "0123456789");
        SetAttributesRequest change = new()
        {
            Handle = Root,
            Mask = AttributeMask.Mode | AttributeMask.UserId | AttributeMask.GroupId | AttributeMask.Size
                | AttributeMask.AccessTime | AttributeMask.ModifyTime,
            Mode = 0x800 | Modes.O755,
            UserId = 5,
            GroupId = 6,
            SizeBytes = 4,
            AccessTime = new Timespec(100, 1),
            ModifyTime = new Timespec(200, 2),
        };
        Assert.Equal(Errno.Ok, Client.SetAttributes(change, "f"u8, out GoferAttributes attributes));
        Assert.Equal(
            (0x89EDu, 5u, 6u, 4L), (attributes.Mode, attributes.UserId, attributes.GroupId, attributes.SizeBytes));
        Assert.Equal((change.AccessTime, change.ModifyTime), (attributes.AccessTime, attributes.ModifyTime));
        change = new() { Handle = Root, Mask = AttributeMask.ModifyTimeNow };
        Assert.Equal(Errno.Ok, Client.SetAttributes(change, "f"u8, out attributes));
        Assert.Equal(new Timespec(100, 1), attributes.AccessTime);
        Assert.True(attributes.ModifyTime.Seconds > 1_000_000);
        change = new() { Handle = Root, Mask = AttributeMask.Mode, Mode = 0x1000 };
        Assert.Equal(Errno.EINVAL, Client.SetAttributes(change, "f"u8, out _));
        change = new() { Handle = Root, Mask = AttributeMask.Size, SizeBytes = 1 };
        Assert.Equal(Errno.EISDIR, Client.SetAttributes(change, default, out _));
    }

    [Fact]
    public void Owner_and_times_of_a_symbolic_link_are_its_own()
    {
        File.WriteAllText(_gofer.At("f"), "");
        File.CreateSymbolicLink(_gofer.At("l"), "f");
        SetAttributesRequest change = new()
        {
            Handle = Root,
            Mask = AttributeMask.UserId | AttributeMask.ModifyTime,
            UserId = 9,
            ModifyTime = new Timespec(77, 0),
        };
        Assert.Equal(Errno.Ok, Client.SetAttributes(change, "l"u8, out GoferAttributes link));
        Assert.Equal((9u, 77L), (link.UserId, link.ModifyTime.Seconds));
        Assert.Equal(Errno.Ok, Client.GetAttributes(Root, "f"u8, out GoferAttributes file));
        Assert.Equal(0u, file.UserId);
        change = new() { Handle = Root, Mask = AttributeMask.Mode, Mode = Modes.O777 };
        Assert.Equal(Errno.EOPNOTSUPP, Client.SetAttributes(change, "l"u8, out _));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_directory_of_3000_files_is_listed_whole_in_few_messages(bool withAttributes)
    {
        for (int i = 0; i < 3000; i++)
        {
            byte[] name = GoferFixture.Bytes($"file-{i}");
            Assert.False(
                Client.Create(Root, name, OpenFlags.WriteOnly, Modes.O644, 0, 0, out _).Failed(out HostFd? fd, out _));
            HostFile.WriteAt(fd.Number, new byte[i % 7], 0);
            fd.Dispose();
        }

        List<GoferEntry> entries = [];
        long cookie = 0;
        int messages = 0;
        bool isEnd = false;
        for (; !isEnd; messages++)
            Assert.False(Client.ReadDirectory(Root, withAttributes, ref cookie, entries).Failed(out isEnd, out _));
        Assert.Equal(3000, entries.Select(entry => entry.Name.ToString()).Distinct().Count());
        Assert.Equal(3000, entries.Count);
        Assert.All(entries, entry =>
            Assert.Equal((FileType.Regular, withAttributes), (entry.Type, entry.HasAttributes)));
        if (withAttributes)
            Assert.All(entries, entry =>
                Assert.Equal(int.Parse(entry.Name.ToString()[5..]) % 7, entry.Attributes.SizeBytes));
        Assert.InRange(messages, 1, withAttributes ? 20 : 6);
    }

    [Fact]
    public void A_directory_of_links_with_long_targets_is_listed_whole()
    {
        string target = new('t', GoferLimits.ListedTargetBytesMax);
        for (int i = 0; i < 1000; i++)
            File.CreateSymbolicLink(_gofer.At($"l{i}"), target);
        List<GoferEntry> entries = [];
        long cookie = 0;
        bool isEnd = false;
        while (!isEnd)
            Assert.False(Client.ReadDirectory(Root, true, ref cookie, entries).Failed(out isEnd, out _));
        Assert.Equal(1000, entries.Select(entry => entry.Name.ToString()).Distinct().Count());
        Assert.All(entries, entry => Assert.Equal((FileType.SymbolicLink, true), (entry.Type, entry.HasAttributes)));
        Assert.All(entries, entry => Assert.True(entry.LinkTarget is null || entry.LinkTarget.Length == target.Length));
        Assert.InRange(entries.Count(entry => entry.LinkTarget is not null), 100, 1000);
    }

    [Fact]
    public void A_listing_can_be_taken_up_at_an_older_cookie()
    {
        for (int i = 0; i < 2000; i++)
            File.WriteAllText(_gofer.At($"f{i}"), "");
        List<GoferEntry> first = [], again = [];
        long cookie = 0;
        Client.ReadDirectory(Root, true, ref cookie, first);
        long second = cookie;
        Client.ReadDirectory(Root, true, ref cookie, first);
        int count = first.Count;
        cookie = second;
        Client.ReadDirectory(Root, true, ref cookie, again);
        Assert.True(again.Count > 0);
        Assert.Equal(first.Skip(count - again.Count).Select(e => e.Name), again.Select(e => e.Name));
    }

    [Fact]
    public void Extended_attributes_of_the_user_are_kept_and_others_refused()
    {
        File.WriteAllText(_gofer.At("f"), "");
        Errno error = Client.SetXattr(Root, "f"u8, "user.color"u8, "blue"u8, 0);
        Assert.SkipWhen(error == Errno.EOPNOTSUPP, "the temporary directory's filesystem has no user.* attributes");
        Assert.Equal(Errno.Ok, error);
        Assert.Equal(Errno.EEXIST, Client.SetXattr(Root, "f"u8, "user.color"u8, "red"u8, 1));
        Assert.Equal(Errno.ENODATA, Client.SetXattr(Root, "f"u8, "user.none"u8, "red"u8, 2));
        Assert.False(Client.GetXattr(Root, "f"u8, "user.color"u8).Failed(out byte[]? value, out _));
        Assert.Equal("blue"u8, value);
        Assert.False(Client.ListXattr(Root, "f"u8).Failed(out byte[]? names, out _));
        Assert.Equal("user.color\0"u8, names);
        Assert.Equal(Errno.Ok, Client.RemoveXattr(Root, "f"u8, "user.color"u8));
        Assert.Equal(Errno.ENODATA, Client.GetXattr(Root, "f"u8, "user.color"u8).Error);
        Assert.Equal(Errno.EOPNOTSUPP, Client.SetXattr(Root, "f"u8, "trusted.x"u8, "1"u8, 0));
        Assert.Equal(Errno.EOPNOTSUPP, Client.SetXattr(Root, "f"u8, "security.selinux"u8, "1"u8, 0));
        Assert.Equal(Errno.EOPNOTSUPP, Client.GetXattr(Root, "f"u8, "trusted.x"u8).Error);
    }

    [Fact]
    public void Figures_and_fsync_reach_the_host()
    {
        Assert.Equal(Errno.Ok, Client.StatFs(Root, out StatFs status));
        Assert.True(status.Blocks > 0 && status.BlockBytes > 0);
        Assert.Equal(Errno.Ok, Client.Sync(Root));
        File.WriteAllText(_gofer.At("f"), "");
        Assert.Equal(Errno.Ok, Client.Sync(_gofer.HandleOf("f")));
    }

    [Fact]
    public void A_whole_filesystem_is_synchronized()
    {
        using ProcFixture proc = new(); // One with nothing to write.
        Assert.Equal(Errno.Ok, proc.Client.SyncFileSystem(proc.Self));
        Assert.Equal(Errno.EBADF, proc.Client.SyncFileSystem(0));
    }

    [Fact]
    public void Closed_handles_are_gone_and_their_numbers_are_not_reused_at_once()
    {
        Directory.CreateDirectory(_gofer.At("d"));
        uint first = _gofer.HandleOf("d");
        Client.Close(first);
        Client.FlushClosed();
        Assert.Equal(Errno.EBADF, Client.GetAttributes(first, default, out _));
        uint second = _gofer.HandleOf("d");
        Assert.NotEqual(first, second);
        Assert.Equal(Errno.EBADF, Client.GetAttributes(first, default, out _));
        Assert.Equal(Errno.Ok, Client.GetAttributes(second, default, out _));
    }

    [Fact]
    public void Walk_getattr_and_open_allocate_nothing_in_the_client()
    {
        Directory.CreateDirectory(_gofer.At("d"));
        File.WriteAllText(_gofer.At("d/f"), "");
        GoferAttributes[] attributes = new GoferAttributes[2];
        long before = 0;
        for (int i = 0; i < 200; i++)
        {
            if (i == 100) // After the warm-up.
                before = GC.GetAllocatedBytesForCurrentThread();
            Client.Walk(Root, "d/f"u8, WalkFlags.None, attributes);
            Client.GetAttributes(Root, "d"u8, out _);
        }

        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
    }

    [Fact]
    public void Many_threads_share_the_client()
    {
        for (int i = 0; i < 8; i++)
            File.WriteAllText(_gofer.At($"f{i}"), new string('x', i));
        Thread[] threads = new Thread[8];
        int wrong = 0;
        for (int i = 0; i < threads.Length; i++)
        {
            int size = i;
            byte[] name = GoferFixture.Bytes($"f{i}");
            threads[i] = new Thread(() =>
            {
                for (int round = 0; round < 500; round++)
                {
                    if (Client.GetAttributes(Root, name, out GoferAttributes attributes) != Errno.Ok
                        || attributes.SizeBytes != size)
                        Interlocked.Increment(ref wrong);
                }
            });
            threads[i].Start();
        }

        Array.ForEach(threads, thread => thread.Join());
        Assert.Equal(0, wrong);
    }
}
