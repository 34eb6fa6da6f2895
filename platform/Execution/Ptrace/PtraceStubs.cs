using Sandbox.Linux;
using Sandbox.Platform.Filters;
using Sandbox.Platform.Stubs;

namespace Sandbox.Platform.Ptrace;

/// <summary>
/// How stubs come under the ptrace platform: they pause until they are traced, and are made ready by injected calls.
/// </summary>
internal sealed class PtraceStubs(PtracePlatform platform) : IStubMaker
{
    private readonly HostCommand[] _firstCommands = [new(Sys.pause)];
    private bool _hasComplained;

    public BpfInstruction[] Filter { get; } = TracedFilter.Build();

    public ReadOnlySpan<HostCommand> FirstCommands => _firstCommands;

    public Result<IGuestThread> Adopt(int pid, HostFd pidFd)
    {
        if (platform.Tracers.TryTake() is not { } tracer)
            return Errno.EAGAIN;
        AddressSpace space = new(platform.Stubs, pid, pidFd, new SlotAllocator());
        FileLender files = new();
        if (TracedThread.Attach(platform, space, pid, files, null, tracer)
            .Failed(out TracedThread? thread, out Errno error))
        {
            platform.AttachError = error;
            return error;
        }

        const int setModeFilter = 1;
        Span<HostCommand> commands =
        [
            new(Sys.seccomp, setModeFilter, 0, (long)ZygoteProcess.ProgramStart),
            new(Sys.close_range, 0, uint.MaxValue, 0),
            new(Sys.munmap, (long)StubLayout.ParametersStart, StubLayout.ParametersBytes),
        ];
        // The exit watcher owns the descriptor by now: a stub that has died since is found dead by who takes it, as is
        // one that dies later.
        if (thread.Execute(commands, stopAtError: false) != Errno.Ok)
            return Result<IGuestThread>.Of(thread);
        if (commands[0].Result != 0 && !_hasComplained)
        {
            _hasComplained = true;
            Errno reason = HostSyscall.ErrorOf(commands[0].Result);
            platform.Stubs.Log(
                $"guests run without a seccomp filter under them, which the host refuses ({reason}); they are traced");
        }

        return Result<IGuestThread>.Of(thread);
    }
}
