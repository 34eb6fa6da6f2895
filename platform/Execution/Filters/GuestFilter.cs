using Sandbox.Linux;
using Sandbox.Platform.Stubs;

namespace Sandbox.Platform.Filters;

/// <summary>
/// The filter every guest thread runs under. This file is the complete list of host calls that guest code may make
/// without the Sentry: each line has the argument why it is safe. The arguments are registers, so nothing can change
/// between check and use. What is not here is a notification, or a trap where the handler always needs all registers.
/// </summary>
internal static class GuestFilter
{
    private const uint MapPrivate = 2, MapFixed = 0x10, MapAnonymous = 0x20, MapFixedNoReplace = 0x100000;

    /// <summary>Codes of arch_prctl; ARCH_SET_FS lies between the first two.</summary>
    private const uint SetGs = 0x1001, GetFs = 0x1003, GetGs = 0x1004;

    /// <summary>
    /// MAP_32BIT, DENYWRITE, EXECUTABLE, NORESERVE, POPULATE, NONBLOCK, STACK: they change no more than where and when.
    /// </summary>
    private const uint HarmlessMapFlags = 0x40 | 0x800 | 0x1000 | 0x4000 | 0x8000 | 0x10000 | 0x20000;

    /// <summary>
    /// Calls whose handler always needs the registers or runs commands: full state at once instead of a kick later.
    /// </summary>
    public static ReadOnlySpan<int> TrappedCalls =>
    [
        Sys.clone, Sys.clone3, Sys.fork, Sys.vfork, Sys.execve, Sys.execveat, Sys.rt_sigreturn, Sys.sigaltstack,
        Sys.shmat, Sys.shmdt, Sys.seccomp,
    ];

    public static BpfInstruction[] Build(bool directMemory)
    {
        SeccompFilterBuilder filter = new(SeccompAction.Notify, SeccompAction.Trap);
        AddStub(filter);
        AddTraps(filter);
        AddCommands(filter, NativeCalls(directMemory));
        if (directMemory)
            AddMemory(filter);
        AddProcessorState(filter);
        return filter.Build();
    }

    /// <summary>The calls that some line here lets run natively, so that the Sentry does not see them.</summary>
    public static int[] NativeCalls(bool directMemory)
    {
        ReadOnlySpan<int> processor = [Sys.arch_prctl, Sys.rseq, Sys.membarrier, Sys.sched_yield];
        ReadOnlySpan<int> memory = [Sys.mmap, Sys.munmap, Sys.mprotect, Sys.madvise, Sys.mremap, Sys.brk];
        return directMemory ? [.. processor, .. memory] : [.. processor];
    }

    /// <summary>
    /// A filter to put on top of the other one: these native calls trap, so that the Sentry sees them (a guest's own
    /// seccomp filter may deny them). It cannot notify: the answer of the newest filter counts, and only the first has
    /// a listener. A filter can only take away, so it does not matter that the guest
    /// could change it before the host reads it.
    /// </summary>
    public static BpfInstruction[] BuildTraps(ReadOnlySpan<int> numbers)
    {
        const uint number = 0, pointerLow = 8, pointerHigh = 12, argumentLow = 16;
        BpfProgram program = new();
        BpfLabel guest = program.NewLabel(), trap = program.NewLabel(), command = program.NewLabel();
        program.Load(pointerHigh);
        program.IfNotEqual((uint)(StubLayout.CodeStart >> 32), guest);
        program.Load(pointerLow);
        // The filter below notifies what comes from there.
        program.IfEqual(unchecked((uint)StubCode.CommandAddress), command);
        program.IfNotEqual(unchecked((uint)StubCode.BasesAddress), guest);
        program.Load(number);
        program.IfNotEqual(Sys.arch_prctl, guest);
        program.Load(argumentLow);
        program.IfEqual(GetFs, command); // The stub asks for the segment bases, where no instruction tells them.
        program.IfNotEqual(GetGs, guest);
        program.Mark(command);
        program.Return(SeccompAction.Allow.Value);
        program.Mark(guest);
        program.Load(number);
        foreach (int call in numbers)
            program.IfEqual((uint)call, trap);
        program.Return(SeccompAction.Allow.Value);
        program.Mark(trap);
        program.Return(SeccompAction.Trap.Value);
        return program.Assemble();
    }

    /// <summary>
    /// Native calls from the stub's command loop are notified and compared like every command: otherwise guest code
    /// that jumps there would get around <see cref="BuildTraps"/>.
    /// </summary>
    private static void AddCommands(SeccompFilterBuilder filter, ReadOnlySpan<int> numbers)
    {
        foreach (int number in numbers)
        {
            filter.Rule(
                number, SeccompAction.Notify,
                SeccompTest.Equal(SeccompTest.InstructionPointer, StubCode.CommandAddress));
        }
    }

