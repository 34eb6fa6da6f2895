using Sandbox.Linux;
using Sandbox.Sentry.Filesystems.Gofer;
using Sandbox.Sentry.Loader;
using Sandbox.Sentry.Security;
using Sandbox.Sentry.Vfs;
using Xunit;

namespace Sandbox.UnitTests.Gofer;

/// <summary>Whole opens in a tree that the host changes, too.</summary>
public sealed class SharedTreeWalkTests : IDisposable
{
    private readonly GoferFixture _gofer = new();
    private readonly FsContext _fs;
    private readonly BootCaller _caller;

    public SharedTreeWalkTests()
    {
        Assert.False(new GoferSession(_gofer.Client).Mount(0, GoferCaching.Shared, "test").Failed(
            out GoferFileSystem? files, out _));
        MountNamespace mounts = new(UserNamespace.Root);
        Mount mount = new(files, MountFlags.None);
        mounts.SetRoot(mount);
        VfsPath top = new(mount, mount.Root);
        _fs = new FsContext(mounts, top, top, umask: 0x12);
        Credentials superuser = new()
        {
            UserNamespace = UserNamespace.Root, Permitted = CapabilitySet.Full, Effective = CapabilitySet.Full,
        };
        _caller = new BootCaller(superuser, _fs);
    }

    public void Dispose() => _gofer.Dispose();

    [Fact]
    public void An_exclusive_creation_needs_no_lookup_and_sees_what_the_host_made()
    {
        const OpenFlags exclusive = OpenFlags.Create | OpenFlags.Exclusive | OpenFlags.WriteOnly;
        File.WriteAllText(_gofer.At("there"), "host");
        Directory.CreateDirectory(_gofer.At("d"));
        Assert.Equal(Errno.EEXIST, Open("/there", exclusive));
        Assert.Equal("host", File.ReadAllText(_gofer.At("there")));
        Assert.Equal(Errno.Ok, Open("/new", exclusive));
        Assert.True(File.Exists(_gofer.At("new")));
        Assert.Equal(Errno.EEXIST, Open("/new", exclusive));
        File.Delete(_gofer.At("new"));
        Thread.Sleep(30); // Longer than a name counts as just asked for.
        Assert.Equal(Errno.Ok, Open("/d/new", exclusive));
        Assert.Equal(Errno.Ok, Open("/new", exclusive));
        Assert.True(File.Exists(_gofer.At("new")));
        Directory.Delete(_gofer.At("d"), recursive: true);
        Thread.Sleep(30);
        Assert.Equal(Errno.ENOENT, Open("/d/other", exclusive));
    }

    [Fact]
    public void A_directory_the_host_replaced_is_found_anew()
    {
        Directory.CreateDirectory(_gofer.At("d"));
        File.WriteAllText(_gofer.At("d/old"), "");
        Assert.Equal(Errno.Ok, Open("/d/old", OpenFlags.ReadOnly));
        Directory.Move(_gofer.At("d"), _gofer.At("e"));
        Directory.CreateDirectory(_gofer.At("d"));
        File.WriteAllText(_gofer.At("d/fresh"), "");
        Thread.Sleep(30);
        Assert.Equal(Errno.ENOENT, Open("/d/old", OpenFlags.ReadOnly));
        Assert.Equal(Errno.Ok, Open("/d/fresh", OpenFlags.ReadOnly));
        Assert.Equal(Errno.Ok, Open("/e/old", OpenFlags.ReadOnly));
    }

    private Errno Open(string path, OpenFlags flags)
    {
        OpenRequest request = new(flags, 0x1B6);
        if (OpenOperations.Open(_caller, _fs.Root, GoferFixture.Bytes(path), request).Failed(
            out OpenFile? file, out Errno error))
            return error;
        file.Release();
        return Errno.Ok;
    }
}
