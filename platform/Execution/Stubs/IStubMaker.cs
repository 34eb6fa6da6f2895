using Sandbox.Linux;

namespace Sandbox.Platform.Stubs;

/// <summary>What a platform does with a process that the zygote has cloned, to make a stub of it.</summary>
internal interface IStubMaker
{
    /// <summary>
    /// Put at <see cref="ZygoteProcess.ProgramStart"/> as a sock_fprog, for the stubs to install; empty for none.
    /// </summary>
    BpfInstruction[] Filter { get; }

    /// <summary>What the new process executes by itself, in the zygote's loop. It must not come to the end.</summary>
    ReadOnlySpan<HostCommand> FirstCommands { get; }

    /// <summary>
    /// Takes the new process over: a thread that stands still, with its full state.
    /// The pidfd stays the caller's if it fails.
    /// </summary>
    Result<IGuestThread> Adopt(int pid, HostFd pidFd);
}
