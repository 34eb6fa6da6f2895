using Sandbox.Linux;

namespace Sandbox.Platform.Spawn;

/// <summary>
/// Makes a child process without forking .NET: prepared system calls that the child executes in order, the last of them
/// an execveat. Build it with <see cref="Add"/> (and <see cref="SpawnSteps"/>), then <see cref="Run"/>; or
/// <see cref="Start"/>, do the parent's part (uid_map), <see cref="Release"/>, <see cref="Finish"/>.
/// </summary>
/// <remarks>
/// Not thread-safe; for one run. The arguments live in one block of memory outside the garbage-collected heap, which
/// the child shares until it executes its program.
/// Descriptors of this process that are not close-on-exec reach the program.
/// </remarks>
public sealed unsafe class SpawnScript : IDisposable
{
    private const int CloneArgumentsBytes = 88, StackBytes = 16 << 10, MaximumSteps = 512;
    private const int HeaderOffset = 0, CloneArgumentsOffset = 64, PidFdOffset = 160, TidOffset = 168,
        StepsOffset = 256;
    private const int ArenaOffset = StepsOffset + (MaximumSteps * SpawnCode.StepBytes);

    private readonly byte* _block;
    private readonly int _blockBytes;
    private readonly List<string> _names = [];
    private readonly CloneFlags _flags;
    private int _arenaUsed = ArenaOffset;
    private int _releaseRead = -1, _releaseWrite = -1;
    private bool _isFinished = true;

    /// <summary>An empty script. Throws if there is no memory.</summary>
    /// <param name="flags">Namespaces and the like. Memory is always shared and
    /// signal handlers are always reset.</param>
    /// <param name="arenaBytes">Room for strings and tables; only what is used costs memory.</param>
    public SpawnScript(CloneFlags flags = CloneFlags.None, int arenaBytes = 1 << 20)
    {
        const int readWrite = 3, privateAnonymous = 0x22;
        _flags = flags;
        _blockBytes = ArenaOffset + arenaBytes + StackBytes;
        long block = HostSyscall.Call(Sys.mmap, 0, _blockBytes, readWrite, privateAnonymous, -1, 0);
        if (HostSyscall.ErrorOf(block) != Errno.Ok)
            throw new InvalidOperationException("no memory for a syscall script");
        _block = (byte*)block;
    }

    /// <summary>The child's process id here, after <see cref="Start"/>.</summary>
    public int ProcessId { get; private set; }

    /// <summary>The child's pidfd (close-on-exec), after <see cref="Start"/>; the caller's to dispose.</summary>
    public HostFd? PidFd { get; private set; }

    /// <summary>
    /// The v2 cgroup directory the child starts in, or -1 (needs <see cref="CloneFlags.IntoCgroup"/>).
    /// </summary>
    public int CgroupFd { get; set; } = -1;

    /// <summary>
    /// Appends a system call. <paramref name="name"/> is what an error message says about it: "mount /proc".
    /// </summary>
    public SpawnStep Add(
        string name, int number, SpawnArgument a0 = default, SpawnArgument a1 = default, SpawnArgument a2 = default,
        SpawnArgument a3 = default, SpawnArgument a4 = default, SpawnArgument a5 = default) =>
        Append(name, number, 0, [a0, a1, a2, a3, a4, a5]);

    /// <summary>Appends a system call whose failure does not matter.</summary>
    public SpawnStep AddOptional(
        string name, int number, SpawnArgument a0 = default, SpawnArgument a1 = default, SpawnArgument a2 = default,
        SpawnArgument a3 = default, SpawnArgument a4 = default, SpawnArgument a5 = default) =>
        Append(name, number, SpawnCode.FlagMayFail, [a0, a1, a2, a3, a4, a5]);

    /// <summary>
    /// The child waits here until <see cref="Release"/>; it ends if this process dies first. At most once.
    /// </summary>
    public void AddWaitForRelease()
    {
        if (_releaseRead >= 0)
            throw new InvalidOperationException("a script waits once");
        int* ends = stackalloc int[2];
        if (HostSyscall.Call(Sys.pipe2, (long)ends, (long)OpenFlags.CloseOnExec) != 0)
            throw new InvalidOperationException("no descriptors for a syscall script");
        (_releaseRead, _releaseWrite) = (ends[0], ends[1]);
        Add("close the parent's end", Sys.close, _releaseWrite);
        Append("wait for the parent", Sys.read, SpawnCode.FlagZeroFails, [_releaseRead, Reserve(8), 1, 0, 0, 0]);
        Add("close the release pipe", Sys.close, _releaseRead);
    }

    /// <summary>The result of an earlier step as an argument: the descriptor an openat gave.</summary>
    public SpawnArgument ResultOf(SpawnStep step) =>
        SpawnArgument.LoadedFrom((long)StepAt(step.Index) + SpawnCode.StepResult);

    /// <summary>The address of a copy of <paramref name="text"/> with a NUL behind it.</summary>
    public SpawnArgument Text(string text)
    {
        byte[] bytes = new byte[System.Text.Encoding.UTF8.GetByteCount(text) + 1];
        System.Text.Encoding.UTF8.GetBytes(text, bytes);
        return Bytes(bytes);
    }

    /// <summary>The address of a copy of <paramref name="bytes"/>, aligned to 16.</summary>
    public SpawnArgument Bytes(ReadOnlySpan<byte> bytes)
    {
        long address = Reserve(bytes.Length);
        bytes.CopyTo(new Span<byte>((void*)address, bytes.Length));
        return address;
    }

