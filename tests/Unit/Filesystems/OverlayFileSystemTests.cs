using Sandbox.Linux;
using Sandbox.Sentry.Filesystems.Overlay;
using Sandbox.Sentry.Filesystems.Tmp;
using Sandbox.Sentry.Vfs;
using Xunit;

namespace Sandbox.UnitTests.Filesystems;

/// <summary>The overlay over a tmpfs as lower layer: what shows, and that the lower layer never changes.</summary>
public sealed class OverlayFileSystemTests
{
    private readonly FakeCaller _caller = new();
    private readonly TmpDirectory _lower = Value(TmpFileSystem.Create("lower", "", 1L << 34)).Root;
    private readonly OverlayFileSystem _overlay;

    public OverlayFileSystemTests()
    {
        Inode directory = Value(_lower.CreateDirectory("dir"u8, new NewInode(Modes.O755, 0, 0)));
        Put(directory, "a", "lower a");
        Put(directory, "b", "lower b");
        Put(_lower, "file", "lower file");
        Put(_lower, "big", new string('x', 300_000));
        Assert.Equal(Errno.Ok, directory.Link("hard"u8, Value(directory.Lookup("a"u8))));
        Value(_lower.CreateSymbolicLink("link"u8, "dir/a"u8, new NewInode(0, 0, 0)));
        _overlay = new OverlayFileSystem(_lower);
    }

    private Inode Root => _overlay.RootInode;

    [Fact]
    public void What_nobody_changed_is_the_lower_layer()
    {
        Assert.Equal("lower file", Text(Find("file")));
        Assert.Equal("dir/a"u8.ToArray(), Value(Find("link").ReadLink(_caller)));
        Assert.Equal(["big", "dir", "file", "link"], Names(Root));
        Assert.Equal(0, _overlay.UsedInodes);
    }

    [Fact]
    public void A_write_copies_up_and_open_readers_see_it()
    {
        Inode file = Find("big");
        ulong number = file.Number;
        OpenFile reader = Open(file, OpenFlags.ReadOnly), writer = Open(file, OpenFlags.ReadWrite);
        Assert.Equal(0, _overlay.UsedPages);
        Value(writer.WriteAt("hello"u8, 100));
        byte[] buffer = new byte[6];
        Value(reader.ReadAt(buffer, 99));
        Assert.Equal("xhello"u8.ToArray(), buffer);
        Assert.Equal(300_000, SizeOf(Find("big")));
        Assert.Equal(number, Find("big").Number);
        Assert.Equal('x', Text(Value(_lower.Lookup("big"u8)))[100]);
        reader.Release();
        writer.Release();
    }

    [Fact]
    public void Truncating_on_open_copies_nothing()
    {
        Assert.Equal(Errno.Ok, Find("big").SetAttributes(new AttributeChange { SizeBytes = 0 }));
        Assert.Equal(0, _overlay.UsedPages);
        Assert.Equal("", Text(Find("big")));
        Assert.Equal(300_000, SizeOf(Value(_lower.Lookup("big"u8))));
    }

    [Fact]
    public void A_change_of_mode_copies_no_data()
    {
        Inode file = Find("big");
        Assert.Equal(Errno.Ok, file.SetAttributes(new AttributeChange { Mode = Modes.O700 }));
        Assert.Equal(0x1C0u, Find("big").Mode & 0xFFF);
        Assert.Equal(0, _overlay.UsedPages);
        Assert.Equal(300_000, Text(Find("big")).Length);
        Assert.Equal(300_000, SizeOf(Find("big")));
        Assert.NotEqual(0x1C0u, Value(_lower.Lookup("big"u8)).Mode & 0xFFF);
    }

    [Fact]
    public void A_removed_name_stays_removed_and_can_be_made_again()
    {
        Assert.Equal(Errno.Ok, Root.Unlink("file"u8, Find("file")));
        Assert.Equal(Errno.ENOENT, Root.Lookup("file"u8).Error);
        Assert.Equal(["big", "dir", "link"], Names(Root));
        Put(Root, "file", "new");
        Assert.Equal("new", Text(Find("file")));
        Assert.Equal(["big", "dir", "file", "link"], Names(Root));
        Assert.Equal(Errno.Ok, Root.Unlink("file"u8, Find("file")));
        Assert.Equal(Errno.ENOENT, Root.Lookup("file"u8).Error);
        Assert.Equal("lower file", Text(Value(_lower.Lookup("file"u8))));
    }

