using Sandbox.Gofer.Protocol;
using Sandbox.Linux;
using Sandbox.Sentry.Filesystems.Gofer;
using Xunit;

namespace Sandbox.UnitTests.Gofer;

/// <summary>What a client that is no friend tries in order to reach beyond its roots, and gets.</summary>
public sealed class GoferConfinementTests
{
    [Theory]
    [InlineData("..")]
    [InlineData(".")]
    [InlineData("../outside/secret")]
    [InlineData("d/..")]
    [InlineData("d/../../outside")]
    public void Dots_are_refused(string path)
    {
        using GoferFixture gofer = new();
        Directory.CreateDirectory(gofer.At("d"));
        Result<WalkOutcome> result = gofer.Client.Walk(
            gofer.RootHandle, GoferFixture.Bytes(path), WalkFlags.WantHandle, new GoferAttributes[8]);
        Assert.Equal(Errno.EINVAL, result.Error);
    }

    [Theory]
    [InlineData("a/b")]
    [InlineData("/etc/passwd")]
    [InlineData("a\0b")]
    [InlineData("..")]
    public void Names_that_are_no_component_are_refused_by_every_operation(string text)
    {
        using GoferFixture gofer = new();
        GoferClient client = gofer.Client;
        uint root = gofer.RootHandle;
        File.WriteAllText(gofer.At("f"), "");
        byte[] name = GoferFixture.Bytes(text);
        Assert.Equal(Errno.EINVAL, client.Open(root, name, OpenFlags.ReadOnly, out _).Error);
        Assert.Equal(Errno.EINVAL, client.Create(root, name, OpenFlags.ReadWrite, 0, 0, 0, out _).Error);
        Assert.Equal(Errno.EINVAL, client.MakeDirectory(root, name, 0, 0, 0, out _));
        Assert.Equal(Errno.EINVAL, client.MakeNode(root, name, (uint)FileType.Fifo, 0, 0, 0, out _));
        Assert.Equal(Errno.EINVAL, client.SymbolicLink(root, name, "x"u8, 0, 0, out _));
        Assert.Equal(Errno.EINVAL, client.Link(root, "f"u8, root, name, out _));
        Assert.Equal(Errno.EINVAL, client.Link(root, name, root, "g"u8, out _));
        Assert.Equal(Errno.EINVAL, client.Unlink(root, name, false));
        Assert.Equal(Errno.EINVAL, client.Unlink(root, name, true));
        Assert.Equal(Errno.EINVAL, client.Rename(root, name, root, "g"u8, 0));
        Assert.Equal(Errno.EINVAL, client.Rename(root, "f"u8, root, name, 0));
        Assert.Equal(Errno.EINVAL, client.GetAttributes(root, name, out _));
        Assert.Equal(Errno.EINVAL, client.SetAttributes(new SetAttributesRequest { Handle = root }, name, out _));
        Assert.Equal(Errno.EINVAL, client.ReadLink(root, name).Error);
        Assert.Equal(Errno.EINVAL, client.GetXattr(root, name, "user.x"u8).Error);
        Assert.Equal(Errno.EINVAL, client.SetXattr(root, name, "user.x"u8, default, 0));
        Assert.Equal(["f"], Directory.GetFileSystemEntries(gofer.Root).Select(Path.GetFileName));
    }

    [Fact]
    public void A_name_longer_than_255_bytes_is_too_long()
    {
        using GoferFixture gofer = new();
        byte[] name = GoferFixture.Bytes(new string('n', 256));
        Assert.Equal(Errno.ENAMETOOLONG, gofer.Client.GetAttributes(gofer.RootHandle, name, out _));
        Assert.Equal(Errno.ENOENT, gofer.Client.GetAttributes(gofer.RootHandle, name.AsSpan(1), out _));
    }

    [Theory]
    [InlineData("/etc")]
    [InlineData("../outside")]
    [InlineData("/proc/self/root/etc")]
    [InlineData("d")]
    public void Symbolic_links_are_never_followed(string target)
    {
        using GoferFixture gofer = new();
        GoferClient client = gofer.Client;
        Directory.CreateDirectory(gofer.At("d"));
        File.CreateSymbolicLink(gofer.At("link"), target);
        uint link = gofer.HandleOf("link");
        Assert.Equal(1, gofer.Walk("link/secret", true, out _).Count);
        Assert.Equal(Errno.ELOOP, client.Open(gofer.RootHandle, "link"u8, OpenFlags.ReadOnly, out _).Error);
        Assert.Equal(Errno.ELOOP, client.Open(link, default, OpenFlags.ReadOnly, out _).Error);
        // A handle of the link is no directory, whatever the link points to.
        Result<WalkOutcome> through = client.Walk(link, "secret"u8, WalkFlags.WantHandle, new GoferAttributes[1]);
        Assert.True(
            through.Error == Errno.ENOTDIR || (!through.Failed(out WalkOutcome o, out _) && o.StepError != Errno.Ok));
        Assert.Equal(Errno.ENOTDIR, client.MakeDirectory(link, "x"u8, Modes.O777, 0, 0, out _));
        long cookie = 0;
        Assert.Equal(Errno.ENOTDIR, client.ReadDirectory(link, false, ref cookie, []).Error);
        Assert.Equal(Errno.EINVAL, client.Sync(link));
        SetAttributesRequest truncate = new() { Handle = link, Mask = AttributeMask.Size };
        Assert.Equal(Errno.EINVAL, client.SetAttributes(truncate, default, out _));
    }

