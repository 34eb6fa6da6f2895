using System.Buffers.Binary;
using System.Runtime.InteropServices;
using Sandbox.Linux;
using Sandbox.Platform.Spawn;

namespace Sandbox.Platform.Stubs;

/// <summary>
/// The stub image running as the zygote: trusted, unfiltered, commanded over a socket. It prepares what all stubs
/// inherit (signal handlers, alternate stack, no_new_privs, the expanded stack) and makes stubs by clone(CLONE_PARENT).
/// </summary>
internal sealed class ZygoteProcess : IDisposable
{
    private const int StackBytes = 8 << 20, StackMargin = 64 << 10;
    private const int LimitStack = 3, LimitCore = 4, LimitFiles = 7;
    private const int CloseOnExec = 0x80000;

    private const ulong ActionsStart = StubLayout.ParametersStart;

    /// <summary>Where a stub that has just been cloned finds its filter, as a sock_fprog.</summary>
    public const ulong ProgramStart = StubLayout.ParametersStart + 0x1000;

    private readonly HostFd _control;
    private readonly HostFd _pidFd;

    private ZygoteProcess(int pid, HostFd pidFd, HostFd control) =>
        (ProcessId, _pidFd, _control) = (pid, pidFd, control);

    public int ProcessId { get; }

    /// <summary>One past the last byte of the kernel's stack mapping, the same in every stub.</summary>
    public ulong StackTop { get; private set; }

    public ulong VdsoAddress { get; private set; }

    /// <summary>
    /// Makes the zygote from a thread that lives as long as the platform (PR_SET_PDEATHSIG is bound to it). Throws if
    /// the host does not let us.
    /// </summary>
    /// <param name="filter">What every stub runs under.</param>
    /// <param name="readsBases">Stubs read the segment bases by rdfsbase and rdgsbase,
    /// where the processor has these.</param>
    public static ZygoteProcess Spawn(BpfInstruction[] filter, bool readsBases)
    {
        if (StubElf.Create().Failed(out HostFd? image, out Errno error))
            throw new PlatformNotSupportedException($"cannot create the stub's memfd: {error}");
        using HostFd owner = image;
        (HostFd ours, HostFd theirs) = SocketPair();
        using HostFd theirEnd = theirs;
        using SpawnScript script = new(arenaBytes: 64 << 10);
        script.ResetSignals();
        script.Control("PR_SET_PDEATHSIG", 1, (long)Signal.Kill);
        AddLimit(script, LimitStack, StackBytes);
        AddLimit(script, LimitCore, 0);
        AddLimit(script, LimitFiles, ulong.MaxValue);
        script.PassDescriptors([theirs.Number, image.Number]);
        const int emptyPath = 0x1000;
        script.Add("close-on-exec", Sys.fcntl, 1, 2, 1);
        script.Add("execveat stub", Sys.execveat, 1, script.Text(""), script.Texts(["stub"]), script.Texts([]),
            emptyPath);
        SpawnOutcome outcome = script.Run();
        if (!outcome.Succeeded)
            throw new PlatformNotSupportedException($"cannot start the zygote: {outcome}");
        ZygoteProcess zygote = new(script.ProcessId, script.PidFd!, ours);
        zygote.Prepare(filter, readsBases);
        return zygote;
    }

    /// <summary>
    /// Asks for a process that executes <paramref name="first"/> by itself: its pid, not reaped before we do it.
    /// EAGAIN, ENOMEM, or EPIPE if the zygote is gone.
    /// </summary>
    public Result<int> Clone(ReadOnlySpan<HostCommand> first)
    {
        const int failed = 77;
        HostCommand[] commands =
        [
            new(Sys.clone, (long)CloneFlags.Parent | (long)Signal.Child), .. first, new(Sys.exit_group, failed),
        ];
        if (Run(commands, StubLayout.StopUnlessZero, StubLayout.StopNever) is not Errno.Ok and Errno error)
            return error;
        return HostSyscall.AsInt(commands[0].Result);
    }

    public void Dispose()
    {
        _control.Dispose(); // End of file ends the zygote.
        HostProcess.Signal(_pidFd.Number, Signal.Kill);
        HostProcess.Wait(_pidFd.Number);
        _pidFd.Dispose();
    }

    private void Prepare(BpfInstruction[] filter, bool readsBases)
    {
        if (Receive().Failed(out ulong initialStack, out Errno error))
            throw new PlatformNotSupportedException($"the zygote does not answer: {error}");
        AuxiliaryVector vector = AuxiliaryVector.Read(ProcessId, initialStack);
        (StackTop, VdsoAddress) = (vector.StackTop, vector.VdsoAddress);
        if (vector.MinSignalStackBytes > StubLayout.SlotStackBytes - 0x1800)
            throw new PlatformNotSupportedException(
                "this processor's extended state does not fit the stub's signal stack");
        WriteParameters(filter, readsBases && vector.HasFsGsBase);

        const int setMask = 2, noNewPrivileges = 38, dontNeed = 4, setAltStackFlags = 0;
        ulong touched = StackTop - StackBytes + StackMargin;
        List<HostCommand> commands =
        [
            new(Sys.rt_sigprocmask, setMask, (long)ActionsStart, 0, 8), // The first eight bytes there are zero.
            new(Sys.sigaltstack, (long)(ActionsStart + 8), setAltStackFlags),
            new(Sys.prctl, noNewPrivileges, 1),
            // The kernel's own write expands the stack mapping to its full size at once: copies by process_vm_writev
            // to a stack that the guest has not touched yet would fail, for they do not expand it.
            new(Sys.getrandom, (long)touched, 8, 0),
            new(Sys.madvise, (long)(touched & ~0xFFFul), 0x1000, dontNeed),
        ];
        foreach (int signal in StubSignals.All)
        {
            ulong action = signal == StubSignals.Kick ? ActionsStart + 96 : ActionsStart + 64;
            commands.Add(new HostCommand(Sys.rt_sigaction, signal, (long)action, 0, 8));
        }

        Span<HostCommand> batch = CollectionsMarshal.AsSpan(commands);
        error = Run(batch, StubLayout.StopAtError, StubLayout.StopAtError);
        foreach (ref HostCommand command in batch)
        {
            if (error == Errno.Ok && HostSyscall.ErrorOf(command.Result) is not Errno.Ok and Errno failed)
                throw new PlatformNotSupportedException($"the zygote's system call {command.Number} failed: {failed}");
        }

        if (error != Errno.Ok)
            throw new PlatformNotSupportedException($"the zygote does not run commands: {error}");
    }

