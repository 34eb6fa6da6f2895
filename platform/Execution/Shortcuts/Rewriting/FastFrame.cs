using Sandbox.Linux;
using Sandbox.Platform.Shortcuts.Page;
using Sandbox.Platform.Stubs;

namespace Sandbox.Platform.Shortcuts.Rewriting;

/// <summary>
/// Whose frame it is: the calls that were rewritten in its space, its page and who hears of it, if it has them.
/// </summary>
internal readonly record struct FrameOwner(
    CallSites Sites, AddressSpace Space, FastPage? Page, IShortcutEvents? Events);

/// <summary>
/// A thread that came in from the shared code of the fast path. It has not asked yet, and makes the real call; or it
/// has its answer, and goes on behind the call as soon as the rest of the output is where it belongs.
/// </summary>
internal static class FastFrame
{
    /// <summary>
    /// Makes the registers those of the original code. True if the thread stood at an access that may fault: a copy, or
    /// where it looks for its page by a gs base that may be the guest's own.
    /// </summary>
    public static bool MapIn(ref SignalContext frame, in FrameOwner owner)
    {
        ulong offset = frame.Rip - FastLayout.TableStart;
        if (offset < FastCode.SavedOffset)
        {
            if (!owner.Sites.TryFind(frame.R11, out RewrittenCall caller))
                return false;
            frame.Rip = caller.Syscall;
            return offset is FastCode.SelfOffset or FastCode.MarkOffset;
        }

        if (offset >= (ulong)FastCode.Bytes.Length || owner.Page is not { } page
            || !owner.Sites.TryFind(page.Entry, out RewrittenCall call))
            return false;
        if (offset < FastCode.ArgumentsOffset)
            MakeCall(ref frame, page, call);
        else if (HasLeaseValue(offset, frame))
            (frame.Rdi, frame.Rsi, frame.Rdx, frame.Rax, frame.Rip) =
                (page.Argument(0), page.Argument(1), page.Argument(2), (ulong)page.Answer.Value, call.Return);
        else if (offset < FastCode.WaitOffset)
            RestoreAll(ref frame, page, call);
        else
            MapWaiting(ref frame, owner, page, call);
        return offset is FastCode.InputCopyOffset or FastCode.OutputCopyOffset
            or FastCode.LeasePathOffset or FastCode.LeaseStatOffset or FastCode.LeaseCopyOffset;
    }

    /// <summary>A call on a lease is over, and what it read is no longer at the file's position.</summary>
    private static bool HasLeaseValue(ulong offset, in SignalContext frame)
    {
        const ulong zeroFlag = 0x40;
        return offset is >= FastCode.LeaseDoneOffset and < FastCode.LeaseEndOffset
            || (offset == FastCode.LeaseCommitOffset && (frame.Eflags & zeroFlag) != 0);
    }

    private static void RestoreAll(ref SignalContext frame, FastPage page, in RewrittenCall call)
    {
        (frame.Rdi, frame.Rsi, frame.Rdx) = (page.Argument(0), page.Argument(1), page.Argument(2));
        MakeCall(ref frame, page, call);
    }

    private static void MakeCall(ref SignalContext frame, FastPage page, in RewrittenCall call) =>
        (frame.Rax, frame.Rip) = (page.Number, call.Syscall);

    /// <summary>The request is answered, or nobody has taken it and nobody can: its thread is owned.</summary>
    private static void MapWaiting(ref SignalContext frame, in FrameOwner owner, FastPage page, in RewrittenCall call)
    {
        (long value, bool isRedo) = page.Answer;
        if (frame.Rip - FastLayout.TableStart < FastCode.RecordOffset)
            frame.Rdi = page.Argument(0); // Where the thread sleeps, it has the page there.
        if (page.HasRequest)
        {
            page.SetState(FastLayout.StateClosed);
            isRedo = true;
        }

        if (isRedo)
        {
            MakeCall(ref frame, page, call);
            return;
        }

        if (page.Output != 0)
            value = FinishOutput(ref frame, owner, page, value);
        (frame.Rax, frame.Rip) = ((ulong)value, call.Return);
    }

    /// <summary>
    /// Copies what the thread has not copied, and gives the call's value, which a bad address changes.
    /// </summary>
    private static long FinishOutput(ref SignalContext frame, in FrameOwner owner, FastPage page, long value)
    {
        AddressSpace space = owner.Space;
        ulong offset = frame.Rip - FastLayout.TableStart;
        ulong next = frame.Rsi - page.GuestAddress;
        Errno error = Errno.Ok;
        ulong missing = 0;
        if (offset == FastCode.OutputCopyOffset)
        {
            FastOutput begun = new(page, next + frame.Rcx);
            missing = frame.Rcx + begun.Count();
            FastOutput output = new(page, next);
            error = output.WriteRest(space, next, frame.Rdi, frame.Rcx);
            if (error == Errno.Ok)
                error = output.Write(space);
            missing -= output.Written;
        }
        else if (offset < FastCode.LastOffset)
        {
            ulong start = offset < FastCode.RecordOffset ? page.Output : next;
            FastOutput left = new(page, start);
            missing = left.Count();
            FastOutput output = new(page, start);
            error = output.Write(space);
            missing -= output.Written;
        }

        if (offset >= FastCode.RecordOffset)
            (frame.Rdi, frame.Rsi) = (page.Argument(0), page.Argument(1));
        if (error == Errno.Ok)
            return value;
        FastOutput all = new(page, page.Output);
        ulong done = all.Count() - missing;
        if (!FastCalls.IsRead(page.Number) || value <= 0)
            return -(long)error;
        long count = Math.Min(value, (long)done);
        if (FastCalls.MovesPosition(page.Number))
            owner.Events!.OnUnread((int)page.Argument(0), value - count);
        return count > 0 ? count : -(long)error;
    }
}
