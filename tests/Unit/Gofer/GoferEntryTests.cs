using Sandbox.Gofer.Protocol;
using Sandbox.Linux;
using Sandbox.Sentry.Filesystems.Gofer;
using Xunit;

namespace Sandbox.UnitTests.Gofer;

/// <summary>Entries of listings, as the Sentry takes them from a reply it does not trust.</summary>
public sealed class GoferEntryTests
{
    private const DirectoryEntryContents Both = DirectoryEntryContents.Attributes | DirectoryEntryContents.LinkTarget;

    [Fact]
    public void A_links_target_is_read()
    {
        Assert.Equal(Errno.Ok, Read(Both, FileType.SymbolicLink, "there"u8, out GoferEntry entry));
        Assert.Equal("there"u8.ToArray(), entry.LinkTarget);
        Assert.Equal((true, FileType.SymbolicLink), (entry.HasAttributes, entry.Type));
        Assert.Equal(Errno.Ok, Read(DirectoryEntryContents.Attributes, FileType.SymbolicLink, [], out entry));
        Assert.Null(entry.LinkTarget);
    }

    [Fact]
    public void A_target_that_cannot_be_one_is_a_protocol_error()
    {
        Assert.Equal(Errno.EPROTO, Read(Both, FileType.Regular, "there"u8, out _));
        Assert.Equal(Errno.EPROTO, Read(DirectoryEntryContents.LinkTarget, FileType.SymbolicLink, "there"u8, out _));
        Assert.Equal(Errno.EPROTO, Read(Both, FileType.SymbolicLink, ""u8, out _));
        Assert.Equal(Errno.EPROTO, Read(Both, FileType.SymbolicLink, "the\0re"u8, out _));
        Assert.Equal(
            Errno.Ok, Read(Both, FileType.SymbolicLink, new byte[255].Select(_ => (byte)'x').ToArray(), out _));
        Assert.Equal(
            Errno.EPROTO, Read(Both, FileType.SymbolicLink, new byte[256].Select(_ => (byte)'x').ToArray(), out _));
    }

    [Fact]
    public void Every_truncation_is_a_protocol_error()
    {
        byte[] buffer = new byte[1000];
        int length = Write(buffer, Both, FileType.SymbolicLink, "there"u8);
        for (int i = 0; i < length; i++)
        {
            MessageReader reader = new(buffer.AsSpan(0, i));
            Assert.Equal(Errno.EPROTO, GoferEntry.Read(ref reader, out _));
        }
    }

    private static Errno Read(
        DirectoryEntryContents contents, FileType type, ReadOnlySpan<byte> target, out GoferEntry entry)
    {
        byte[] buffer = new byte[1000];
        MessageReader reader = new(buffer.AsSpan(0, Write(buffer, contents, type, target)));
        return GoferEntry.Read(ref reader, out entry);
    }

    private static int Write(byte[] buffer, DirectoryEntryContents contents, FileType type, ReadOnlySpan<byte> target)
    {
        MessageWriter writer = new(buffer);
        writer.Write(new DirectoryEntryHeader { Inode = 1, Contents = contents });
        writer.WriteText("name"u8);
        if ((contents & DirectoryEntryContents.Attributes) != 0)
            writer.Write(new GoferAttributes { Inode = 1, Mode = (uint)type });
        if ((contents & DirectoryEntryContents.LinkTarget) != 0)
            writer.WriteText(target);
        return writer.LengthBytes;
    }
}
