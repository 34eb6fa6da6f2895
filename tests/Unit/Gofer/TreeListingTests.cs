using Sandbox.Gofer.Protocol;
using Sandbox.Linux;
using Sandbox.Sentry.Filesystems.Gofer;
using Sandbox.Sentry.Vfs;
using Sandbox.UnitTests.Filesystems;
using Xunit;

namespace Sandbox.UnitTests.Gofer;

/// <summary>Listings that come along with others: when they do, and that they show what is there.</summary>
public sealed class TreeListingTests : IDisposable
{
    private static readonly NewInode _file = new((uint)FileType.Regular | Modes.O644, 0, 0);

    private readonly GoferFixture _gofer = new();
    private readonly FakeCaller _caller = new();

    public TreeListingTests()
    {
        foreach (string directory in (string[])["a/b/c", "d", "e"])
            Directory.CreateDirectory(_gofer.At(directory));
        foreach (string file in (string[])["a/1", "a/b/2", "a/b/c/3", "d/4"])
            File.WriteAllText(_gofer.At(file), file);
    }

    public void Dispose() => _gofer.Dispose();

    [Fact]
    public void Directories_below_and_after_one_come_along_when_a_tree_is_walked()
    {
        Inode root = Mount();
        Assert.Equal(["a", "d", "e"], List(root));
        Assert.Equal(["1", "b"], List(Find(root, "a")));

        // Nobody but the sandbox changes such a tree: what appears behind its back tells what it knew before.
        foreach (string file in (string[])["a/b/late", "a/b/c/late", "d/late"])
            File.WriteAllText(_gofer.At(file), "");
        Assert.Equal(["2", "c"], List(Find(root, "a", "b")));
        Assert.Equal(["3"], List(Find(root, "a", "b", "c")));
        Assert.Equal(["4"], List(Find(root, "d")));
        Assert.Equal(5, StatOf(Find(root, "a", "b", "2")).SizeBytes);
    }

    [Fact]
    public void One_directory_alone_brings_no_others()
    {
        Inode root = Mount();
        Assert.Equal(["1", "b"], List(Find(root, "a")));
        File.WriteAllText(_gofer.At("d/late"), "");
        Assert.Equal(["4", "late"], List(Find(root, "d")));
    }

    [Fact]
    public void A_change_made_meanwhile_is_seen()
    {
        Inode root = Mount();
        List(root);
        List(Find(root, "a"));
        Assert.False(Find(root, "d").CreateFile("new"u8, _file).Failed(out _, out _));
        Assert.Equal(["4", "new"], List(Find(root, "d")));

        List(Find(root, "a", "b"));
        Inode file = Find(root, "a", "b", "c", "3");
        Assert.Equal(Errno.Ok, file.SetAttributes(new AttributeChange { SizeBytes = 100 }));
        Assert.Equal(["3"], List(Find(root, "a", "b", "c")));
        Assert.Equal(100, StatOf(Find(root, "a", "b", "c", "3")).SizeBytes);
    }

    [Fact]
    public void A_directory_that_does_not_fit_into_a_message_is_listed_all_the_same()
    {
        for (int i = 0; i < 2000; i++)
            File.WriteAllText(_gofer.At($"d/file{i}"), "");
        Inode root = Mount();
        List(root);
        Assert.Equal(["1", "b"], List(Find(root, "a")));
        Assert.Equal(2001, List(Find(root, "d")).Count());
        Assert.Empty(List(Find(root, "e")));
    }

    [Fact]
    public void A_tree_of_many_messages_is_seen_whole()
    {
        for (int i = 0; i < 240; i++)
        {
            string directory = _gofer.At($"e/{i % 8}/part{i / 24}/{i}");
            Directory.CreateDirectory(directory);
            for (int j = 0; j < 12; j++)
                File.WriteAllText(Path.Combine(directory, $"file{j}"), "");
        }

        Assert.Equal(
            Directory.GetFileSystemEntries(_gofer.Root, "*", SearchOption.AllDirectories).Order(StringComparer.Ordinal),
            Walk(Mount(), _gofer.Root).Order(StringComparer.Ordinal));
    }

