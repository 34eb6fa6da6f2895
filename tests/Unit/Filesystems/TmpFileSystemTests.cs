using Sandbox.Linux;
using Sandbox.Sentry.Filesystems.Tmp;
using Sandbox.Sentry.Vfs;
using Xunit;

namespace Sandbox.UnitTests.Filesystems;

/// <summary>tmpfs as its inodes and open files behave, without the path walk.</summary>
public sealed class TmpFileSystemTests
{
    private const uint Mode = Modes.O644;
    private readonly FakeCaller _caller = new();

    [Theory]
    [InlineData(10)]
    [InlineData(5000)]
    [InlineData(65536)]
    [InlineData(65537)]
    [InlineData(1_000_000)]
    public void What_is_written_is_read_back_whatever_the_size(int size)
    {
        TmpFileSystem fs = Make("");
        OpenFile file = Open(File(fs.Root, "f"), OpenFlags.ReadWrite);
        byte[] data = new byte[size];
        new Random(1).NextBytes(data);
        for (int done = 0; done < size; done += 3000)
            Value(file.Write(data.AsSpan(done, Math.Min(3000, size - done))));

        byte[] back = new byte[size + 10];
        int count = 0;
        Value(file.Seek(0, SeekWhence.Set));
        while (Value(file.Read(back.AsSpan(count))) is > 0 and int got)
            count += got;
        Assert.Equal(size, count);
        Assert.True(data.AsSpan().SequenceEqual(back.AsSpan(0, size)));
        Assert.Equal((size + 4095) / 4096, fs.UsedPages);
        file.Release();
    }

    [Fact]
    public void A_hole_reads_as_zeros_and_costs_nothing()
    {
        TmpFileSystem fs = Make("");
        OpenFile file = Open(File(fs.Root, "f"), OpenFlags.ReadWrite);
        Assert.Equal(Errno.Ok, file.Truncate(1L << 40));
        Assert.Equal(0, fs.UsedPages);
        Value(file.WriteAt("x"u8, 1L << 30));
        Assert.Equal(1, fs.UsedPages);
        Assert.Equal(1L << 30, Value(file.Seek(0, SeekWhence.Data)));
        byte[] buffer = [1, 2, 3];
        Assert.Equal(3, Value(file.ReadAt(buffer, 12345)));
        Assert.Equal(new byte[3], buffer);
        file.Release();
    }

    [Fact]
    public void Cutting_a_small_file_and_growing_it_again_shows_zeros()
    {
        OpenFile file = Open(File(Make("").Root, "f"), OpenFlags.ReadWrite);
        Value(file.Write("hello world"u8));
        Assert.Equal(Errno.Ok, file.Truncate(2));
        Assert.Equal(Errno.Ok, file.Truncate(5));
        byte[] buffer = new byte[10];
        Assert.Equal(5, Value(file.ReadAt(buffer, 0)));
        Assert.Equal("he\0\0\0"u8.ToArray(), buffer[..5]);
    }

    [Fact]
    public void A_full_filesystem_is_ENOSPC_and_room_comes_back_when_the_last_descriptor_closes()
    {
        TmpFileSystem fs = Make("size=64k");
        OpenFile file = Open(File(fs.Root, "f"), OpenFlags.ReadWrite);
        Assert.Equal(65536, Value(file.Write(new byte[65536])));
        Assert.Equal(Errno.ENOSPC, file.Write(new byte[1]).Error);
        OpenFile other = Open(File(fs.Root, "g"), OpenFlags.ReadWrite);
        Assert.Equal(Errno.ENOSPC, other.Write(new byte[1]).Error);

        Assert.Equal(Errno.Ok, fs.Root.Unlink("f"u8, file.Inode));
        Assert.Equal(Errno.ENOSPC, other.Write(new byte[1]).Error);
        file.Release();
        Assert.Equal(1, Value(other.Write(new byte[1])));
        other.Release();
    }

