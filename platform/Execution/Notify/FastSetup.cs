using Sandbox.Linux;
using Sandbox.Platform.Stub;

namespace Sandbox.Platform.Notify;

/// <summary>
/// What one guest thread needs for the fast path, done while it stands at its doorbell: a call that it makes often is
/// rewritten, and it gets its page.
/// </summary>
internal sealed class FastSetup(GuestThread thread, CommandRunner runner)
{
    private const int Read = 1, Write = 2, Execute = 4, FreezeMilliseconds = 50;
    private const int SetGs = 0x1001;
    private const int PageBytes = 0x1000;
    private const ulong PageMask = 0xFFF;

    private AddressSpace Space => thread.Space;

    /// <summary>
    /// True if the call that ends at <paramref name="instructionPointer"/> may be rewritten: ordinary program text, which is
    /// a private mapping of a file and not writable. Code that a program makes or changes itself is left alone.
    /// </summary>
    public bool CanRewrite(ulong instructionPointer) => TryRecognize(instructionPointer, out _);

    /// <summary>
    /// Rewrites the call. All threads of the space stand still meanwhile, so none of them sees half of it; one that stood
    /// between its instructions goes on in the table (<see cref="CallSites.TryMapOut"/>), and so does one that is in the call.
    /// </summary>
    public void Rewrite(ulong instructionPointer)
    {
        lock (thread.Listener.CloneLock) // A fork must not copy what is half done.
        {
            Space.TryWhileFrozen(FreezeMilliseconds, () =>
            {
                if (TryRecognize(instructionPointer, out CallSite site) && PrepareTable())
                    RewriteFrozen(instructionPointer - (ulong)site.ReturnOffset, site);
            });
        }
    }

    /// <summary>Gives the thread its page, and its gs base the page's address, unless the guest uses that itself.</summary>
    public FastChannel? MakeChannel(bool hasGsBase)
    {
        ulong start = FastLayout.PageOf(thread.Slot);
        if (hasGsBase || FastPage.Create(start).Failed(out (FastPage Page, HostFd File) made, out _))
            return null;
        using HostFd file = made.File;
        const int sharedFixed = 0x11, dontFork = 10;
        long address = (long)start;
        Span<HostCommand> commands =
        [
            new HostCommand(
                Sys.mmap, address, FastLayout.PageBytes, Read | Write, sharedFixed, FastLayout.Descriptor, 0,
                file.Number),
            new HostCommand(Sys.madvise, address, FastLayout.PageBytes, dontFork),
            new HostCommand(Sys.arch_prctl, SetGs, address),
        ];
        lock (thread.Listener.CloneLock) // One at a time uses the descriptor's number.
        {
            return runner.Run(commands, true) is Errno.Ok && commands[2].Result == 0
                ? new FastChannel(thread, made.Page)
                : null;
        }
    }

    /// <summary>The call that makes a page's address the gs base again, after <see cref="ClearBase"/>.</summary>
    public static HostCommand SetBase(ulong slot) => new(Sys.arch_prctl, SetGs, (long)FastLayout.PageOf(slot));

    /// <summary>Before a clone: the child must not have its parent's page.</summary>
    public static HostCommand ClearBase() => new(Sys.arch_prctl, SetGs, 0);

    private bool PrepareTable()
    {
        if (Space.Sites.HasTable)
            return true;
        const int privateAnonymousNoReplace = 0x100022;
        Span<HostCommand> commands =
        [
            new HostCommand(
                Sys.mmap, (long)FastLayout.TableStart, FastLayout.TableBytes, Read | Write, privateAnonymousNoReplace, -1, 0),
        ];
        bool isMapped = runner.Run(commands, true) is Errno.Ok && commands[0].Result == (long)FastLayout.TableStart
            && Space.TryWrite(FastLayout.TableStart + FastLayout.CodeOffset, FastCode.Bytes)
            && Space.TryWrite(FastLayout.TableStart + FastLayout.InputsOffset, FastCalls.Image);
        if (isMapped)
            Space.Sites.SetTable();
        return isMapped;
    }

    private bool TryRecognize(ulong instructionPointer, out CallSite site)
    {
        Span<byte> code = stackalloc byte[CallSite.CallBytes + CallSite.CompareBytes];
        site = default;
        if (instructionPointer < PageBytes
            || Space.Read(new UserAddress(instructionPointer - CallSite.CallBytes), code).Failed(out int count, out _)
            || count < CallSite.CallBytes
            || !CallSite.TryRecognize(code[..CallSite.CallBytes], code[CallSite.CallBytes..count], out site))
        {
            return false;
        }
        ulong start = instructionPointer - (ulong)site.ReturnOffset;
        bool isInOnePage = ((start ^ (start + CallSite.JumpBytes - 1)) & ~PageMask) == 0;
        return isInOnePage && Space.Sites.Count < FastLayout.MaxEntries && PointerOf(site) != 0
            && !Space.Sites.Contains(start + (ulong)site.SyscallOffset)
            && !Space.FindMapping(new UserAddress(start)).Failed(out HostMapping mapping, out _)
            && mapping.Protection == (MemoryProtection.Read | MemoryProtection.Execute)
            && !mapping.IsShared && mapping.Inode != 0 && mapping.End >= start + (ulong)site.EndOffset
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

    private ulong PointerOf(in CallSite site) => FastLayout.PointerOf(site, Space.Sites.Count, Space.Sites.CountLike(site));

    private void RewriteFrozen(ulong address, in CallSite site)
    {
        ulong start = FastLayout.EntryOf(Space.Sites.Count), pointer = PointerOf(site);
        Span<byte> code = stackalloc byte[CallSite.CallBytes + CallSite.CompareBytes];
        Span<byte> entry = stackalloc byte[FastEntry.Bytes];
        code = code[..Math.Max(site.EndOffset, CallSite.JumpBytes)];
        if (!TryRead(address, code))
            return;
        FastEntry.Write(entry, start, address, site, code);
        CallSite.WriteJump(code, pointer);
        HostCommand table = Protect(FastLayout.TableStart, FastLayout.TableBytes, Read | Write);
        HostCommand text = Protect(address & ~PageMask, PageBytes, Read | Write);
        if (TryRun(table, text) && Space.TryWrite(start, entry) && Space.TryWrite(pointer, entry[..sizeof(ulong)])
            && Space.TryWrite(address, code[..CallSite.JumpBytes]))
        {
            Space.Sites.Add(address, site);
        }
        text = Protect(address & ~PageMask, PageBytes, Read | Execute);
        table = Protect(FastLayout.TableStart, FastLayout.TableBytes, Read | Execute);
        if (!TryRun(text, table))
            thread.Violation("keeps its code from being executable");
    }

    /// <summary>Nothing is ever writable and executable at once.</summary>
    private static HostCommand Protect(ulong start, int bytes, int protection) =>
        new(Sys.mprotect, (long)start, bytes, protection);

    private bool TryRun(HostCommand first, HostCommand second)
    {
        Span<HostCommand> commands = [first, second];
        return runner.Run(commands, true) is Errno.Ok && commands[0].Result == 0 && commands[1].Result == 0;
    }

    private bool TryRead(ulong address, Span<byte> bytes) =>
        !Space.Read(new UserAddress(address), bytes).Failed(out int count, out _) && count == bytes.Length;
}
