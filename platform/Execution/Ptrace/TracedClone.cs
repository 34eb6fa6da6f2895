using System.Diagnostics.CodeAnalysis;
using Sandbox.Linux;
using Sandbox.Platform.Stubs;

namespace Sandbox.Platform.Ptrace;

/// <summary>
/// fork and thread creation: a clone(2) injected into the parent. Its tracer would get the child as well if it asked
/// for that (PTRACE_O_TRACECLONE), but each thread has a tracer of its own, and a tracee cannot be handed on without a
/// moment in which nobody traces it. So it is born untraced, at code of the stub that only pauses,
/// and its tracer fetches it there.
/// </summary>
internal readonly struct TracedClone(PtracePlatform platform, TracedThread parent, Injector injector)
{
    /// <summary>Errors: EAGAIN, ENOMEM, ESRCH.</summary>
    public Result<IGuestThread> Fork()
    {
        StrayStubs strays = platform.Stubs.Strays;
        long ticket = strays.BeginMaking();
        Result<IGuestThread> result = ForkNow();
        bool mayHaveStray = result.Error is Errno.ESRCH; // The parent was killed while the host made the child.
        strays.EndMaking(ticket, mayHaveStray);
        if (mayHaveStray)
            platform.Looks.Wake();
        return result;
    }

    private Result<IGuestThread> ForkNow()
    {
        const long flags = (long)CloneFlags.Parent | (long)Signal.Child;
        if (!Clone(flags, out int pid, out Tracer? tracer, out Errno error))
            return error;
        if (HostProcess.OpenPidFd(pid).Failed(out int number, out error))
        {
            platform.Tracers.Release(tracer);
            HostProcess.KillAndReap(pid);
            return Errno.EAGAIN;
        }

        HostFd pidFd = new(number);
        AddressSpace space = new(
            platform.Stubs, pid, pidFd, SlotAllocator.Fork(parent.Space.Slots, StubLayout.FirstSlot));
        if (!TracedThread.Attach(platform, space, pid, new FileLender(), parent, tracer).Failed(
            out TracedThread? child, out error))
            return Result<IGuestThread>.Of(child);
        platform.Stubs.Log($"a forked stub cannot be traced: {error}");
        space.Kill();
        HostProcess.Wait(number);
        pidFd.Dispose();
        return Errno.EAGAIN;
    }

    /// <summary>Errors: EAGAIN, ENOMEM, ESRCH.</summary>
    public Result<IGuestThread> CreateThread(FileLender files, ulong? threadPointer)
    {
        const CloneFlags flags = CloneFlags.Vm | CloneFlags.Fs | CloneFlags.Files | CloneFlags.SignalHandlers
            | CloneFlags.Thread | CloneFlags.SysVSemaphores;
        if (!Clone((long)flags, out int tid, out Tracer? tracer, out Errno error))
            return error;
        if (TracedThread.Attach(platform, parent.Space, tid, files, parent, tracer)
            .Failed(out TracedThread? child, out _))
        {
            parent.Violation("has a thread that cannot be traced"); // It would pause there for ever.
            return Errno.ESRCH;
        }

        platform.Looks.Add(parent.Space);
        if (threadPointer is { } address)
            child.Registers.FsBase = address;
        return Result<IGuestThread>.Of(child);
    }

    /// <summary>
    /// Makes the child, once there is a tracer for it. Its id is from the parent's register: no guest can lie about it.
    /// </summary>
    private bool Clone(long flags, out int id, [NotNullWhen(true)] out Tracer? tracer, out Errno error)
    {
        (id, error) = (0, Errno.EAGAIN);
        tracer = platform.Tracers.TryTake();
        if (tracer is null)
            return false;
        long result = injector.Run(new HostCommand(Sys.clone, flags));
        if (result > 0)
        {
            id = (int)result;
            return true;
        }

        platform.Tracers.Release(tracer);
        if (HostSyscall.ErrorOf(result) is Errno.ESRCH or Errno.ENOMEM)
            error = HostSyscall.ErrorOf(result);
        return false;
    }
}
