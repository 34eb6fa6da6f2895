using Sandbox.Linux;
using Sandbox.Platform.Stubs;

namespace Sandbox.Platform.Filters;

/// <summary>
/// The filter under guests of the ptrace platform, where the host lets us have one. Their calls do not get here, for
/// they are stopped before; this is for the day on which one would: from the stub's own instruction only what the
/// tracer injects, and nothing at all from anywhere else.
/// SECCOMP_RET_TRACE without anybody who has asked for it is ENOSYS.
/// </summary>
internal static class TracedFilter
{
    /// <summary>What the platform and the kernel above it have a stub execute.</summary>
    private static ReadOnlySpan<int> Injected =>
    [
        Sys.mmap, Sys.munmap, Sys.mprotect, Sys.madvise, Sys.mremap, Sys.brk, Sys.msync, Sys.mlock, Sys.mlock2,
        Sys.munlock,
        Sys.mlockall, Sys.munlockall, Sys.mincore, Sys.mbind, Sys.set_mempolicy, Sys.remap_file_pages,
        Sys.pkey_mprotect,
        Sys.arch_prctl, Sys.prctl, Sys.membarrier, Sys.sched_yield, Sys.getrandom,
        Sys.clone, Sys.exit, Sys.close, Sys.close_range, Sys.socketpair, Sys.recvmsg,
    ];

    public static BpfInstruction[] Build()
    {
        SeccompFilterBuilder filter = new(SeccompAction.Trace, SeccompAction.Trace);
        foreach (int number in Injected)
            filter.Allow(number, SeccompTest.Equal(SeccompTest.InstructionPointer, StubCode.InjectAddress));

        // What a thread does between its birth and its tracer.
        filter.Allow(
            Sys.prctl, SeccompTest.Equal(SeccompTest.InstructionPointer, StubCode.BornAddress), SeccompTest.Equal(0, 1),
            SeccompTest.Equal(1, (ulong)Signal.Kill));
        filter.Allow(Sys.pause, SeccompTest.Equal(SeccompTest.InstructionPointer, StubCode.PauseAddress));
        return filter.Build();
    }
}
