using System.Text;
using Sandbox.Linux;
using Sandbox.Sentry.Filesystems.Gofer;
using Sandbox.Sentry.Vfs;
using Sandbox.UnitTests.Filesystems;
using Xunit;

namespace Sandbox.UnitTests.Gofer;

/// <summary>
/// A container's root that an engine reaches into: seen after every command from outside, at the latest after a second.
/// </summary>
public sealed class RecheckedTreeTests : IDisposable
{
    private readonly GoferFixture _gofer = new();
    private readonly FakeCaller _caller = new();
    private readonly GoferSession _session;
    private readonly Inode _root;

    public RecheckedTreeTests()
    {
        _session = new GoferSession(_gofer.Client);
        _root = Good(_session.Mount(0, GoferCaching.Rechecked, "test")).RootInode;
    }

    public void Dispose()
    {
        _gofer.Dispose();
    }

    [Fact]
    public void What_the_host_changed_before_a_command_is_seen_after_it()
    {
        File.WriteAllText(_gofer.At("f"), "old");
        Inode file = Good(_root.Lookup("f"u8));
        Assert.Equal("old", Read(file));
        File.Delete(_gofer.At("f"));
        File.WriteAllText(_gofer.At("f"), "newer"); // Often with the old file's inode number.
        _session.OnOutsideCommand();
        if (!file.Revalidate())
            file = Good(_root.Lookup("f"u8));
        Assert.Equal("newer", Read(file));
        Stat stat = default;
        Assert.Equal(Errno.Ok, file.GetAttributes(ref stat));
        Assert.Equal(5, stat.SizeBytes);
    }

    [Fact]
    public void A_second_later_it_is_seen_without_a_command()
    {
        File.WriteAllText(_gofer.At("f"), "old");
        Inode file = Good(_root.Lookup("f"u8));
        File.Delete(_gofer.At("f"));
        Directory.CreateDirectory(_gofer.At("f"));
        for (int attempt = 0; attempt < 1000 && file.Revalidate(); attempt++)
            Thread.Sleep(20);
        Assert.False(file.Revalidate());
    }

    [Fact]
    public void Names_that_are_missing_are_asked_for_every_time_and_listings_after_a_command()
    {
        Assert.False(_root.CachesMissingNames);
        Assert.Equal(Errno.ENOENT, _root.Lookup("f"u8).Error);
        Assert.Equal(0, CountEntries());
        File.WriteAllText(_gofer.At("f"), "");
        _session.OnOutsideCommand();
        Assert.True(_root.Lookup("f"u8).Error == Errno.Ok);
        Assert.Equal(1, CountEntries());
    }

    [Fact]
    public void A_link_that_the_host_replaced_after_it_was_listed_is_seen_after_a_command()
    {
        File.CreateSymbolicLink(_gofer.At("link"), "old");
        Assert.Equal(1, CountEntries());
        Inode link = Good(_root.Lookup("link"u8));
        File.Delete(_gofer.At("link"));
        File.CreateSymbolicLink(_gofer.At("link"), "new");
        _session.OnOutsideCommand();
        if (!link.Revalidate())
            link = Good(_root.Lookup("link"u8));
        Assert.Equal("new", Encoding.UTF8.GetString(Good(link.ReadLink(_caller))));
    }

    [Fact]
    public void Two_names_of_a_file_are_one_inode()
    {
        File.WriteAllText(_gofer.At("a"), "");
        Assert.Equal(Errno.Ok, _root.Link("b"u8, Good(_root.Lookup("a"u8))));
        Assert.Same(Good(_root.Lookup("a"u8)), Good(_root.Lookup("b"u8)));
    }

    private int CountEntries()
    {
        List<DirectoryEntry> entries = [];
        Assert.Equal(Errno.Ok, ((IListable)_root).List(_caller, entries));
        return entries.Count;
    }

    private string Read(Inode inode)
    {
        OpenFile file = Good(inode.Open(default, OpenFlags.ReadOnly, _caller));
        byte[] bytes = new byte[100];
        int length = Good(file.ReadAt(bytes, 0));
        file.Release();
        return Encoding.UTF8.GetString(bytes, 0, length);
    }

    private static T Good<T>(Result<T> result)
    {
        Assert.False(result.Failed(out T? value, out Errno error), error.ToString());
        return value!;
    }
}
