using Sandbox.Linux;

namespace Sandbox.Platform;

/// <summary>
/// A way of running guest code so that every system call lands in the Sentry (docs/architecture.md, 4).
/// </summary>
public interface IPlatform : IDisposable
{
    /// <summary>The name <c>--platform</c> knows it by.</summary>
    string Name { get; }

    /// <summary>For people: its name, whether it shortens calls, and why not.</summary>
    string Description { get; }

    /// <summary>Its guests are tracees of this process, whose filter must allow that.</summary>
    bool TracesGuests { get; }

    /// <summary>
    /// A fresh, empty guest address space with one guest thread, stopped with its full state
    /// (<see cref="IGuestThread.HasFullState"/>) so that the loader can map an image into it.
    /// It runs nothing until <see cref="IGuestThread.Start"/>. The host charges it to <paramref name="cgroup"/> if
    /// there is one. Errors: EAGAIN, ENOMEM.
    /// </summary>
    Result<IGuestThread> CreateAddressSpace(HostCgroup? cgroup = null);

    /// <summary>
    /// The calls that guests make without the Sentry, until <see cref="IGuestThread.TrapCalls"/> says otherwise.
    /// </summary>
    ReadOnlySpan<int> NativeCalls { get; }

    /// <summary>
    /// Asks the host for a little memory in a cgroup and gives it back: where the limit has been reached,
    /// its OOM killer acts.
    /// </summary>
    void Press(HostCgroup cgroup);
}