    [Fact]
    public void A_directory_is_removed_only_when_nothing_shows_and_a_new_one_is_empty()
    {
        Inode directory = Find("dir");
        Assert.Equal(Errno.ENOTEMPTY, Root.RemoveDirectory("dir"u8, directory));
        foreach (string name in (string[])["a", "b", "hard"])
            Assert.Equal(Errno.Ok, directory.Unlink(Bytes(name), Value(directory.Lookup(Bytes(name)))));
        Assert.Equal(Errno.Ok, Root.RemoveDirectory("dir"u8, directory));
        Inode again = Value(Root.CreateDirectory("dir"u8, new NewInode(Modes.O755, 0, 0)));
        Assert.Empty(Names(again));
        Assert.Equal(Errno.ENOENT, again.Lookup("a"u8).Error);
        Assert.Equal(["a", "b", "hard"], Names(Value(_lower.Lookup("dir"u8))));
    }

    [Fact]
    public void A_lower_directory_is_renamed_with_all_that_is_in_it()
    {
        Inode directory = Find("dir");
        Put(directory, "new", "added");
        Assert.Equal(Errno.Ok, Root.Rename("dir"u8, directory, Root, "moved"u8, null, exchange: false));
        Assert.Equal(Errno.ENOENT, Root.Lookup("dir"u8).Error);
        Inode moved = Find("moved");
        Assert.Equal("lower b", Text(Value(moved.Lookup("b"u8))));
        Assert.Equal("added", Text(Value(moved.Lookup("new"u8))));
        Assert.Equal(["a", "b", "hard", "new"], Names(moved));
        Assert.Equal(["big", "file", "link", "moved"], Names(Root));
        Assert.Equal(Errno.Ok, Root.Rename("moved"u8, moved, Root, "dir"u8, null, exchange: false));
        Assert.Equal(["big", "dir", "file", "link"], Names(Root));
    }

    [Fact]
    public void Renaming_over_a_lower_name_replaces_it_and_removal_leaves_nothing()
    {
        Put(Root, "fresh", "fresh");
        Assert.Equal(Errno.Ok, Root.Rename("fresh"u8, Find("fresh"), Root, "file"u8, Find("file"), exchange: false));
        Assert.Equal("fresh", Text(Find("file")));
        Assert.Equal(["big", "dir", "file", "link"], Names(Root));
        Assert.Equal(Errno.Ok, Root.Unlink("file"u8, Find("file")));
        Assert.Equal(Errno.ENOENT, Root.Lookup("file"u8).Error);
    }

    [Fact]
    public void Exchanged_lower_names_show_each_others_files()
    {
        Assert.Equal(Errno.Ok, Root.Rename("file"u8, Find("file"), Root, "dir"u8, Find("dir"), exchange: true));
        Assert.Equal("lower file", Text(Find("dir")));
        Assert.Equal(["a", "b", "hard"], Names(Find("file")));
    }

    [Fact]
    public void Hard_links_of_the_lower_layer_stay_one_file()
    {
        Inode directory = Find("dir");
        Inode a = Value(directory.Lookup("a"u8)), hard = Value(directory.Lookup("hard"u8));
        Assert.Same(a, hard);
        OpenFile writer = Open(a, OpenFlags.WriteOnly);
        Value(writer.Write("LOWER"u8));
        writer.Release();
        Assert.Equal("LOWER a", Text(Value(directory.Lookup("hard"u8))));
        Assert.Equal(Errno.Ok, directory.Link("third"u8, a));
        Stat stat = default;
        Assert.Equal(Errno.Ok, a.GetAttributes(ref stat));
        Assert.Equal(3ul, stat.LinkCount);
    }