    [Fact]
    public void Magic_links_of_a_served_proc_lead_nowhere()
    {
        using ProcFixture proc = new();
        Assert.Equal(Errno.ELOOP, proc.Client.Open(proc.Self, "exe"u8, OpenFlags.ReadOnly, out _).Error);
        GoferAttributes[] attributes = new GoferAttributes[2];
        Assert.False(proc.Client.Walk(proc.Self, "root/etc"u8, WalkFlags.WantHandle, attributes).Failed(
            out WalkOutcome walk, out _));
        Assert.Equal((1, FileType.SymbolicLink), (walk.Count, attributes[0].Type));
        Assert.False(proc.Client.Walk(proc.Self, "cwd"u8, WalkFlags.WantHandle, attributes).Failed(out walk, out _));
        Assert.False(proc.Client.Walk(walk.Handle, "etc"u8, WalkFlags.WantHandle, attributes).Failed(out walk, out _)
            && walk.StepError == Errno.Ok);
    }

    [Fact]
    public void A_read_only_root_changes_nothing()
    {
        using GoferFixture gofer = new();
        GoferClient client = gofer.Client;
        File.WriteAllText(gofer.At("f"), "data");
        uint root = gofer.Attach(1);
        Assert.Equal(Errno.EROFS, client.Open(root, "f"u8, OpenFlags.ReadWrite, out _).Error);
        Assert.Equal(Errno.EROFS, client.Open(root, "f"u8, OpenFlags.WriteOnly, out _).Error);
        Assert.Equal(Errno.EROFS, client.Open(root, "f"u8, OpenFlags.ReadOnly | OpenFlags.Truncate, out _).Error);
        Assert.Equal(Errno.EROFS, client.Create(root, "g"u8, OpenFlags.ReadWrite, Modes.O777, 0, 0, out _).Error);
        Assert.Equal(Errno.EROFS, client.MakeDirectory(root, "g"u8, Modes.O777, 0, 0, out _));
        Assert.Equal(Errno.EROFS, client.MakeNode(root, "g"u8, (uint)FileType.Fifo, 0, 0, 0, out _));
        Assert.Equal(Errno.EROFS, client.SymbolicLink(root, "g"u8, "x"u8, 0, 0, out _));
        Assert.Equal(Errno.EROFS, client.Link(root, "f"u8, root, "g"u8, out _));
        Assert.Equal(Errno.EROFS, client.Unlink(root, "f"u8, false));
        Assert.Equal(Errno.EROFS, client.Rename(root, "f"u8, root, "g"u8, 0));
        SetAttributesRequest change = new() { Handle = root, Mask = AttributeMask.Mode };
        Assert.Equal(Errno.EROFS, client.SetAttributes(change, "f"u8, out _));
        Assert.Equal(Errno.EROFS, client.SetXattr(root, "f"u8, "user.x"u8, "1"u8, 0));
        Assert.Equal(Errno.EROFS, client.RemoveXattr(root, "f"u8, "user.x"u8));
        // Nor does a writable root lend its rights: two roots are two filesystems.
        Assert.Equal(Errno.EXDEV, client.Link(root, "f"u8, gofer.RootHandle, "g"u8, out _));
        Assert.Equal("data", File.ReadAllText(gofer.At("f")));
        Assert.Equal(["f"], Directory.GetFileSystemEntries(gofer.Root).Select(Path.GetFileName));
    }

    [Fact]
    public void Handles_are_limited_and_given_back()
    {
        using GoferFixture gofer = new(handlesMax: 10);
        Directory.CreateDirectory(gofer.At("d"));
        List<uint> handles = [];
        GoferAttributes[] attributes = new GoferAttributes[1];
        while (!gofer.Client.Walk(gofer.RootHandle, "d"u8, WalkFlags.WantHandle, attributes).Failed(
            out WalkOutcome walk, out Errno error))
        {
            handles.Add(walk.Handle);
            Assert.InRange(handles.Count, 1, 9);
        }

        Assert.Equal(Errno.ENFILE, gofer.Client.Walk(gofer.RootHandle, "d"u8, WalkFlags.WantHandle, attributes).Error);
        Assert.Equal(9, handles.Count);
        foreach (uint handle in handles)
            gofer.Client.Close(handle);
        gofer.Client.FlushClosed();
        Assert.NotEqual(0u, gofer.HandleOf("d"));
    }
}
