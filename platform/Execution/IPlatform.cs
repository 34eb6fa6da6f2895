using Sandbox.Linux;

namespace Sandbox.Platform;

/// <summary>A way of running guest code so that every system call lands in the Sentry (architecture §4).</summary>
public interface IPlatform : IDisposable
{
    /// <summary>The name <c>--platform</c> knows it by.</summary>
    string Name { get; }

    /// <summary>
    /// A fresh, empty guest address space with one guest thread, stopped with its full state
    /// (<see cref="IGuestThread.HasFullState"/>) so that the loader can map an image into it.
    /// It runs nothing until <see cref="IGuestThread.Start"/>. The host charges it to <paramref name="cgroup"/> if there is one.
    /// Errors: EAGAIN, ENOMEM.
    /// </summary>
    Result<IGuestThread> CreateAddressSpace(HostCgroup? cgroup = null);

    /// <summary>The calls that guests make without the Sentry, until <see cref="IGuestThread.TrapCalls"/> says otherwise.</summary>
    ReadOnlySpan<int> NativeCalls { get; }

    /// <summary>
    /// Asks the host for a little memory in a cgroup and gives it back: where the limit has been reached, its OOM killer acts.
    /// </summary>
    void Press(HostCgroup cgroup);
}

/// <summary>
/// One guest address space: a host process ("stub") whose anonymous memory, page faults and copy-on-write are the
/// host's. Copies are safe from any thread and check nothing but what the host's page tables say.
/// </summary>
public interface IAddressSpace
{
    /// <summary>The stub's pid in the Sentry's pid namespace; never shown to a guest.</summary>
    int HostProcessId { get; }

    /// <summary>First byte of the window that holds the stub; no guest mapping may overlap it.</summary>
    ulong ReservedStart { get; }

    /// <summary>One past the last byte of the stub's window.</summary>
    ulong ReservedEnd { get; }

    /// <summary>
    /// One past the last byte of the host's own stack mapping ("[stack]", it grows by itself down to RLIMIT_STACK or
    /// 8 MiB). The loader builds the initial stack of a new image right below it.
    /// </summary>
    ulong StackTop { get; }

    /// <summary>
    /// A page in the stub's window, readable and writable, that the kernel may use for structures which commands point to
    /// (prctl(PR_SET_MM_MAP)). Guest code can write it too.
    /// </summary>
    ulong ScratchAddress { get; }

    /// <summary>Address of the vDSO image (AT_SYSINFO_EHDR), or 0.</summary>
    ulong VdsoAddress { get; }

    /// <summary>
    /// Copies guest memory in. Gives the number of bytes copied, which is short when the range ends in unmapped or
    /// unreadable memory; EFAULT if none could be copied (process_vm_readv(2)).
    /// </summary>
    Result<int> Read(UserAddress source, Span<byte> destination);

    /// <summary>Copies to guest memory; short and EFAULT as for <see cref="Read"/>.</summary>
    Result<int> Write(UserAddress destination, ReadOnlySpan<byte> source);

    /// <summary>
    /// Compares and exchanges a 32-bit word of guest memory atomically with respect to other Sentry threads and, as far
    /// as the platform can, to guest threads. Gives the value found. EFAULT, EAGAIN (try again).
    /// </summary>
    Result<uint> CompareExchange(UserAddress address, uint expected, uint value);

    /// <summary>
    /// The mapping that contains an address, as the host has it (the identity a shared futex needs, and /proc/PID/maps).
    /// EFAULT if nothing is mapped there.
    /// </summary>
    Result<HostMapping> FindMapping(UserAddress address);

    /// <summary>All mappings in address order without the stub's own, appended to <paramref name="mappings"/>.</summary>
    Errno ListMappings(List<HostMapping> mappings);

    /// <summary>The bytes of a file below the host's <c>/proc/STUB/</c>, such as "smaps" or "statm".</summary>
    Result<byte[]> ReadProcFile(ReadOnlySpan<byte> name);

    /// <summary>prlimit(2) on the stub, for limits that the host enforces (AS, DATA, STACK, MEMLOCK). Never raises a hard limit.</summary>
    Errno SetLimit(int resource, ulong soft, ulong hard);

    /// <summary>Kills the stub and everything that runs in it, at once. Its threads report <see cref="IGuestEvents.OnExit"/>.</summary>
    void Kill();
}

