using Sandbox.Sentry.Memory;
using Sandbox.Sentry.Security;
using Sandbox.Sentry.Sync;
using Sandbox.Sentry.Vfs;

namespace Sandbox.UnitTests.Filesystems;

/// <summary>A root caller without memory or a place in any tree, for file operations that need neither.</summary>
internal sealed class FakeCaller : ICaller
{
    public Credentials Credentials { get; init; } = new()
    {
        UserNamespace = UserNamespace.Root,
        Effective = CapabilitySet.Full,
        Permitted = CapabilitySet.Full,
    };

    public UserMemory Memory => default;

    public FsContext Fs => throw new NotSupportedException();

    public Sleeper Sleeper { get; } = new();
}

/// <summary>Collects the names of a listing, at most so many at a time.</summary>
internal sealed class NameSink(int limit = int.MaxValue) : IDirectorySink
{
    public List<string> Names { get; } = [];

    public int Room { get; set; } = limit;

    public bool Add(ReadOnlySpan<byte> name, ulong inode, Sandbox.Linux.FileType type, long nextOffset)
    {
        if (Room == 0)
            return false;
        Room--;
        Names.Add(System.Text.Encoding.UTF8.GetString(name));
        return true;
    }
}
