using Sandbox.Linux;
using Sandbox.Platform.Shortcuts.Page;

namespace Sandbox.Platform.Shortcuts.Rewriting;

/// <summary>
/// The system calls of one address space that were rewritten, and how often the others came. A program counter inside
/// of the rewritten code is translated to what it would be in the original,
/// both when a thread comes in and when it goes.
/// </summary>
internal sealed class CallSites
{
    /// <summary>Calls from one place until it is worth rewriting, and with it the places with a few calls.</summary>
    private const int HotCount = 64, FewCount = 2;

    /// <summary>
    /// The counts of the latest callers lie in sets; of each, the caller with the lowest count is replaced.
    /// </summary>
    private const int SetBits = 5, Ways = 4;
    private const ulong TrapFlag = 0x100;

    // Several receivers change them without a lock: a count that is off does no harm.
    private readonly ulong[] _callers = new ulong[Ways << SetBits];
    private readonly int[] _counts = new int[Ways << SetBits];

    private volatile bool _isOff;

    // Replaced as a whole, by a thread that holds all others of the space still.
    private volatile State _state;

    private sealed record State(bool HasTable, RewrittenCall[] Calls, Dictionary<ulong, Inner> Inners);

    /// <summary>
    /// An address within a jump that once was an instruction's: its call, and where that is repeated.
    /// </summary>
    private readonly record struct Inner(int Index, int EntryOffset);

    public CallSites() => _state = new State(false, [], []);

    private CallSites(CallSites parent) => (_state, _isOff) = (parent._state, parent._isOff);

    /// <summary>The code table is mapped.</summary>
    public bool HasTable => _state.HasTable;

    public int Count => _state.Calls.Length;

    /// <summary>A forked child has the same code.</summary>
    public CallSites Fork() => new(this);

    /// <summary>Nothing more is to be rewritten.</summary>
    public void TurnOff() => _isOff = true;

    /// <summary>Counts a call. True from time to time for a place that calls often.</summary>
    public bool IsHot(ulong instructionPointer)
    {
        if (_isOff)
            return false;
        int set = (int)((instructionPointer * 0x9E37_79B9_7F4A_7C15) >> (64 - SetBits)) * Ways;
        int coldest = set;
        for (int i = set; i < set + Ways; i++)
        {
            if (_callers[i] == instructionPointer)
                return ++_counts[i] % HotCount == 0;
            if (_counts[i] < _counts[coldest])
                coldest = i;
        }

        (_callers[coldest], _counts[coldest]) = (instructionPointer, 1);
        return false;
    }

    /// <summary>
    /// The places that have called more than a few times, in the order of their addresses. Their counts begin anew, so
    /// that what cannot be rewritten does not stay in the way.
    /// </summary>
    public List<ulong> TakeFrequent()
    {
        List<ulong> frequent = [];
        for (int i = 0; i < _callers.Length; i++)
        {
            if (_counts[i] >= FewCount)
                frequent.Add(_callers[i]);
            _counts[i] = 0;
        }

        frequent.Sort();
        return frequent;
    }

    /// <summary>The call whose syscall stood at this address was rewritten.</summary>
    public bool Contains(ulong syscall) => _state.Inners.ContainsKey(syscall);

    /// <summary>How many calls look like <paramref name="site"/>.</summary>
    public int CountLike(CallSite site) => Array.FindAll(_state.Calls, call => call.Site == site).Length;

    public void SetTable() => _state = _state with { HasTable = true };

    public void Add(ulong address, in CallSite site)
    {
        State old = _state;
        int index = old.Calls.Length;
        RewrittenCall call = new(address, site);
        Dictionary<ulong, Inner> inners = new(old.Inners) { [call.Syscall] = new Inner(index, FastEntry.Call) };
        if (site.HasCompare)
            inners[call.Return] = new Inner(index, FastEntry.Return);
        _state = new State(true, [.. old.Calls, call], inners);
    }

    /// <summary>The call whose entry has its real system call at <paramref name="address"/>.</summary>
    public bool TryFind(ulong address, out RewrittenCall call)
    {
        RewrittenCall[] calls = _state.Calls;
        ulong offset = address - FastEntry.EntryOf(0) - FastEntry.Call;
        bool isFound = offset % FastEntry.Bytes == 0 && offset / FastEntry.Bytes < (ulong)calls.Length;
        call = isFound ? calls[offset / FastEntry.Bytes] : default;
        return isFound;
    }

    /// <summary>What seccomp reports for a call from an entry is behind the original call instead.</summary>
    public ulong Original(ulong instructionPointer) =>
        TryFind(instructionPointer - (FastEntry.Return - FastEntry.Call), out RewrittenCall call)
            ? call.Return
            : instructionPointer;

    /// <summary>
    /// A thread came in with its registers: makes them those it would have in the original code. Nothing more is
    /// promised to a guest that jumps into the table by itself.
    /// True if it stood at an access of the shared code that may have faulted.
    /// </summary>
    public bool MapIn(ref SignalContext frame, in FrameOwner owner)
    {
        if (!FastLayout.IsInTable(frame.Rip) || !HasTable)
            return false;
        ulong offset = frame.Rip - FastLayout.TableStart;
        if (offset < FastLayout.EntriesOffset)
            return FastFrame.MapIn(ref frame, owner);
        MapEntry(ref frame, offset - FastLayout.EntriesOffset);
        return false;
    }

    /// <summary>
    /// Where a thread that goes on at <paramref name="instructionPointer"/> has to go on,
    /// if its code was rewritten with
    /// <paramref name="call"/> and still is: in the entry, at the system call itself or behind it.
    /// </summary>
    public bool TryMapOut(ulong instructionPointer, out RewrittenCall call, out ulong mapped)
    {
        State state = _state;
        bool isInner = state.Inners.TryGetValue(instructionPointer, out Inner inner);
        (call, mapped) = isInner
            ? (state.Calls[inner.Index], FastEntry.EntryOf(inner.Index) + (ulong)inner.EntryOffset)
            : (default, instructionPointer);
        return isInner;
    }

    private void MapEntry(ref SignalContext frame, ulong offset)
    {
        RewrittenCall[] calls = _state.Calls;
        if (offset / FastEntry.Bytes >= (ulong)calls.Length)
            return;
        RewrittenCall call = calls[offset / FastEntry.Bytes];
        frame.Rip = (int)(offset % FastEntry.Bytes) switch
        {
            // Single-stepped, the jump has been the step: to undo it would let the thread make it for ever.
            FastEntry.Code => (frame.Eflags & TrapFlag) == 0 ? call.Address : frame.Rip,
            > FastEntry.Code and <= FastEntry.Call => call.Syscall,
            FastEntry.Return => call.Return,
            FastEntry.Leave => call.End,
            _ => frame.Rip,
        };
    }
}

/// <summary>A system call that was rewritten: where it lies, and the addresses of its original instructions.</summary>
internal readonly record struct RewrittenCall(ulong Address, CallSite Site)
{
    public ulong Syscall => Address + (ulong)Site.SyscallOffset;

    public ulong Return => Address + (ulong)Site.ReturnOffset;

    /// <summary>Behind all that the entry executes.</summary>
    public ulong End => Address + (ulong)Site.EndOffset;
}
