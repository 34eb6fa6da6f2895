using System.Diagnostics;
using Sandbox.Gofer;
using Sandbox.Gofer.Protocol;
using Sandbox.Linux;
using Sandbox.Sentry.Filesystems.Gofer;
using Sandbox.Sentry.Filesystems.Overlay;
using Sandbox.Sentry.Vfs;
using Sandbox.UnitTests.Filesystems;
using Xunit;

namespace Sandbox.UnitTests.Gofer;

/// <summary>A real tree of the host, seen through Gofer and overlay, is what it is.</summary>
public sealed class GoferTreeTests
{
    /// <summary>SANDBOX_TREE names a larger one for a longer look.</summary>
    private static readonly string _tree = Environment.GetEnvironmentVariable("SANDBOX_TREE") ?? "/etc";

    [Theory]
    [InlineData(false, false)]
    [InlineData(true, false)]
    [InlineData(true, true)]
    public void Every_file_of_a_tree_is_seen_with_its_attributes(bool isExclusive, bool isOverlaid)
    {
        FakeCaller caller = new();
        Assert.False(ProcSelfFd.Open(-1, becomesWorkingDirectory: false).Failed(out ProcSelfFd? self, out _));
        OpenFlags how = OpenFlags.Path | OpenFlags.Directory;
        Assert.False(
            HostFile.OpenAt(HostFile.CurrentDirectory, GoferFixture.Bytes(_tree), how).Failed(out int fd, out _));
        using GoferServer server = new([new ServedRoot(new HostFd(fd), RootFlags.None)], self, 4000);
        Assert.False(HostSocket.CreatePair(Sandbox.Linux.SocketType.SequencedPacket).Failed(
            out (HostFd Ours, HostFd Theirs) pair, out _));
        using HostFd theirs = pair.Theirs;
        Thread worker = new(() => server.Serve(theirs.Number));
        worker.Start();
        using (GoferSession session = new(new GoferClient(pair.Ours)))
        {
            GoferCaching caching = isExclusive ? GoferCaching.Exclusive : GoferCaching.Shared;
            Assert.False(session.Mount(0, caching, _tree).Failed(out GoferFileSystem? gofer, out _));
            Inode root = isOverlaid ? new OverlayFileSystem(gofer.RootInode).RootInode : gofer.RootInode;
            long began = Stopwatch.GetTimestamp();
            int count = Compare(root, _tree, caller);
            TestContext.Current.TestOutputHelper?.WriteLine(
                $"{count} files in {Stopwatch.GetElapsedTime(began).TotalMilliseconds:F0} ms, {session.Handles.LiveCount} handles");
            Assert.InRange(count, 20, int.MaxValue);
        }

        worker.Join();
    }

    private static int Compare(Inode directory, string path, ICaller caller)
    {
        Assert.False(directory.Open(default, OpenFlags.ReadOnly | OpenFlags.Directory, caller).Failed(
            out OpenFile? listing, out _));
        NameSink sink = new();
        Assert.Equal(Errno.Ok, listing.ReadDirectory(sink));
        listing.Release();
        IEnumerable<string> names = Directory.GetFileSystemEntries(path).Select(entry => Path.GetFileName(entry)!);
        Assert.Equal(names.Concat([".", ".."]).Order(StringComparer.Ordinal), sink.Names.Order(StringComparer.Ordinal));
        int count = 0;
        foreach (string name in sink.Names)
        {
            if (name is "." or "..")
                continue;
            string full = Path.Combine(path, name);
            Result<Inode> found = directory.Lookup(GoferFixture.Bytes(name));
            Assert.False(found.Failed(out Inode? inode, out Errno error), $"{full}: {error}");
            CompareOne(inode, full, caller);
            count += 1 + (inode.IsDirectory ? Compare(inode, full, caller) : 0);
        }

        return count;
    }

    private static void CompareOne(Inode inode, string path, ICaller caller)
    {
        byte[] terminated = GoferFixture.Bytes(path + "\0");
        Assert.Equal(Errno.Ok, HostDirectory.Statx(
            HostFile.CurrentDirectory, terminated, AtFlags.SymlinkNoFollow, out Statx host));
        Stat stat = default;
        Assert.Equal(Errno.Ok, inode.GetAttributes(ref stat));
        Assert.Equal((host.Mode, host.UserId, host.GroupId), ((ushort)stat.Mode, stat.UserId, stat.GroupId));
        if (!inode.IsDirectory)
            Assert.Equal((host.SizeBytes, (ulong)host.LinkCount), ((ulong)stat.SizeBytes, stat.LinkCount));
        Assert.Equal(host.ModifyTime.ToTimespec(), stat.ModifyTime);
        if (inode.IsSymbolicLink)
        {
            Assert.False(inode.ReadLink(caller).Failed(out byte[]? target, out _));
            Assert.Equal(new FileInfo(path).LinkTarget, System.Text.Encoding.UTF8.GetString(target));
        }

        if (!inode.IsRegular)
            return;
        Assert.False(inode.Open(
            default, OpenFlags.ReadOnly, caller).Failed(out OpenFile? file, out Errno error), $"{path}: {error}");
        byte[] bytes = new byte[Math.Min(stat.SizeBytes, 4096) + 1];
        Assert.False(file.ReadAt(bytes, 0).Failed(out int read, out error), $"{path}: {error}");
        Assert.Equal(Math.Min(stat.SizeBytes, bytes.Length), read);
        file.Release();
    }
}