/// <summary>One mapping of a guest address space as the host reports it (proc_pid_maps(5)).</summary>
/// <param name="Start">First byte.</param>
/// <param name="End">One past the last byte.</param>
/// <param name="Protection">Current protection.</param>
/// <param name="IsShared">MAP_SHARED.</param>
/// <param name="Offset">Offset in the file, bytes.</param>
/// <param name="Device">Device of the mapped file (as st_dev), 0 for anonymous memory.</param>
/// <param name="Inode">Inode of the mapped file, 0 for anonymous memory.</param>
/// <param name="HostName">The host's own name for it, for "[stack]", "[heap]", "[vdso]"; never shown otherwise.</param>
public readonly record struct HostMapping(
    ulong Start, ulong End, MemoryProtection Protection, bool IsShared, ulong Offset, ulong Device, ulong Inode, string HostName);

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
    /// True if no guest code runs in it: a handler has it, it was not started, or it is gone. After <see cref="Interrupt"/> it
    /// runs none either before OnInterrupt.
    /// </summary>
    bool IsStandingStill { get; }

    /// <summary>The kernel's side of this thread. Set before <see cref="Start"/>, and for a child before it first runs.</summary>
    IGuestEvents? Events { get; set; }

    /// <summary>The system call being handled: always at hand in <see cref="IGuestEvents.OnSyscall"/>.</summary>
    ref readonly SyscallArguments Syscall { get; }

    /// <summary>
    /// True when registers, extended state and commands are available: for the calls the platform traps with their full
    /// state (fork family, exec family, rt_sigreturn, sigaltstack-free calls listed by the platform), in OnInterrupt, OnFault,
    /// and before <see cref="Start"/>. Otherwise answer <see cref="GuestAction.ReturnThenInterrupt"/> and use OnInterrupt.
    /// </summary>
    bool HasFullState { get; }

    /// <summary>The general registers; read lazily, written back when the thread resumes. Only with <see cref="HasFullState"/>.</summary>
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
    /// Executes memory calls (mmap, munmap, mprotect, mremap, madvise, prctl(PR_SET_MM), arch_prctl, …) in this thread's
    /// address space, in order, and fills in <see cref="HostCommand.Result"/>; stops at the first that fails if
    /// <paramref name="stopAtError"/>. Only with <see cref="HasFullState"/>. ESRCH if the thread is gone.
    /// </summary>
    Errno Execute(Span<HostCommand> commands, bool stopAtError);

    /// <summary>
    /// From now on these calls come to <see cref="IGuestEvents.OnSyscall"/> even where the host would run them natively, on
    /// this thread and all that it makes by Fork and CreateThread. What answers calls inside the guest (a fast path) must
    /// leave these numbers to the Sentry. Only with <see cref="HasFullState"/>. ENOMEM, ESRCH.
    /// </summary>
    /// <param name="numbers">Some of <see cref="IPlatform.NativeCalls"/>; empty does nothing.</param>
    /// <param name="onAllThreads">On every thread of the address space.</param>
    Errno TrapCalls(ReadOnlySpan<int> numbers, bool onAllThreads);

    /// <summary>
    /// Forks the address space copy-on-write; the child thread is an exact copy, stopped with full state, its Events null.
    /// Only with <see cref="HasFullState"/>. EAGAIN, ENOMEM.
    /// </summary>
    Result<IGuestThread> Fork();

    /// <summary>
    /// A further thread in this address space with a copy of this thread's registers and extended state, stopped with
    /// full state, Events null. fs base becomes <paramref name="threadPointer"/> if given. Only with <see cref="HasFullState"/>.
    /// </summary>
    Result<IGuestThread> CreateThread(ulong? threadPointer);

    /// <summary>
    /// Lets a thread that was made by CreateAddressSpace, Fork or CreateThread run for the first time, with its registers.
    /// </summary>
    void Start();

    /// <summary>
    /// Brings the thread to <see cref="IGuestEvents.OnInterrupt"/> soon, if it is running guest code; while a handler of it
    /// runs this is remembered and happens when the handler's answer resumes it. Any thread may call it.
    /// </summary>
    void Interrupt();

    /// <summary>
    /// True if the call being handled may be answered with <see cref="GuestAction.Defer"/> or <see cref="GuestAction.Redo"/>,
    /// and had better be where its handler would sleep.
    /// </summary>
    bool MayDefer { get; }

    /// <summary>A call that was or is about to be deferred can go on: OnSyscall comes again. Once for each; any thread.</summary>
    void Continue();

    /// <summary>
    /// What <see cref="IGuestEvents.Ids"/> said holds no longer, or may not be told any more. When this returns, the thread asks
    /// for its ids by system calls again, and all of its file leases are over. Any thread.
    /// </summary>
    void ForgetIds();

    /// <summary>It may have room for bytes of files. A hint, for its own calls.</summary>
    bool MayReadFiles { get; }

    /// <summary>
    /// Room for bytes of the regular file that is open as <paramref name="descriptor"/>, which the thread may read by itself: the one
    /// it has for that descriptor, if it has one. Null if it makes all its calls. Only within a call of the thread.
    /// </summary>
    IFileLease? OfferFile(int descriptor);

    /// <summary>The handler is about to sleep for who knows how long, on the calling thread.</summary>
    void BeforeSleep();

    /// <summary>
    /// Ends a thread that stands still (in a handler, or before Start) or runs, without ending its address space unless it
    /// is the last. Any thread may call it; OnExit follows.
    /// </summary>
    void Kill();
}

/// <summary>One system call for the stub to execute in the guest's address space.</summary>
public struct HostCommand
{
    public int Number;
    public long A0;
    public long A1;
    public long A2;
    public long A3;
    public long A4;
    public long A5;

