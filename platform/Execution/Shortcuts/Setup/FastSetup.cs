using Sandbox.Linux;
using Sandbox.Platform.Shortcuts.Leases;
using Sandbox.Platform.Shortcuts.Page;
using Sandbox.Platform.Shortcuts.Polling;
using Sandbox.Platform.Shortcuts.Rewriting;
using Sandbox.Platform.Stubs;

namespace Sandbox.Platform.Shortcuts.Setup;

/// <summary>
/// What one guest thread needs for the fast path, done while it stands at its doorbell: a call that it makes often is
/// rewritten, and it gets its page.
/// </summary>
internal sealed class FastSetup(IShortcutHost thread, CallSites sites)
{
    private const int Read = 1, Write = 2, Execute = 4, FreezeMilliseconds = 50;
    private const int SetGs = 0x1001;
    /// <summary>As many as one batch of commands protects, with the table.</summary>
    private const int MaxRanges = 47;
    private const int HostPageBytes = 0x1000;
    private const ulong HostPageMask = 0xFFF;

    private AddressSpace Space => thread.Space;

    /// <summary>
    /// True if the call that ends at <paramref name="instructionPointer"/> may be rewritten: ordinary program text,
    /// which is a private mapping of a file and not writable.
    /// Code that a program makes or changes itself is left alone.
    /// </summary>
    public bool CanRewrite(ulong instructionPointer)
    {
        HostMapping mapping = default;
        return TryRecognize(instructionPointer, ref mapping, out _);
    }

    /// <summary>
    /// Rewrites the calls that are made often. All threads of the space stand still meanwhile, so none of them sees
    /// half of it; one that stood between their instructions goes on in the table (<see cref="CallSites.TryMapOut"/>),
    /// and so does one that is in a call.
    /// </summary>
    public void Rewrite()
    {
        lock (thread.CloneLock) // A fork must not copy what is half done.
            thread.TryWhileFrozen(FreezeMilliseconds, RewriteFrozen);
    }

    /// <summary>Gives the thread its page, and a gs base that leads there, unless the guest uses that itself.</summary>
    public FastChannel? MakeChannel(bool hasGsBase, IChannelOwner owner, LeaseBudget budget, FastPollers? pollers)
    {
        ulong start = FastLayout.PageOf(thread.Slot);
        if (hasGsBase || start == 0 || FastPage.Create(start).Failed(out (FastPage Page, HostFd File) made, out _))
            return null;
        using HostFd file = made.File;
        const int sharedFixed = 0x11, dontFork = 10;
        long address = (long)start;
        Span<HostCommand> commands =
        [
            new HostCommand(
                Sys.mmap, address, FastLayout.AreaBytes, Read | Write, sharedFixed, FastLayout.Descriptor, 0,
                file.Number),
            new HostCommand(Sys.madvise, address, FastLayout.AreaBytes, dontFork),
            SetBase(start),
        ];
        lock (thread.CloneLock) // One at a time uses the descriptor's number.
        {
            return thread.RunCommands(commands) == Errno.Ok && commands[2].Result == 0
                ? new FastChannel(thread, made.Page, sites, owner, new FastLeases(made.Page, budget), pollers)
                : null;
        }
    }

    /// <summary>
    /// A thread with a gs base of its own, which leads to no memory, has come through the table: that costs a fault
    /// each time. So all calls that were rewritten go straight to the real call, and no others are rewritten.
    /// </summary>
    public void TurnOff()
    {
        lock (thread.CloneLock)
            thread.TryWhileFrozen(FreezeMilliseconds, TurnOffFrozen);
    }

    private void TurnOffFrozen()
    {
        if (TryProtect([], Read | Write) && Space.TryWrite(FastLayout.TableStart + FastLayout.CodeOffset, FastCode.Off))
            sites.TurnOff();
        if (!TryProtect([], Read | Execute))
            thread.Violation("keeps its code from being executable");
    }

    /// <summary>The call that makes gs lead to the page at <paramref name="page"/>.</summary>
    public static HostCommand SetBase(ulong page) => new(Sys.arch_prctl, SetGs, (long)FastLayout.BaseOf(page));

    /// <summary>Before a clone: the child must not have its parent's page.</summary>
    public static HostCommand ClearBase() => new(Sys.arch_prctl, SetGs, 0);

    private bool PrepareTable()
    {
        if (sites.HasTable)
            return true;
        const int privateAnonymousNoReplace = 0x100022;
        Span<HostCommand> commands =
        [
            new HostCommand(
                Sys.mmap, (long)FastLayout.TableStart, FastLayout.TableBytes, Read | Write,
                privateAnonymousNoReplace, -1, 0),
        ];
        bool isMapped = thread.RunCommands(commands) == Errno.Ok && commands[0].Result == (long)FastLayout.TableStart
            && Space.TryWrite(FastLayout.TableStart + FastLayout.CodeOffset, FastCode.Bytes)
            && Space.TryWrite(FastLayout.TableStart + FastLayout.InputsOffset, FastCalls.Image);
        if (isMapped)
            sites.SetTable();
        return isMapped;
    }

