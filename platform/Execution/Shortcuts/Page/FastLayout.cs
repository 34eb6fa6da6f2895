using Sandbox.Platform.Stubs;

namespace Sandbox.Platform.Shortcuts.Page;

/// <summary>
/// Where the fast path lives in a guest's address space. One *page* for each guest thread that uses it, shared with the
/// Sentry and in the stub's window; and one *table* of code below 1 MiB, ordinary private memory of the guest, which a
/// rewritten call jumps through. The guest can write the page and replace the table: neither is trusted.
/// </summary>
internal static class FastLayout
{
    /// <summary>
    /// The table's address. Its third byte must be <see cref="InvalidOpcode"/>, which a rewritten call relies on.
    /// </summary>
    public const ulong TableStart = 0x60000;
    public const int TableBytes = 0x5000;

    /// <summary>
    /// An instruction byte that does not exist in 64-bit mode: it stands where the rewritten syscall began.
    /// </summary>
    public const byte InvalidOpcode = 0x06;

    /// <summary>
    /// The shared code, then pointers that must lie where they do; for each call number a byte that names its input;
    /// what the inputs are (<see cref="FastCalls"/>); one entry for each rewritten call.
    /// </summary>
    public const int CodeOffset = 0, InputsOffset = 0x800, RulesOffset = 0xA00, EntriesOffset = 0x1000;

    /// <summary>
    /// The threads' pages, by slot. A *page* is an area of <see cref="AreaBytes"/>, many pages of the host.
    /// </summary>
    public const ulong PagesStart = StubLayout.WindowStart + 0x8000_0000;
    public const int AreaBytes = LeaseDataOffset + (LeaseRooms * LeaseRoomBytes), PageStride = 0x40000;

    /// <summary>
    /// A word of the table that is 0. The code reads it relative to gs: a base of 0 says that the thread has no page,
    /// and the base of <see cref="BaseOf"/> gives the page's own <see cref="PageSelf"/> instead.
    /// </summary>
    public const ulong NoPageAddress = TableStart + 0x3F8;

    /// <summary>
    /// What a page has at <see cref="PageMark"/>, so that no word of a guest with a gs base of its own is taken for it.
    /// </summary>
    public const int Mark = unchecked((int)0x9C5B_E7A3);

    /// <summary>Bytes of a page up to the end of the data of its call.</summary>
    public const int CallBytes = StubLayout.SlotBytes;

    /// <summary>
    /// The number a page's memfd is lent under. A guest's own mapping of its
    /// descriptor of that number takes another way.
    /// </summary>
    public const int Descriptor = 4095;

    /// <summary>Offsets in a page: what the Sentry writes.</summary>
    public const int PageState = 0, PageResult = 8, PageRedo = 0x10;

    /// <summary>Offset of the offset of the first record of bytes to copy to guest memory; 0: there is none.</summary>
    public const int PageOutput = 0x18;

    /// <summary>Offsets of address and length of the guest memory that was copied to the start of the data.</summary>
    public const int PageInputAddress = 0x20, PageInputLength = 0x28;

    /// <summary>Offsets in a page: its own address, and what tells a page from other memory.</summary>
    public const int PageSelf = 0x30, PageMark = 0x38;

    /// <summary>Offsets in a page: number and six arguments, and the entry's real call.</summary>
    public const int PageNumber = 0x40, PageArguments = 0x48, PageEntry = 0x78;

    /// <summary>
    /// Offset of the ids that the thread answers by itself: u64 each,
    /// with <see cref="AnswerValid"/> if the low half is the answer.
    /// </summary>
    public const int PageAnswers = 0x80, AnswerBit = 32;
    public const ulong AnswerValid = 1ul << AnswerBit;

    /// <summary>
    /// Offset of the data: the input, then the output. That is a list of records: u64 length, u64 guest address, as
    /// many bytes, up to 7 unused; a length of 0 ends it.
    /// </summary>
    public const int PageData = 0x100, RecordHeader = 16;

    /// <summary>
    /// What a thread reads of files by itself: a *lease* for each of the first descriptors,
    /// and rooms for bytes of some of them.
    /// </summary>
    public const int LeasesOffset = CallBytes, LeaseShift = 8, Leases = 32;
    public const int LeaseDataOffset = LeasesOffset + (Leases << LeaseShift), LeaseRooms = 8, LeaseRoomBytes = 0x4000;

    /// <summary>
    /// Offsets in a lease: i64 position of the open file and 1, or 0 if there is no lease; address of the byte at
    /// offset 0 of the file, which may be outside of the room; u64 offset of the room's first byte and of the one
    /// behind its last; u32 flags; u32, which is not 0 once the thread has used it; struct stat.
    /// </summary>
    public const int LeasePosition = 0, LeaseBase = 8, LeaseStart = 16, LeaseEnd = 24, LeaseFlags = 32, LeaseUsed = 36,
        LeaseStat = 64;
    public const int StatBytes = 144;

    /// <summary>A flag: the file ends where the lease ends.</summary>
    public const int LeaseIsAtEnd = 1;

    /// <summary>An address below this is no memory but some other argument: it is not copied.</summary>
    public const uint LowestAddress = 0x10000;

    /// <summary>
    /// States: nobody looks; somebody looks; a request is there; its handler runs; the answer takes long, and the guest
    /// had better sleep.
    /// </summary>
    public const int StateClosed = 0, StateOpen = 1, StateRequest = 2, StateTaken = 3, StateDeferred = 4;

    /// <summary>
    /// Turns of the waiting loop (a pause instruction each, some 10 to 45 ns) before the thread sleeps, as a power of
    /// two and where somebody looks, and what one counts for while nobody has taken the request.
    /// </summary>
    public const int TurnsShift = 12, RequestTurns = 16;

    /// <summary>The call number of a thread that goes to sleep until its request is answered.</summary>
    public const int SleepNumber = 0x5F60;

    /// <summary>The address of the page of the thread with that slot, or 0 if there is no room for one.</summary>
    public static ulong PageOf(ulong slot)
    {
        const ulong pages = (StubLayout.WindowEnd - PagesStart) / PageStride;
        ulong index = (slot - StubLayout.FirstSlot) / StubLayout.SlotBytes;
        return index < pages ? PagesStart + (index * PageStride) : 0;
    }

    /// <summary>The gs base of the thread with that page.</summary>
    public static ulong BaseOf(ulong page) => page + PageSelf - NoPageAddress;

    public static bool IsInTable(ulong address) => address - TableStart < TableBytes;
}