    private static void AddStub(SeccompFilterBuilder filter)
    {
        // Restores registers the guest could set itself, and the signal mask: a guest that blocks the kick signal by a
        // forged frame makes itself deaf, not free (it can still be killed, and every call is still filtered).
        filter.Allow(Sys.rt_sigreturn, SeccompTest.Equal(SeccompTest.InstructionPointer, StubCode.RestorerAddress));

        // PR_SET_PDEATHSIG, SIGKILL: what every fork's child does first, so that no stub outlives the Sentry.
        filter.Allow(
            Sys.prctl, SeccompTest.Equal(SeccompTest.InstructionPointer, StubCode.ForkedAddress),
            SeccompTest.Equal(0, 1),
            SeccompTest.Equal(1, (ulong)Signal.Kill));
    }

    private static void AddTraps(SeccompFilterBuilder filter)
    {
        // From the stub's command loop it is a command to verify (or a guest that jumped there, and is refused).
        AddCommands(filter, [Sys.clone, Sys.seccomp]);
        const uint setSeccomp = 22, setWriteExecuteDenial = 65;
        filter.Rule(Sys.prctl, SeccompAction.Trap, SeccompTest.Int(0, setSeccomp));
        filter.Rule(Sys.prctl, SeccompAction.Trap, SeccompTest.Int(0, setWriteExecuteDenial));
        foreach (int number in TrappedCalls)
            filter.Rule(number, SeccompAction.Trap);
    }

    /// <summary>
    /// Memory of the caller's own address space. What keeps the stub's window safe: a fixed range must not start in it
    /// or in the 4 GiB below it, and must be shorter than 4 GiB. Everything else is notified, checked and continued.
    /// </summary>
    private static void AddMemory(SeccompFilterBuilder filter)
    {
        const ulong privateAnonymous = MapPrivate | MapAnonymous;

        // New private anonymous memory where the kernel finds room: touches no existing mapping.
        filter.Allow(Sys.mmap, SeccompTest.Masked(3, ~(ulong)HarmlessMapFlags, privateAnonymous), OutsideWindow(0));

        // The same at a fixed address outside the window: replaces the caller's own mappings only.
        filter.Allow(
            Sys.mmap, SeccompTest.Masked(
                3, ~(ulong)(HarmlessMapFlags | MapFixed | MapFixedNoReplace), privateAnonymous),
            OutsideWindow(0), Short(1));

        // Removes, protects or advises about the caller's own mappings. mprotect cannot give more than the descriptor a
        // file was mapped from allowed, and the Sentry lends none with more than the guest's own open file.
        filter.Allow(Sys.munmap, OutsideWindow(0), Short(1));
        filter.Allow(Sys.mprotect, OutsideWindow(0), Short(1));

        // Not: REMOVE (writes to a file), MERGEABLE (a side channel), HWPOISON, SOFT_OFFLINE.
        ReadOnlySpan<uint> advices = [0, 1, 2, 3, 4, 8, 10, 11, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 25, 102, 103];
        foreach (uint advice in advices)
            filter.Allow(Sys.madvise, SeccompTest.Int(2, advice), OutsideWindow(0), Short(1));

        // Moves or resizes the caller's own mapping; MREMAP_FIXED (2) checks the destination as well.
        filter.Allow(Sys.mremap, SeccompTest.Masked(3, 2, 0), OutsideWindow(0), Short(1), Short(2));
        filter.Allow(Sys.mremap, OutsideWindow(0), Short(1), Short(2), OutsideWindow(4));

        // Grows only into free room, shrinks only what it grew.
        filter.Allow(Sys.brk);
    }

    private static void AddProcessorState(SeccompFilterBuilder filter)
    {
        // ARCH_SET_GS, SET_FS, GET_FS, GET_GS: the caller's segment bases; GET writes with the caller's own rights.
        for (uint code = SetGs; code <= GetGs; code++)
            filter.Allow(Sys.arch_prctl, SeccompTest.Int(0, code));

        // Registers an area in the caller's memory which the host writes with the caller's own rights.
        filter.Allow(Sys.rseq);

        // Orders memory accesses between threads of the caller; says nothing about others.
        filter.Allow(Sys.membarrier);

        // Gives up the processor.
        filter.Allow(Sys.sched_yield);
    }

    private static SeccompTest OutsideWindow(int argument) =>
        SeccompTest.HighWordOutside(argument, StubLayout.GuardHigh, StubLayout.WindowHigh);

    /// <summary>Below 4 GiB.</summary>
    private static SeccompTest Short(int argument) => SeccompTest.AtMost(argument, uint.MaxValue);
}