    /// <summary>The address of a NULL-terminated array of strings (argv, envp).</summary>
    public SpawnArgument Texts(ReadOnlySpan<string> texts)
    {
        long* table = (long*)Reserve((texts.Length + 1) * sizeof(long));
        for (int index = 0; index < texts.Length; index++)
            table[index] = Text(texts[index]).Value;
        table[texts.Length] = 0;
        return (long)table;
    }

    /// <summary>Clones the child, which begins at once. Errors are clone3(2)'s.</summary>
    public Errno Start()
    {
        const CloneFlags always = CloneFlags.Vm | CloneFlags.ClearSignalHandlers | CloneFlags.PidFd
            | CloneFlags.ChildClearTid;
        const int childSignal = 17;
        *(int*)(_block + TidOffset) = 1; // The kernel writes 0 and wakes us when the child leaves our memory.
        ulong* clone = (ulong*)(_block + CloneArgumentsOffset);
        clone[0] = (ulong)(_flags | always);
        clone[1] = (ulong)(_block + PidFdOffset);
        clone[2] = (ulong)(_block + TidOffset);
        clone[4] = childSignal;
        clone[5] = (ulong)(_block + _blockBytes - StackBytes);
        clone[6] = StackBytes;
        clone[10] = CgroupFd >= 0 ? (ulong)CgroupFd : 0;
        ulong* header = (ulong*)(_block + HeaderOffset);
        header[SpawnCode.HeaderCloneArguments / 8] = (ulong)clone;
        header[SpawnCode.HeaderCloneArgumentsBytes / 8] = CloneArgumentsBytes;
        header[SpawnCode.HeaderSteps / 8] = (ulong)StepAt(0);
        header[SpawnCode.HeaderStepCount / 8] = (ulong)_names.Count;
        long result = SpawnCode.Run(_block + HeaderOffset);
        if (HostSyscall.ErrorOf(result) is not Errno.Ok and Errno error)
            return error;
        _isFinished = false;
        ProcessId = (int)result;
        PidFd = new HostFd(*(int*)(_block + PidFdOffset));
        return Errno.Ok;
    }

    /// <summary>Lets a child that waits (<see cref="AddWaitForRelease"/>) go on.</summary>
    public void Release()
    {
        HostFile.Write(_releaseWrite, [1]);
        CloseReleasePipe();
    }

    /// <summary>Waits until the child has executed its program or has failed; a failed child is reaped.</summary>
    public SpawnOutcome Finish()
    {
        // Not private: the kernel's wake at the end of a child's use of our memory is not either.
        const int futexWait = 0;
        int* tid = (int*)(_block + TidOffset);
        while (Volatile.Read(ref *tid) != 0)
            HostSyscall.Call(Sys.futex, (long)tid, futexWait, 1);
        _isFinished = true;
        byte** header = (byte**)(_block + HeaderOffset);
        byte* failed = header[SpawnCode.HeaderFailedStep / 8];
        byte* last = header[SpawnCode.HeaderCurrentStep / 8];
        if (failed is null && last == StepAt(_names.Count - 1))
            return default;
        HostSyscall.CallRetrying(Sys.wait4, ProcessId, 0, 0, 0);
        if (failed is null)
            return new SpawnOutcome(NameOf(last), Errno.ECANCELED);
        Errno error = HostSyscall.ErrorOf(*(long*)(failed + SpawnCode.StepResult));
        return new SpawnOutcome(NameOf(failed), error == Errno.Ok ? Errno.ECANCELED : error);
    }

    /// <summary><see cref="Start"/> and <see cref="Finish"/>.</summary>
    public SpawnOutcome Run() => Start() is not Errno.Ok and Errno error ? new SpawnOutcome("clone", error) : Finish();

    /// <summary>Kills the child if it still runs the script, and frees the memory it ran in.</summary>
    public void Dispose()
    {
        CloseReleasePipe();
        if (!_isFinished)
        {
            HostSyscall.Call(Sys.kill, ProcessId, 9);
            Finish();
        }

        HostSyscall.Call(Sys.munmap, (long)_block, _blockBytes);
    }

    private SpawnStep Append(string name, int number, byte flags, ReadOnlySpan<SpawnArgument> arguments)
    {
        if (_names.Count == MaximumSteps)
            throw new InvalidOperationException("too many steps in a syscall script");
        byte* step = StepAt(_names.Count);
        *(int*)(step + SpawnCode.StepNumber) = number;
        step[SpawnCode.StepFlags] = flags;
        for (int index = 0; index < arguments.Length; index++)
        {
            ((long*)(step + SpawnCode.StepArguments))[index] = arguments[index].Value;
            if (arguments[index].IsIndirect)
                step[SpawnCode.StepIndirect] |= (byte)(1 << index);
        }

        _names.Add(name);
        return new SpawnStep(_names.Count - 1);
    }

    private byte* StepAt(int index) => _block + StepsOffset + (index * SpawnCode.StepBytes);

    private string NameOf(byte* step) =>
        step is null ? "clone" : _names[(int)((step - StepAt(0)) / SpawnCode.StepBytes)];

    private long Reserve(int bytes)
    {
        int start = (_arenaUsed + 15) & ~15;
        if (bytes > _blockBytes - StackBytes - start)
            throw new InvalidOperationException("a syscall script's strings are too long");
        _arenaUsed = start + bytes;
        return (long)(_block + start);
    }

    private void CloseReleasePipe()
    {
        if (_releaseRead < 0)
            return;
        HostFile.Close(_releaseRead);
        HostFile.Close(_releaseWrite);
        _releaseRead = _releaseWrite = -1;
    }
}
