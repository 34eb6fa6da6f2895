using Sandbox.Linux;

namespace Sandbox.Platform;

/// <summary>
/// One guest thread. Owned by the kernel's task for its whole life; between a call into <see cref="IGuestEvents"/> and
/// the action it answers, the guest thread stands still and the handler has it to itself.
/// </summary>
public interface IGuestThread
{
    /// <summary>The host thread id in the Sentry's pid namespace.</summary>
    int HostThreadId { get; }

    IAddressSpace AddressSpace { get; }

    /// <summary>
    /// True if no guest code runs in it: a handler has it, it was not started, or it is gone. After
    /// <see cref="Interrupt"/> it runs none either before OnInterrupt.
    /// </summary>
    bool IsStandingStill { get; }

    /// <summary>
    /// The kernel's side of this thread. Set before <see cref="Start"/>, and for a child before it first runs.
    /// </summary>
    IGuestEvents? Events { get; set; }

    /// <summary>The system call being handled: always at hand in <see cref="IGuestEvents.OnSyscall"/>.</summary>
    ref readonly SyscallArguments Syscall { get; }

    /// <summary>
    /// True when registers, extended state and commands are available: for the calls the platform traps with their full
    /// state (fork family, exec family, rt_sigreturn, sigaltstack-free calls listed by the platform), in OnInterrupt,
    /// OnFault, and before <see cref="Start"/>. Otherwise answer
    /// <see cref="GuestAction.ReturnThenInterrupt"/> and use OnInterrupt.
    /// </summary>
    bool HasFullState { get; }

    /// <summary>
    /// The general registers; read lazily, written back when the thread resumes. Only with <see cref="HasFullState"/>.
    /// </summary>
    ref UserRegisters Registers { get; }

    /// <summary>
    /// The extended (x87, SSE, AVX…) state in the XSAVE layout a signal frame has, with the FP_XSTATE_MAGIC words of
    /// arch/x86/include/uapi/asm/sigcontext.h. Gives its size. Only with <see cref="HasFullState"/>.
    /// </summary>
    Result<int> ReadExtendedState(Span<byte> destination);

    /// <summary>
    /// Replaces the extended state. The bytes come from a guest's signal frame and are hostile; the host validates them
    /// when the thread resumes. An empty span resets to the initial state. EINVAL if the size does not fit.
    /// </summary>
    Errno WriteExtendedState(ReadOnlySpan<byte> source);

    /// <summary>Bytes of extended state (what a signal frame must make room for).</summary>
    int ExtendedStateBytes { get; }

    /// <summary>
    /// Executes memory calls (mmap, munmap, mprotect, mremap, madvise, prctl(PR_SET_MM), arch_prctl, …) in this
    /// thread's address space, in order, and fills in <see cref="HostCommand.Result"/>;
    /// stops at the first that fails if
    /// <paramref name="stopAtError"/>. Only with <see cref="HasFullState"/>. ESRCH if the thread is gone.
    /// </summary>
    Errno Execute(Span<HostCommand> commands, bool stopAtError);

    /// <summary>
    /// From now on these calls come to <see cref="IGuestEvents.OnSyscall"/> even where the host would run them
    /// natively, on this thread and all that it makes by Fork and CreateThread. Only with <see cref="HasFullState"/>.
    /// ENOMEM, ESRCH.
    /// </summary>
    /// <param name="numbers">Some of <see cref="IPlatform.NativeCalls"/>; empty does nothing.</param>
    /// <param name="onAllThreads">On every thread of the address space.</param>
    Errno TrapCalls(ReadOnlySpan<int> numbers, bool onAllThreads);

    /// <summary>
    /// Forks the address space copy-on-write; the child thread is an exact copy, stopped with full state, its Events
    /// null. Only with <see cref="HasFullState"/>. EAGAIN, ENOMEM.
    /// </summary>
    Result<IGuestThread> Fork();

    /// <summary>
    /// A further thread in this address space with a copy of this thread's registers and extended state, stopped with
    /// full state, Events null. fs base becomes <paramref name="threadPointer"/> if given.
    /// Only with <see cref="HasFullState"/>.
    /// </summary>
    Result<IGuestThread> CreateThread(ulong? threadPointer);

    /// <summary>
    /// Lets a thread that was made by CreateAddressSpace, Fork or CreateThread run for the first time,
    /// with its registers.
    /// </summary>
    void Start();

    /// <summary>
    /// Brings the thread to <see cref="IGuestEvents.OnInterrupt"/> soon, if it is running guest code; while a handler
    /// of it runs this is remembered and happens when the handler's answer resumes it. Any thread may call it.
    /// </summary>
    void Interrupt();

    /// <summary>
    /// Ends a thread that stands still (in a handler, or before Start) or runs, without ending its address space unless
    /// it is the last. Any thread may call it; OnExit follows.
    /// </summary>
    void Kill();
}
