using Sandbox.Linux;
using Sandbox.Platform.Stubs;

namespace Sandbox.Platform.Ptrace;

/// <summary>
/// The platform for hosts without seccomp user notification: every guest thread is traced (ptrace(2), PTRACE_SYSEMU),
/// and each of its calls comes here (decision 0039). Construct it before the Sentry's own filter is set.
/// </summary>
public sealed class PtracePlatform : IPlatform
{
    /// <summary>Throws <see cref="PlatformNotSupportedException"/> naming what the host lacks or forbids.</summary>
    public PtracePlatform(StubOptions options)
    {
        if (!HostKernel.IsAtLeast(5, 9))
            throw new PlatformNotSupportedException(
                "the kernel is older than Linux 5.9, which the ptrace platform needs");
        Stubs = new StubHost(options, new PtraceStubs(this));
        Looks = new DeathWatch(Stubs.Strays);
        try
        {
            Probe();
        }
        catch (PlatformNotSupportedException)
        {
            Stubs.Dispose();
            throw;
        }

        Stubs.Start();
    }

    public string Name => "ptrace";

    public string Description => "platform ptrace; no call is shortened, which needs the notify platform";

    public bool TracesGuests => true;

    /// <summary>None: the host executes nothing that the Sentry has not seen.</summary>
    public ReadOnlySpan<int> NativeCalls => [];

    internal StubHost Stubs { get; }

    /// <summary>Stubs that live, host threads that trace: for tests and statistics.</summary>
    internal (int Stubs, int Tracers) Counts => (Stubs.Count, Tracers.Count);

    internal DeathWatch Looks { get; }

    internal TracerPool Tracers { get; } = new();

    /// <summary>The length of an XSAVE image as ptrace(2) has it.</summary>
    internal int ExtendedImageBytes { get; private set; }

    /// <summary>Why the last stub could not be traced.</summary>
    internal Errno AttachError { get; set; }

    public Result<IGuestThread> CreateAddressSpace(HostCgroup? cgroup = null) => Stubs.Take(cgroup);

    public void Press(HostCgroup cgroup) => Stubs.Press(cgroup);

    public void Dispose() => Stubs.Dispose();

    /// <summary>Traces a first stub: nothing else tells whether the host lets us.</summary>
    private void Probe()
    {
        if (Stubs.Take(null).Failed(out IGuestThread? thread, out Errno error))
            throw new PlatformNotSupportedException($"ptrace is not permitted here: {Explain(AttachError, error)}");
        TracedThread traced = (TracedThread)thread;
        Result<int> bytes = Errno.ESRCH;
        traced.Serve(() => bytes = ExtendedState.Measure(traced.HostThreadId));
        traced.Space.Kill();
        if (bytes.Failed(out int length, out error))
            throw new PlatformNotSupportedException($"ptrace does not tell the processor's extended state: {error}");
        ExtendedImageBytes = length;
    }

    private string Explain(Errno attach, Errno error)
    {
        const int bytesMax = 16;
        if (attach == Errno.Ok)
            return $"a stub cannot be made ({error})";
        if (attach is Errno.ENOSYS)
            return "a seccomp filter answers ENOSYS";
        Span<byte> scope = stackalloc byte[bytesMax];
        const OpenFlags flags = OpenFlags.ReadOnly | OpenFlags.CloseOnExec;
        if (HostFile.OpenAt(HostFile.CurrentDirectory, "/proc/sys/kernel/yama/ptrace_scope"u8, flags)
            .Failed(out int fd, out _))
        {
            return $"{attach}, from a seccomp filter or a security module";
        }

        using HostFd file = new(fd);
        bool isRead = !HostFile.Read(fd, scope).Failed(out int count, out _) && count > 0;
        return isRead && scope[0] >= (byte)'2'
            ? $"{attach}, and kernel.yama.ptrace_scope is {(char)scope[0]} (1 or 0 would do)"
            : $"{attach}, from a seccomp filter or a security module";
    }
}