    [Fact]
    public void A_write_that_fits_only_in_part_is_short()
    {
        OpenFile file = Open(File(Make("size=1m").Root, "f"), OpenFlags.ReadWrite);
        Assert.Equal(1 << 20, Value(file.Write(new byte[(1 << 20) + 5000])));
        Assert.Equal(Errno.ENOSPC, file.Write(new byte[1]).Error);
        Assert.Equal(1, Value(file.WriteAt("y"u8, 100)));
        file.Release();
    }

    [Theory]
    [InlineData("size=0", 20_000, Errno.Ok)]
    [InlineData("size=1m", 1 << 20, Errno.Ok)]
    [InlineData("size=1m", (1 << 20) + 1, Errno.ENOSPC)]
    public void Room_can_be_reserved_up_to_the_limit(string options, int length, Errno expected)
    {
        OpenFile file = Open(File(Make(options).Root, "f"), OpenFlags.ReadWrite);
        Value(file.Write("some"u8));
        Assert.Equal(expected, file.Allocate(0, 0, length));
        file.Release();
    }

    [Fact]
    public void Unmounting_gives_all_pages_back()
    {
        TmpFileSystem fs = Make("");
        Inode directory = Value(fs.Root.CreateDirectory("d"u8, new NewInode(Modes.O755, 0, 0)));
        OpenFile file = Open(Value(directory.CreateFile("f"u8, new NewInode(Mode, 0, 0))), OpenFlags.ReadWrite);
        Value(file.Write(new byte[100_000]));
        file.Release();
        Assert.NotEqual(0, fs.UsedPages);
        fs.Release();
        Assert.Equal(0, fs.UsedPages);
        Assert.Equal(0, fs.UsedInodes);
    }

    [Fact]
    public void A_listing_goes_on_at_its_place_while_entries_come_and_go()
    {
        TmpFileSystem fs = Make("");
        for (int index = 0; index < 100; index++)
            File(fs.Root, $"f{index}");
        OpenFile directory = Open(fs.Root, OpenFlags.ReadOnly);
        NameSink sink = new(52);
        Assert.Equal(Errno.Ok, directory.ReadDirectory(sink));
        for (int index = 0; index < 100; index += 2)
            Assert.Equal(Errno.Ok, fs.Root.Unlink(Name($"f{index}"), Value(fs.Root.Lookup(Name($"f{index}")))));
        for (int index = 0; index < 300; index++)
            File(fs.Root, $"new{index}");
        sink.Room = int.MaxValue;
        Assert.Equal(Errno.Ok, directory.ReadDirectory(sink));
        Assert.Equal(sink.Names.Count, new HashSet<string>(sink.Names).Count);
        for (int index = 1; index < 100; index += 2)
            Assert.Contains($"f{index}", sink.Names);
        Assert.DoesNotContain("f98", sink.Names);
        Assert.Equal([".", "..", "f0"], sink.Names[..3]);
    }

    [Fact]
    public void Rename_replaces_exchanges_and_refuses_a_full_directory()
    {
        TmpDirectory root = Make("").Root;
        Inode a = File(root, "a"), b = File(root, "b");
        Assert.Equal(Errno.Ok, root.Rename("a"u8, a, root, "b"u8, b, exchange: true));
        Assert.Same(b, Value(root.Lookup("a"u8)));
        Assert.Same(a, Value(root.Lookup("b"u8)));
        Assert.Equal(Errno.Ok, root.Rename("a"u8, b, root, "b"u8, a, exchange: false));
        Assert.Equal(Errno.ENOENT, root.Lookup("a"u8).Error);
        Assert.Same(b, Value(root.Lookup("b"u8)));

        Inode d1 = Value(root.CreateDirectory("d1"u8, new NewInode(Modes.O755, 0, 0)));
        Inode d2 = Value(root.CreateDirectory("d2"u8, new NewInode(Modes.O755, 0, 0)));
        File(d2, "x");
        Assert.Equal(Errno.ENOTEMPTY, root.Rename("d1"u8, d1, root, "d2"u8, d2, exchange: false));
        Assert.Equal(4ul, LinksOf(root));
        Assert.Equal(Errno.Ok, root.Rename("d1"u8, d1, d2, "d1"u8, null, exchange: false));
        Assert.Equal(3ul, LinksOf(root));
        Assert.Equal(3ul, LinksOf(d2));
    }