    /// <param name="instructionPointer">Behind the call.</param>
    /// <param name="mapping">The mapping asked for last, and now the call's.</param>
    /// <param name="site">What the call looks like.</param>
    private bool TryRecognize(ulong instructionPointer, ref HostMapping mapping, out CallSite site)
    {
        Span<byte> code = stackalloc byte[CallSite.CallBytes + CallSite.CompareBytes];
        site = default;
        if (instructionPointer < HostPageBytes
            || Space.Read(new UserAddress(instructionPointer - CallSite.CallBytes), code).Failed(out int count, out _)
            || count < CallSite.CallBytes
            || !CallSite.TryRecognize(code[..CallSite.CallBytes], code[CallSite.CallBytes..count], out site))
        {
            return false;
        }

        ulong start = instructionPointer - (ulong)site.ReturnOffset, end = start + (ulong)site.EndOffset;
        bool isInOnePage = ((start ^ (start + CallSite.JumpBytes - 1)) & ~HostPageMask) == 0;
        if (!isInOnePage || PointerOf(site) == 0 || sites.Contains(start + (ulong)site.SyscallOffset))
            return false;
        if ((start < mapping.Start || end > mapping.End)
            && Space.FindMapping(new UserAddress(start)).Failed(out mapping, out _))
        {
            return false;
        }

        return mapping.Protection == (MemoryProtection.Read | MemoryProtection.Execute)
            && !mapping.IsShared && mapping.Inode != 0 && start >= mapping.Start && end <= mapping.End
            && !(site.MustNotBeEntered && MayBeEntered(start + (ulong)site.SyscallOffset, mapping));
    }

    /// <summary>There is, or seems to be, a branch to the address close to it.</summary>
    private bool MayBeEntered(ulong address, in HostMapping mapping)
    {
        Span<byte> code = stackalloc byte[CallSite.ShortBranchBytes * 2];
        ulong start = Math.Max(mapping.Start, address - CallSite.ShortBranchBytes);
        code = code[..(int)(Math.Min(mapping.End, address + CallSite.ShortBranchBytes) - start)];
        return !TryRead(start, code) || CallSite.HasBranchTo(code, (int)(address - start));
    }

    private ulong PointerOf(in CallSite site) =>
        sites.Count == FastEntry.MaxEntries
            ? 0
            : FastEntry.PointerOf(site, sites.Count, sites.CountLike(site));

    private void RewriteFrozen()
    {
        if (!PrepareTable())
            return;
        List<RewrittenCall> calls = [];
        List<(ulong Start, ulong End)> ranges = []; // The pages of the calls, a range for each mapping.
        HostMapping mapping = default;
        ulong rangeMapping = 0;
        foreach (ulong caller in sites.TakeFrequent())
        {
            if (!TryRecognize(caller, ref mapping, out CallSite site))
                continue;
            RewrittenCall call = new(caller - (ulong)site.ReturnOffset, site);
            ulong page = call.Address & ~HostPageMask;
            bool isSameMapping = ranges.Count > 0 && rangeMapping == mapping.Start;
            if (!isSameMapping && ranges.Count == MaxRanges)
                break;
            if (isSameMapping)
                ranges[^1] = (ranges[^1].Start, page + HostPageBytes);
            else
                ranges.Add((page, page + HostPageBytes));
            rangeMapping = mapping.Start;
            calls.Add(call);
        }

        if (calls.Count == 0)
            return;
        if (TryProtect(ranges, Read | Write))
        {
            foreach (RewrittenCall call in calls)
            {
                if (!TryWriteCall(call))
                    break;
            }
        }

        if (!TryProtect(ranges, Read | Execute))
            thread.Violation("keeps its code from being executable");
    }

    /// <summary>The table, the ranges and the entry are writable. False if something is no longer as it was.</summary>
    private bool TryWriteCall(RewrittenCall call)
    {
        CallSite site = call.Site;
        ulong start = FastEntry.EntryOf(sites.Count), pointer = PointerOf(site);
        Span<byte> code = stackalloc byte[CallSite.CallBytes + CallSite.CompareBytes];
        Span<byte> entry = stackalloc byte[FastEntry.Bytes];
        code = code[..Math.Max(site.EndOffset, CallSite.JumpBytes)];
        if (pointer == 0 || !TryRead(call.Address, code))
            return false;
        FastEntry.Write(entry, start, call.Address, site, code);
        CallSite.WriteJump(code, pointer);
        bool isWritten = Space.TryWrite(start, entry) && Space.TryWrite(pointer, entry[..sizeof(ulong)])
            && Space.TryWrite(call.Address, code[..CallSite.JumpBytes]);
        if (isWritten)
            sites.Add(call.Address, site);
        return isWritten;
    }

    /// <summary>
    /// Changes the protection of the table and the ranges: nothing is ever writable and executable at once.
    /// </summary>
    private bool TryProtect(List<(ulong Start, ulong End)> ranges, int protection)
    {
        Span<HostCommand> commands = new HostCommand[1 + ranges.Count];
        commands[0] = new HostCommand(Sys.mprotect, (long)FastLayout.TableStart, FastLayout.TableBytes, protection);
        for (int i = 0; i < ranges.Count; i++)
        {
            (ulong start, ulong end) = ranges[i];
            commands[1 + i] = new HostCommand(Sys.mprotect, (long)start, (long)(end - start), protection);
        }

        if (thread.RunCommands(commands) != Errno.Ok)
            return false;
        foreach (HostCommand command in commands)
        {
            if (command.Result != 0)
                return false;
        }

        return true;
    }

    private bool TryRead(ulong address, Span<byte> bytes) =>
        !Space.Read(new UserAddress(address), bytes).Failed(out int count, out _) && count == bytes.Length;
}