    /// <summary>Zeros, stack_t, two sigactions; then sock_fprog and the filter.</summary>
    private void WriteParameters(BpfInstruction[] filter, bool hasFsGsBase)
    {
        ulong handler = StubLayout.CodeStart + StubCode.HandlerOffset;
        ulong restorer = StubLayout.CodeStart + StubCode.RestorerStartOffset;
        ReadOnlySpan<ulong> actions =
        [
            0, StubLayout.FirstSlot + StubLayout.SlotStack, 0, StubLayout.SlotStackBytes, 0, 0, 0, 0,
            handler, StubSignals.FaultFlags, restorer, ulong.MaxValue,
            handler, StubSignals.KickFlags, restorer, ulong.MaxValue,
        ];
        ReadOnlySpan<ulong> program = [(ulong)filter.Length, ProgramStart + 16];
        byte[] features = [hasFsGsBase ? (byte)1 : (byte)0];
        Write(ActionsStart, MemoryMarshal.AsBytes(actions));
        Write(ProgramStart, MemoryMarshal.AsBytes(program));
        Write(ProgramStart + 16, MemoryMarshal.AsBytes(filter.AsSpan()));
        Write(StubLayout.DataStart + StubLayout.DataHasFsGsBase, features);
    }

    private void Write(ulong address, ReadOnlySpan<byte> bytes)
    {
        if (HostProcess.WriteMemory(ProcessId, address, bytes).Failed(out int count, out Errno error)
            || count != bytes.Length)
            throw new PlatformNotSupportedException($"process_vm_writev into the zygote failed: {error}");
    }

    /// <summary>Runs a batch; the stop modes say when the first command ends it, and when the others do.</summary>
    private Errno Run(Span<HostCommand> commands, int firstStop, int stop)
    {
        Span<byte> image = stackalloc byte[StubLayout.MaxCommands * StubLayout.CommandBytes];
        image = image[..(commands.Length * StubLayout.CommandBytes)];
        for (int i = 0; i < commands.Length; i++)
            CommandImage.Write(image[(i * StubLayout.CommandBytes)..], commands[i], i == 0 ? firstStop : stop);
        ulong address = StubLayout.FirstSlot + StubLayout.SlotCommands;
        Span<byte> request = stackalloc byte[8];
        BinaryPrimitives.WriteInt64LittleEndian(request, commands.Length);
        if (HostProcess.WriteMemory(ProcessId, address, image).Failed(out _, out Errno error)
            || HostFile.Write(_control.Number, request).Failed(out _, out error) || Receive().Failed(out _, out error)
            || HostProcess.ReadMemory(ProcessId, address, image).Failed(out _, out error))
        {
            return error;
        }

        for (int i = 0; i < commands.Length; i++)
        {
            int offset = (i * StubLayout.CommandBytes) + StubLayout.CommandResult;
            commands[i].Result = BinaryPrimitives.ReadInt64LittleEndian(image[offset..]);
        }

        return Errno.Ok;
    }

    private Result<ulong> Receive()
    {
        Span<byte> answer = stackalloc byte[8];
        // A stub that is kept ready has its end of the socket, too: when the zygote dies there is no end of file.
        if (HostPoll.WaitReadable(_control.Number, _pidFd.Number) is { First: false, Second: true })
            return Errno.EPIPE;
        if (HostFile.Read(_control.Number, answer).Failed(out int count, out Errno error))
            return error;
        return count == answer.Length ? BinaryPrimitives.ReadUInt64LittleEndian(answer) : Errno.EPIPE;
    }

    private static unsafe (HostFd Ours, HostFd Theirs) SocketPair()
    {
        const int unix = 1, sequentialPackets = 5;
        int* fds = stackalloc int[2];
        if (HostSyscall.Call(Sys.socketpair, unix, sequentialPackets | CloseOnExec, 0, (long)fds) != 0)
            throw new PlatformNotSupportedException("no socket pair for the zygote");
        return (new HostFd(fds[0]), new HostFd(fds[1]));
    }

    /// <summary>Sets a soft limit, as far as the hard limit lets us.</summary>
    private static void AddLimit(SpawnScript script, int resource, ulong soft)
    {
        if (HostProcess.GetLimit(0, resource).Failed(out (ulong Soft, ulong Hard) now, out _))
            return;
        Span<byte> limits = stackalloc byte[16];
        BinaryPrimitives.WriteUInt64LittleEndian(limits, Math.Min(soft, now.Hard));
        BinaryPrimitives.WriteUInt64LittleEndian(limits[8..], now.Hard);
        script.Add($"prlimit {resource}", Sys.prlimit64, 0, resource, script.Bytes(limits), 0);
    }
}
