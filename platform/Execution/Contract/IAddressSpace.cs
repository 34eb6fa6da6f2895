using Sandbox.Linux;

namespace Sandbox.Platform;

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
    /// A page in the stub's window, readable and writable, that the kernel may use for structures which commands point
    /// to (prctl(PR_SET_MM_MAP)). Guest code can write it too.
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
    /// Makes the space ready for <see cref="Exchange"/>, until <see cref="EndExchange"/> on the same thread: for
    /// callers that need locks around the exchange, which must be taken after this, for it may wait for the guest.
    /// EAGAIN: a thread of it does not come to a stand, and the space is being killed; then there is nothing to end.
    /// </summary>
    Errno BeginExchange();

    /// <summary>As <see cref="CompareExchange"/>, within <see cref="BeginExchange"/>. Waits for nobody.</summary>
    Result<uint> Exchange(UserAddress address, uint expected, uint value);

    void EndExchange();

    /// <summary>
    /// The mapping that contains an address, as the host has it (the identity a shared futex needs, and
    /// /proc/PID/maps). EFAULT if nothing is mapped there.
    /// </summary>
    Result<HostMapping> FindMapping(UserAddress address);

    /// <summary>
    /// All mappings in address order without the stub's own, appended to <paramref name="mappings"/>.
    /// </summary>
    Errno ListMappings(List<HostMapping> mappings);

    /// <summary>The bytes of a file below the host's <c>/proc/STUB/</c>, such as "smaps" or "statm".</summary>
    Result<byte[]> ReadProcFile(ReadOnlySpan<byte> name);

    /// <summary>
    /// A piece of such a file, as pread(2) gives it: short at its end. For "pagemap", which is not read as a whole.
    /// </summary>
    Result<int> ReadProcFileAt(ReadOnlySpan<byte> name, long offset, Span<byte> destination);

    /// <summary>
    /// prlimit(2) on the stub, for limits that the host enforces (AS, DATA, STACK, MEMLOCK). Never raises a hard limit.
    /// </summary>
    Errno SetLimit(int resource, ulong soft, ulong hard);

    /// <summary>
    /// What the host process had used, once it has ended: then its files in /proc are gone. Nothing before.
    /// </summary>
    ResourceUsage Usage { get; }

    /// <summary>
    /// Kills the stub and everything that runs in it, at once, whatever the guest does. Its threads report
    /// <see cref="IGuestEvents.OnExit"/>.
    /// </summary>
    void Kill();
}