    /// <summary>
    /// For mmap of a file: the Sentry's descriptor, lent to the stub for exactly this call, as the A4 the platform chooses; else -1.
    /// </summary>
    public int HostFd;

    /// <summary>What the call answered: a value or a negative errno. ECANCELED's negative if an earlier one failed.</summary>
    public long Result;

    public HostCommand(int number, long a0 = 0, long a1 = 0, long a2 = 0, long a3 = 0, long a4 = 0, long a5 = 0, int hostFd = -1)
    {
        (Number, A0, A1, A2, A3, A4, A5, HostFd, Result) = (number, a0, a1, a2, a3, a4, a5, hostFd, 0);
    }
}

/// <summary>
/// What the platform tells the kernel about one thread. Each call comes on a host thread that the handler owns until it
/// answers, and it may block in it (through <c>Task.Park</c>).
/// </summary>
public interface IGuestEvents
{
    /// <summary>The guest made a system call (<see cref="IGuestThread.Syscall"/>).</summary>
    GuestAction OnSyscall(IGuestThread thread);

    /// <summary>
    /// What the thread's calls for its ids answer, until <see cref="IGuestThread.ForgetIds"/>; null if each of them has to come
    /// here. Asked for within a call of the thread.
    /// </summary>
    GuestIds? Ids => null;

    /// <summary>
    /// The thread's last call, a read(2) or readv(2) of a descriptor which has answered, did not bring the guest so many of its bytes,
    /// for it has no memory there.
    /// </summary>
    void OnUnread(IGuestThread thread, int descriptor, long bytes);

    /// <summary>The guest's code faulted. <paramref name="info"/> is the host's siginfo (signal, code, address, trap number).</summary>
    GuestAction OnFault(IGuestThread thread, in FaultInfo info);

    /// <summary>The thread was brought in by <see cref="IGuestThread.Interrupt"/> or ReturnThenInterrupt; full state is at hand.</summary>
    GuestAction OnInterrupt(IGuestThread thread);

    /// <summary>
    /// The host thread is gone: it was killed, or its stub died (OOM killer, host SIGKILL). Comes once, from any thread, and
    /// never while a handler of the same thread runs. <paramref name="hostSignal"/> is the signal that ended it, or 0.
    /// </summary>
    void OnExit(IGuestThread thread, int hostSignal);
}

/// <summary>The answers of getpid(2), gettid(2), getuid(2), geteuid(2), getgid(2) and getegid(2).</summary>
public readonly record struct GuestIds(
    int Process, int Thread, uint User, uint EffectiveUser, uint Group, uint EffectiveGroup);

/// <summary>A synchronous fault of guest code (sigaction(2), siginfo_t).</summary>
public readonly record struct FaultInfo(int Signal, int Code, ulong Address, ulong TrapNumber, ulong ErrorCode);

/// <summary>How a guest thread goes on.</summary>
public enum GuestActionKind
{
    /// <summary>The call answers <see cref="GuestAction.Value"/>.</summary>
    Return,

    /// <summary>The call answers Value, and the thread comes straight back to OnInterrupt before it runs any guest code.</summary>
    ReturnThenInterrupt,

    /// <summary>
    /// The host executes the guest's own call with its own registers, which the handler verified. For an mmap of a file
    /// <see cref="GuestAction.HostFd"/> is lent at the descriptor number the guest passed. Never for a call that takes a pointer.
    /// </summary>
    ExecuteOnHost,

    /// <summary>As ExecuteOnHost, then OnInterrupt.</summary>
    ExecuteThenInterrupt,

    /// <summary>Resume with <see cref="IGuestThread.Registers"/> as they stand (only with full state).</summary>
    Resume,

    /// <summary>The thread ends; OnExit follows.</summary>
    Exit,

    /// <summary>The call waits, without a host thread, for <see cref="IGuestThread.Continue"/>. Only where MayDefer says so.</summary>
    Defer,

    /// <summary>The call has done nothing and is to come again in a way in which its handler may sleep. Only with MayDefer.</summary>
    Redo,
}

/// <summary>A handler's answer.</summary>
public readonly record struct GuestAction(GuestActionKind Kind, long Value = 0, int HostFd = -1)
{
    public static GuestAction Resume => new(GuestActionKind.Resume);
    public static GuestAction Exit => new(GuestActionKind.Exit);

    public static GuestAction Defer => new(GuestActionKind.Defer);
    public static GuestAction Redo => new(GuestActionKind.Redo);

    public static GuestAction Return(long value) => new(GuestActionKind.Return, value);
    public static GuestAction ReturnThenInterrupt(long value) => new(GuestActionKind.ReturnThenInterrupt, value);
    public static GuestAction ExecuteOnHost(int hostFd = -1) => new(GuestActionKind.ExecuteOnHost, 0, hostFd);
}

/// <summary>The number and arguments of a system call, and where it was made.</summary>
public struct SyscallArguments
{
    public int Number;
    public ulong A0;
    public ulong A1;
    public ulong A2;
    public ulong A3;
    public ulong A4;
    public ulong A5;
    public ulong InstructionPointer;
}
