using Sandbox.Linux;

namespace Sandbox.Platform.Stubs;

/// <summary>
/// Asked before the host copies from or to guest memory on behalf of a handler: the bytes may be at hand already, or
/// may be left somewhere for the guest to copy.
/// </summary>
internal interface IMemoryHook
{
    /// <summary>True if all of the range was at hand.</summary>
    bool TryRead(AddressSpace space, UserAddress source, Span<byte> destination);

    /// <summary>True if the bytes are where the guest takes them from before it goes on.</summary>
    bool TryWrite(AddressSpace space, UserAddress destination, ReadOnlySpan<byte> source);

    /// <summary>Memory is to be as it should be, now.</summary>
    void Flush();
}