    [Fact]
    public void Links_to_directories_are_not_followed()
    {
        Directory.CreateSymbolicLink(_gofer.At("a/b/link"), "../../../outside");
        Inode root = Mount();
        List(root);
        List(Find(root, "a"));
        Assert.Equal(["2", "c", "link"], List(Find(root, "a", "b")));
        Assert.Equal(FileType.SymbolicLink, Find(root, "a", "b", "link").Type);
        Assert.Equal(Errno.ENOTDIR, Tree("a/b", "link", out _));
        Assert.Equal(Errno.ENOTDIR, Tree("a/b", "2", out _));
    }

    [Fact]
    public void Targets_of_links_come_along_unless_they_are_long()
    {
        string longTarget = new('x', 256);
        foreach (string directory in (string[])["a", "a/b"])
        {
            File.CreateSymbolicLink(_gofer.At(directory + "/link"), "1");
            File.CreateSymbolicLink(_gofer.At(directory + "/long"), longTarget);
        }

        Inode root = Mount();
        List(root);
        foreach (Inode directory in (Inode[])[Find(root, "a"), Find(root, "a", "b")])
        {
            List(directory);
            (Inode link, Inode longLink) = (Find(directory, "link"), Find(directory, "long"));
            Assert.Equal(longTarget, TargetOf(longLink));
            File.Delete(_gofer.At("a/link")); // Behind the sandbox's back: nobody can be asked any more.
            File.Delete(_gofer.At("a/b/link"));
            Assert.Equal("1", TargetOf(link));
        }
    }

    [Fact]
    public void A_link_that_the_sandbox_replaced_has_its_new_target()
    {
        File.CreateSymbolicLink(_gofer.At("d/link"), "old");
        Inode root = Mount();
        List(root);
        Inode d = Find(root, "d");
        List(d);
        Inode link = Find(d, "link");
        Assert.Equal(Errno.Ok, d.Unlink("link"u8, link));
        Assert.False(d.CreateSymbolicLink("link"u8, "new"u8, new NewInode((uint)FileType.SymbolicLink, 0, 0)).Failed(
            out _, out _));
        Assert.Equal("new", TargetOf(Find(d, "link")));
        List(d);
        Assert.Equal("new", TargetOf(Find(d, "link")));
    }

    [Fact]
    public void A_message_lists_no_more_directories_than_it_was_asked_for()
    {
        Assert.Equal(Errno.Ok, Tree("", "a", out uint count, directoriesMax: 2));
        Assert.Equal(2u, count);
        Assert.Equal(Errno.Ok, Tree("", "a", out count, directoriesMax: 100));
        Assert.Equal(3u, count);
    }

    [Fact]
    public void Files_of_the_directories_that_follow_are_opened_with_the_first()
    {
        Inode root = MountAndReadFirst(out Inode a);

        foreach (string file in (string[])["a/b/2", "a/b/c/3", "d/4"])
            File.Delete(_gofer.At(file)); // Behind the sandbox's back: only who has it open still reads it.
        Inode b = Find(a, "b"), d = Find(root, "d");
        List(b);
        List(d);
        Inode c = Find(b, "c");
        List(c);
        Assert.Equal("a/b/2", Read(Find(b, "2")));
        Assert.Equal("a/b/c/3", Read(Find(c, "3")));
        Assert.Equal("d/4", Read(Find(d, "4")));
    }

    [Fact]
    public void Files_come_along_again_when_a_tree_is_walked_again()
    {
        Inode root = Mount();
        (Inode a, Inode b, Inode c, Inode d) =
            (Find(root, "a"), Find(root, "a", "b"), Find(root, "a", "b", "c"), Find(root, "d"));
        foreach (Inode directory in (Inode[])[root, a, b, c, d])
            List(directory);
        for (int walk = 0; walk < 2; walk++)
        {
            Assert.Equal("a/1", Read(Find(a, "1"))); // An inode that nobody knew yet, without a descriptor.
            if (walk == 1)
                File.Delete(_gofer.At("a/b/c/3"));
            Assert.Equal("a/b/2", Read(Find(b, "2")));
            Assert.Equal("a/b/c/3", Read(Find(c, "3")));
            Assert.Equal("d/4", Read(Find(d, "4")));
        }
    }