    [Fact]
    public void Sealed_memory_refuses_what_the_seal_says()
    {
        OpenFile file = Value(
            MemoryFile.Create("m", allowSealing: true, isExecutable: true, OpenFlags.ReadWrite, _caller.Credentials));
        Value(file.Write("data"u8));
        Assert.Equal(Errno.Ok, file.AddSeals(2 | 4 | 8));
        Assert.Equal(Errno.EPERM, file.Write("x"u8).Error);
        Assert.Equal(Errno.EPERM, file.Truncate(1));
        Assert.Equal(2 | 4 | 8, Value(file.GetSeals()));
        Assert.Equal(Errno.EPERM, file.GetMappingFd(MapFlags.Shared, MemoryProtection.Write).Error);
        file.Release();
    }

    [Fact]
    public void The_descriptor_for_mapping_has_no_more_access_than_the_file()
    {
        Inode inode = File(Make("").Root, "f");
        OpenFile reader = Open(inode, OpenFlags.ReadOnly), writer = Open(inode, OpenFlags.ReadWrite);
        Value(writer.Write("abc"u8));
        int fd = Value(reader.GetMappingFd(MapFlags.Shared, MemoryProtection.Read));
        Assert.Equal(Errno.EBADF, HostFile.WriteAt(fd, "x"u8, 0).Error);
        byte[] back = new byte[3];
        Assert.Equal(3, Value(HostFile.ReadAt(fd, back, 0)));
        Assert.Equal("abc"u8.ToArray(), back);
        fd = Value(writer.GetMappingFd(MapFlags.Shared, MemoryProtection.Read | MemoryProtection.Write));
        Assert.Equal(1, Value(HostFile.WriteAt(fd, "X"u8, 0)));
        Assert.Equal(3, Value(reader.ReadAt(back, 0)));
        Assert.Equal("Xbc"u8.ToArray(), back);
    }

    [Fact]
    public void A_hundred_thousand_small_files_cost_little_heap()
    {
        TmpFileSystem fs = Make("nr_inodes=0,size=0");
        long before = GC.GetTotalMemory(true);
        for (int index = 0; index < 100_000; index++)
        {
            OpenFile file = Open(File(fs.Root, $"file{index}"), OpenFlags.ReadWrite);
            Value(file.Write("some bytes"u8));
            file.Release();
        }

        long perFile = (GC.GetTotalMemory(true) - before) / 100_000;
        Assert.InRange(perFile, 0, 420);
        fs.Release();
    }

    [Theory]
    [InlineData("size=64m,mode=1777,uid=5,gid=6,nr_inodes=2k", true)]
    [InlineData("size=50%", true)]
    [InlineData("size=", false)]
    [InlineData("mode=9", false)]
    [InlineData("nonsense", false)]
    [InlineData("size=99999999999999999999", false)]
    [InlineData("size=9000000000000000000g", false)]
    public void Options_are_parsed_or_refused(string options, bool isValid) =>
        Assert.Equal(isValid ? Errno.Ok : Errno.EINVAL, TmpFileSystem.Create("tmpfs", options, 1 << 30).Error);

    private static TmpFileSystem Make(string options) => Value(TmpFileSystem.Create("tmpfs", options, 1L << 34));

    private static ReadOnlySpan<byte> Name(string name) => System.Text.Encoding.UTF8.GetBytes(name);

    private static Inode File(Inode directory, string name) =>
        Value(directory.CreateFile(Name(name), new NewInode(Mode, 0, 0)));

    private OpenFile Open(Inode inode, OpenFlags flags) => Value(inode.Open(default, flags, _caller));

    private static ulong LinksOf(Inode inode)
    {
        Stat stat = default;
        Assert.Equal(Errno.Ok, inode.GetAttributes(ref stat));
        return stat.LinkCount;
    }

    private static T Value<T>(Result<T> result)
    {
        Assert.Equal(Errno.Ok, result.Error);
        _ = result.Failed(out T? value, out _);
        return value!;
    }
}
