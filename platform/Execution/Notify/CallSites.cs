using Sandbox.Linux;
using Sandbox.Platform.Stub;

namespace Sandbox.Platform.Notify;

/// <summary>
/// The system calls of one address space that were rewritten, and how often the others came. A program counter inside of
/// the rewritten code is translated to what it would be in the original, both when a thread comes in and when it goes.
/// </summary>
internal sealed class CallSites
{
    private const int CounterBits = 6, HotCount = 256;
    private const ulong TrapFlag = 0x100;

    // Counts of the latest callers. Several receivers change them without a lock: a count that is off does no harm.
    private readonly ulong[] _callers = new ulong[1 << CounterBits];
    private readonly int[] _counts = new int[1 << CounterBits];

    // Replaced as a whole, by a thread that holds all others of the space still.
    private volatile State _state;

    private sealed record State(bool HasTable, ulong[] Sites, Dictionary<ulong, int> Indices);

    public CallSites() => _state = new State(false, [], []);

    private CallSites(State state) => _state = state;

    /// <summary>The code table is mapped.</summary>
    public bool HasTable => _state.HasTable;

    public int Count => _state.Sites.Length;

    /// <summary>A forked child has the same code.</summary>
    public CallSites Fork() => new(_state);

    /// <summary>True from time to time for a place that calls often.</summary>
    public bool IsHot(ulong instructionPointer)
    {
        int index = (int)((instructionPointer * 0x9E37_79B9_7F4A_7C15) >> (64 - CounterBits));
        if (_callers[index] != instructionPointer)
        {
            (_callers[index], _counts[index]) = (instructionPointer, 0);
            return false;
        }
        if (++_counts[index] < HotCount)
            return false;
        _counts[index] = 0;
        return true;
    }

    public bool Contains(ulong site) => _state.Indices.ContainsKey(site);

    public void SetTable() => _state = _state with { HasTable = true };

    public void Add(ulong site)
    {
        State old = _state;
        Dictionary<ulong, int> indices = new(old.Indices) { [site] = old.Sites.Length };
        _state = new State(true, [.. old.Sites, site], indices);
    }

    /// <summary>The place whose entry has its real system call at <paramref name="address"/>.</summary>
    public bool TryFind(ulong address, out ulong site)
    {
        ulong[] sites = _state.Sites;
        ulong offset = address - FastLayout.EntryOf(0) - FastLayout.EntryCall;
        bool isFound = offset % FastLayout.EntryBytes == 0 && offset / FastLayout.EntryBytes < (ulong)sites.Length;
        site = isFound ? sites[offset / FastLayout.EntryBytes] : 0;
        return isFound;
    }

    /// <summary>What seccomp reports for a call from an entry is behind the original call instead.</summary>
    public ulong Original(ulong instructionPointer) =>
        TryFind(instructionPointer - (FastLayout.EntryReturn - FastLayout.EntryCall), out ulong site)
            ? site + CallSite.Bytes
            : instructionPointer;

    /// <summary>
    /// A thread came in with its registers: makes them those it would have in the original code. Nothing more is promised
    /// to a guest that jumps into the table by itself.
    /// </summary>
    public void MapIn(ref SignalContext frame, FastPage? page)
    {
        if (!FastLayout.IsInTable(frame.Rip) || !HasTable)
            return;
        ulong offset = frame.Rip - FastLayout.TableStart;
        if (offset >= FastLayout.EntriesOffset)
            MapEntry(ref frame, offset - FastLayout.EntriesOffset);
        else if (offset < FastCode.WaitOffset)
            MapBefore(ref frame, frame.R11);
        else if (offset < (ulong)FastCode.Bytes.Length && page is not null)
            MapWaiting(ref frame, page);
    }

    /// <summary>
    /// Where a thread that goes on at <paramref name="instructionPointer"/> has to go on in rewritten code: the system call
    /// itself, when it stood between the two instructions.
    /// </summary>
    public ulong MapOut(ulong instructionPointer) =>
        _state.Indices.TryGetValue(instructionPointer - CallSite.SyscallOffset, out int index)
            ? FastLayout.EntryOf(index) + FastLayout.EntryCall
            : instructionPointer;

    private void MapEntry(ref SignalContext frame, ulong offset)
    {
        ulong[] sites = _state.Sites;
        if (offset / FastLayout.EntryBytes >= (ulong)sites.Length)
            return;
        ulong site = sites[offset / FastLayout.EntryBytes];
        frame.Rip = (int)(offset % FastLayout.EntryBytes) switch
        {
            // Single-stepped, the jump has been the step: to undo it would let the thread make it for ever.
            FastLayout.EntryCode => (frame.Eflags & TrapFlag) == 0 ? site : frame.Rip,
            FastLayout.EntryLink or FastLayout.EntryJump or FastLayout.EntryCall => site + CallSite.SyscallOffset,
            FastLayout.EntryReturn => site + CallSite.Bytes,
            _ => frame.Rip,
        };
    }

    private void MapBefore(ref SignalContext frame, ulong entry)
    {
        if (TryFind(entry, out ulong site))
            frame.Rip = site + CallSite.SyscallOffset;
    }

    /// <summary>The request is answered, or nobody has taken it and nobody can: its thread is owned.</summary>
    private void MapWaiting(ref SignalContext frame, FastPage page)
    {
        if (!TryFind(page.Entry, out ulong site))
            return;
        (long value, bool isRedo) = page.Answer;
        bool isPosted = page.HasRequest;
        if (isPosted)
            page.SetState(FastLayout.StateClosed);
        bool isCall = isPosted || isRedo;
        frame.Rip = site + (ulong)(isCall ? CallSite.SyscallOffset : CallSite.Bytes);
        frame.Rax = isCall ? page.Number : (ulong)value;
    }
}
