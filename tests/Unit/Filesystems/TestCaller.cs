using Sandbox.Sentry.Memory;
using Sandbox.Sentry.Security;
using Sandbox.Sentry.Sync;
using Sandbox.Sentry.Vfs;

namespace Sandbox.UnitTests.Filesystems;

/// <summary>Root without an address space or a mount tree: enough for files that need neither.</summary>
internal sealed class TestCaller : ICaller
{
    public Credentials Credentials { get; init; } =
        new() { UserNamespace = UserNamespace.Root, Effective = CapabilitySet.Full, Permitted = CapabilitySet.Full };

    public UserMemory Memory => default;

    public FsContext Fs => throw new NotSupportedException();

    public Sleeper Sleeper { get; } = new();
}