    [Fact]
    public void A_listing_that_removes_as_it_goes_sees_everything_once()
    {
        Inode directory = Find("dir");
        for (int index = 0; index < 50; index++)
            Put(Value(_lower.Lookup("dir"u8)), $"more{index}", "");
        OpenFile listing = Open(directory, OpenFlags.ReadOnly | OpenFlags.Directory);
        List<string> seen = [];
        while (true)
        {
            NameSink sink = new(7);
            Assert.Equal(Errno.Ok, listing.ReadDirectory(sink));
            if (sink.Names.Count == 0)
                break;
            foreach (string name in sink.Names)
            {
                seen.Add(name);
                if (name is not ("." or ".."))
                    Assert.Equal(Errno.Ok, directory.Unlink(Bytes(name), Value(directory.Lookup(Bytes(name)))));
            }
        }

        Assert.Equal(55, seen.Count);
        Assert.Equal(55, new HashSet<string>(seen).Count);
        Assert.Equal(Errno.Ok, Root.RemoveDirectory("dir"u8, directory));
        listing.Release();
    }

    [Fact]
    public void Extended_attributes_come_up_with_the_file()
    {
        Inode lower = Value(_lower.Lookup("file"u8));
        Assert.Equal(Errno.Ok, lower.SetExtendedAttribute("user.x"u8, "1"u8, 0));
        Inode file = Find("file");
        Assert.Equal("1"u8.ToArray(), Value(file.GetExtendedAttribute("user.x"u8)));
        Assert.Equal(Errno.Ok, file.SetExtendedAttribute("user.y"u8, "2"u8, 0));
        Assert.Equal("1"u8.ToArray(), Value(Find("file").GetExtendedAttribute("user.x"u8)));
        Assert.Equal(Errno.ENODATA, lower.GetExtendedAttribute("user.y"u8).Error);
    }

    [Fact]
    public void Releasing_gives_all_memory_back()
    {
        OpenFile writer = Open(Find("big"), OpenFlags.WriteOnly);
        Value(writer.Write("x"u8));
        writer.Release();
        Put(Find("dir"), "new", new string('y', 10_000));
        Assert.NotEqual(0, _overlay.UsedPages);
        _overlay.Release();
        Assert.Equal(0, _overlay.UsedPages);
        Assert.Equal(0, _overlay.UsedInodes);
    }

    private static byte[] Bytes(string name) => System.Text.Encoding.UTF8.GetBytes(name);

    private static long SizeOf(Inode inode)
    {
        Stat stat = default;
        Assert.Equal(Errno.Ok, inode.GetAttributes(ref stat));
        return stat.SizeBytes;
    }

    private static T Value<T>(Result<T> result)
    {
        Assert.Equal(Errno.Ok, result.Error);
        _ = result.Failed(out T? value, out _);
        return value!;
    }

    private Inode Find(string name) => Value(Root.Lookup(Bytes(name)));

    private OpenFile Open(Inode inode, OpenFlags flags) => Value(inode.Open(default, flags, _caller));

    private void Put(Inode directory, string name, string text)
    {
        OpenFile file = Open(
            Value(directory.CreateFile(Bytes(name), new NewInode(Modes.O644, 0, 0))), OpenFlags.WriteOnly);
        Value(file.Write(Bytes(text)));
        file.Release();
    }

    private string Text(Inode inode)
    {
        OpenFile file = Open(inode, OpenFlags.ReadOnly);
        byte[] buffer = new byte[1 << 20];
        int count = Value(file.Read(buffer));
        file.Release();
        return System.Text.Encoding.UTF8.GetString(buffer, 0, count);
    }

    private List<string> Names(Inode directory)
    {
        OpenFile file = Open(directory, OpenFlags.ReadOnly | OpenFlags.Directory);
        NameSink sink = new();
        Assert.Equal(Errno.Ok, file.ReadDirectory(sink));
        file.Release();
        Assert.Equal(2, sink.Names.RemoveAll(name => name is "." or ".."));
        sink.Names.Sort(StringComparer.Ordinal);
        return sink.Names;
    }
}
