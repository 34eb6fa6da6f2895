using Sandbox.Linux;

namespace Sandbox.Platform.Shortcuts.Page;

/// <summary>
/// The page that a guest thread and the Sentry share, in a memfd of its own: words that say what is asked and answered,
/// and data, whose memory exists once it is touched. The guest writes what it likes: each word is read once and checked
/// after that. It stays mapped here as long as anybody can reach this object.
/// </summary>
internal sealed unsafe class FastPage
{
    private readonly byte* _start;

    private FastPage(byte* start, ulong guestAddress)
    {
        _start = start;
        GuestAddress = guestAddress;
    }

    ~FastPage() => HostSyscall.Call(Sys.munmap, (long)_start, FastLayout.AreaBytes);

    /// <summary>Where its thread has it.</summary>
    public ulong GuestAddress { get; }

    /// <summary>True if the guest has posted a request, or says so.</summary>
    public bool HasRequest
    {
        get
        {
            bool has = Volatile.Read(ref *(int*)(_start + FastLayout.PageState)) == FastLayout.StateRequest;
            GC.KeepAlive(this);
            return has;
        }
    }

    /// <summary>The real system call in the entry the request came by: whatever the guest claims.</summary>
    public ulong Entry => ReadWord(FastLayout.PageEntry);

    /// <summary>The number of the request: whatever the guest claims.</summary>
    public ulong Number => ReadWord(FastLayout.PageNumber);

    /// <summary>The answer that stands in the page, which only an honest guest left there.</summary>
    public (long Value, bool IsRedo) Answer =>
        ((long)ReadWord(FastLayout.PageResult), ReadWord(FastLayout.PageRedo) != 0);

    /// <summary>Address and length of the input, and where the output begins: whatever the guest claims.</summary>
    public (ulong Address, ulong Length) Input =>
        (ReadWord(FastLayout.PageInputAddress), ReadWord(FastLayout.PageInputLength));

    public ulong Output => ReadWord(FastLayout.PageOutput);

    /// <summary>Some of its bytes, as they are at the moment. The caller keeps this object alive.</summary>
    public Span<byte> Bytes(int offset, int length) =>
        new Span<byte>(_start, FastLayout.AreaBytes).Slice(offset, length);

    /// <summary>
    /// Lets a lease begin, or ends it (-1), and gives the position that stood there: whatever the guest claims,
    /// but not below -1.
    /// </summary>
    public long ExchangePosition(int lease, long position)
    {
        long* word = (long*)(_start + LeaseOffset(lease) + FastLayout.LeasePosition);
        long next = Interlocked.Exchange(ref *word, position + 1);
        GC.KeepAlive(this);
        return Math.Max(next, 0) - 1;
    }

    /// <summary>The bytes of a lease.</summary>
    public Span<byte> Lease(int lease) => Bytes(LeaseOffset(lease), 1 << FastLayout.LeaseShift);

    private static int LeaseOffset(int lease) => FastLayout.LeasesOffset + (lease << FastLayout.LeaseShift);

    /// <summary>An argument of the request: whatever the guest claims.</summary>
    public ulong Argument(int index) => ReadWord(FastLayout.PageArguments + (index * sizeof(ulong)));

    /// <summary>
    /// A zeroed page, to be mapped at an address, and the descriptor of its memfd, which the caller closes. EMFILE,
    /// ENFILE, ENOMEM.
    /// </summary>
    public static Result<(FastPage Page, HostFd File)> Create(ulong guestAddress)
    {
        const uint closeOnExec = 1;
        const int readWrite = 3, shared = 1;
        if (HostFile.CreateMemory("fast\0"u8, closeOnExec).Failed(out int fd, out Errno error))
            return error;
        HostFd file = new(fd);
        error = HostFile.Truncate(fd, FastLayout.AreaBytes);
        long address = error == Errno.Ok
            ? HostSyscall.Call(Sys.mmap, 0, FastLayout.AreaBytes, readWrite, shared, fd, 0)
            : 0;
        if (error == Errno.Ok)
            error = HostSyscall.ErrorOf(address);
        if (error == Errno.Ok)
        {
            *(ulong*)(address + FastLayout.PageSelf) = guestAddress;
            *(long*)(address + FastLayout.PageMark) = FastLayout.Mark;
            return (new FastPage((byte*)address, guestAddress), file);
        }

        file.Dispose();
        return error;
    }

    public void SetState(int state)
    {
        Volatile.Write(ref *(int*)(_start + FastLayout.PageState), state);
        GC.KeepAlive(this);
    }

    /// <summary>From now on the thread answers its calls for ids by itself.</summary>
    public void SetIds(in GuestIds ids)
    {
        SetAnswer(0, (uint)ids.Process);
        SetAnswer(1, (uint)ids.Thread);
        SetAnswer(2, ids.User);
        SetAnswer(3, ids.EffectiveUser);
        SetAnswer(4, ids.Group);
        SetAnswer(5, ids.EffectiveGroup);
    }

    /// <summary>Undoes <see cref="SetIds"/>.</summary>
    public void ClearIds()
    {
        for (int i = 0; i < FastCalls.Answers; i++)
            WriteAnswer(i, 0);
    }

    /// <summary>Invites requests, or no longer. One that is posted at this moment stays.</summary>
    public void Open(bool isOpen)
    {
        (int from, int to) = isOpen
            ? (FastLayout.StateClosed, FastLayout.StateOpen)
            : (FastLayout.StateOpen, FastLayout.StateClosed);
        Interlocked.CompareExchange(ref *(int*)(_start + FastLayout.PageState), to, from);
        GC.KeepAlive(this);
    }

    /// <summary>Copies the request out.</summary>
    public void Read(out SyscallArguments call)
    {
        ulong* arguments = (ulong*)(_start + FastLayout.PageArguments);
        call = new SyscallArguments
        {
            Number = Number is ulong number && number <= int.MaxValue ? (int)number : int.MaxValue,
            A0 = Volatile.Read(ref arguments[0]), A1 = Volatile.Read(ref arguments[1]),
            A2 = Volatile.Read(ref arguments[2]), A3 = Volatile.Read(ref arguments[3]),
            A4 = Volatile.Read(ref arguments[4]), A5 = Volatile.Read(ref arguments[5]),
        };
        GC.KeepAlive(this);
    }

    /// <summary>
    /// Answers the request; <paramref name="isRedo"/>: the guest is to make the system call itself.
    /// <paramref name="output"/> is the offset of the first record that the guest is to copy, or 0.
    /// </summary>
    public void Publish(long value, int output, bool isRedo, int state)
    {
        *(long*)(_start + FastLayout.PageOutput) = output;
        *(long*)(_start + FastLayout.PageResult) = value;
        *(ulong*)(_start + FastLayout.PageRedo) = isRedo ? 1ul : 0;
        SetState(state);
    }

    private void SetAnswer(int index, uint value) => WriteAnswer(index, FastLayout.AnswerValid | value);

    private void WriteAnswer(int index, ulong word)
    {
        Volatile.Write(ref *(ulong*)(_start + FastLayout.PageAnswers + (index * sizeof(ulong))), word);
        GC.KeepAlive(this);
    }

    private ulong ReadWord(int offset)
    {
        ulong word = Volatile.Read(ref *(ulong*)(_start + offset));
        GC.KeepAlive(this);
        return word;
    }
}