    [Fact]
    public void Files_with_long_names_far_down_are_opened_in_order()
    {
        string name = new('n', 240), path = "d";
        for (int depth = 0; depth < 8; depth++)
            path += "/" + name;
        Directory.CreateDirectory(_gofer.At(path));
        for (int i = 10; i < 90; i++)
            File.WriteAllText(_gofer.At($"{path}/{name}{i}"), $"{i}");
        Inode directory = Find(Mount(), path.Split('/'));
        List(directory);
        for (int i = 10; i < 90; i++)
            Assert.Equal($"{i}", Read(Find(directory, $"{name}{i}")));
    }

    [Fact]
    public void Files_opened_ahead_are_closed_when_a_name_changes()
    {
        Inode root = MountAndReadFirst(out _);
        Assert.False(root.CreateFile("new"u8, _file).Failed(out _, out _));
        File.Delete(_gofer.At("d/4"));
        Inode d = Find(root, "d");
        List(d);
        Assert.Equal(Errno.ENOENT, d.Lookup("4"u8).Error);
    }

    /// <summary>Lists the root and its first directory, and reads the first file of that.</summary>
    private Inode MountAndReadFirst(out Inode first)
    {
        Inode root = Mount();
        List(root);
        first = Find(root, "a");
        List(first);
        Assert.Equal("a/1", Read(Find(first, "1")));
        return root;
    }

    private string TargetOf(Inode link)
    {
        Assert.False(link.ReadLink(_caller).Failed(out byte[]? target, out Errno error), error.ToString());
        return System.Text.Encoding.ASCII.GetString(target);
    }

    private string Read(Inode inode)
    {
        Assert.False(inode.Open(
            default, OpenFlags.ReadOnly, _caller).Failed(out OpenFile? file, out Errno error), error.ToString());
        byte[] buffer = new byte[100];
        Assert.False(file.ReadAt(buffer, 0).Failed(out int count, out error), error.ToString());
        file.Release();
        return System.Text.Encoding.ASCII.GetString(buffer, 0, count);
    }

    private IEnumerable<string> Walk(Inode directory, string path)
    {
        foreach (string name in List(directory))
        {
            string below = Path.Combine(path, name);
            yield return below;
            if (Find(directory, name) is { IsDirectory: true } inner)
            {
                foreach (string deeper in Walk(inner, below))
                    yield return deeper;
            }
        }
    }

    private Errno Tree(string parent, string name, out uint count, ushort directoriesMax = 10)
    {
        uint handle = parent.Length == 0 ? _gofer.RootHandle : _gofer.HandleOf(parent);
        using GoferChannel channel = _gofer.Client.Take();
        MessageWriter request = channel.Start();
        request.Write(new ReadTreeRequest { Handle = handle, Count = 1, DirectoriesMax = directoriesMax });
        request.WriteText(GoferFixture.Bytes(name));
        Errno error = channel.Exchange(GoferOperation.ReadTree, ref request, out MessageReader reply);
        count = error == Errno.Ok && reply.Read(out ReadTreeReply header) == Errno.Ok ? header.Count : 0;
        return error;
    }

    private Inode Mount()
    {
        GoferSession session = new(_gofer.Client);
        Assert.False(session.Mount(0, GoferCaching.Exclusive, "test").Failed(out GoferFileSystem? mounted, out _));
        return mounted.RootInode;
    }

    private static Inode Find(Inode directory, params ReadOnlySpan<string> names)
    {
        foreach (string name in names)
        {
            Assert.False(directory.Lookup(
                GoferFixture.Bytes(name)).Failed(out Inode? found, out Errno error), $"{name}: {error}");
            directory = found;
        }

        return directory;
    }

    private static Stat StatOf(Inode inode)
    {
        Stat stat = default;
        Assert.Equal(Errno.Ok, inode.GetAttributes(ref stat));
        return stat;
    }

    private IEnumerable<string> List(Inode directory)
    {
        Assert.False(directory.Open(default, OpenFlags.ReadOnly | OpenFlags.Directory, _caller).Failed(
            out OpenFile? file, out _));
        NameSink sink = new();
        Assert.Equal(Errno.Ok, file.ReadDirectory(sink));
        file.Release();
        return sink.Names.Where(name => name is not ("." or "..")).Order(StringComparer.Ordinal);
    }
}
