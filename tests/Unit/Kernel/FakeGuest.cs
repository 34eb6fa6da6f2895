using System.Runtime.InteropServices;
using Sandbox.Linux;
using Sandbox.Platform;
using Sandbox.Sentry.Kernel;
using Sandbox.Sentry.Kernel.Containers;
using Sandbox.Sentry.Kernel.Namespaces;
using Sandbox.Sentry.Kernel.Processes;
using Sandbox.Sentry.Kernel.Signals;
using Sandbox.Sentry.Kernel.Tasks;
using Sandbox.Sentry.Memory;
using Sandbox.Sentry.Security;
using Sandbox.Sentry.Vfs;
using KernelTask = Sandbox.Sentry.Kernel.Tasks.Task;

namespace Sandbox.UnitTests.Kernel;

/// <summary>An address space that is an array: one private mapping from <see cref="Base"/> on.</summary>
internal sealed class FakeAddressSpace : IAddressSpace
{
    public const ulong Base = 0x10000;
    private readonly byte[] _bytes = new byte[0x40000];

    public int HostProcessId => 0;
    public ulong ReservedStart => 0;
    public ulong ReservedEnd => 0;
    public ulong VdsoAddress => 0;
    public ulong ScratchAddress => 0;
    public ulong StackTop => 0;

    public Result<int> Read(UserAddress source, Span<byte> destination)
    {
        lock (_bytes)
        {
            if (!TryRange(source, destination.Length, out int start))
                return Errno.EFAULT;
            _bytes.AsSpan(start, destination.Length).CopyTo(destination);
            return destination.Length;
        }
    }

    public Result<int> Write(UserAddress destination, ReadOnlySpan<byte> source)
    {
        lock (_bytes)
        {
            if (!TryRange(destination, source.Length, out int start))
                return Errno.EFAULT;
            source.CopyTo(_bytes.AsSpan(start));
            return source.Length;
        }
    }

    public Result<uint> CompareExchange(UserAddress address, uint expected, uint value)
    {
        lock (_bytes)
        {
            if (!TryRange(address, 4, out int start))
                return Errno.EFAULT;
            ref uint word = ref MemoryMarshal.Cast<byte, uint>(_bytes.AsSpan(start, 4))[0];
            uint found = word;
            if (found == expected)
                word = value;
            return found;
        }
    }

    public Errno BeginExchange() => Errno.Ok;

    public Result<uint> Exchange(UserAddress address, uint expected, uint value) =>
        CompareExchange(address, expected, value);

    public void EndExchange()
    {
    }

    public ResourceUsage Usage => default;

    public Result<HostMapping> FindMapping(UserAddress address) => TryRange(address, 1, out _)
        ? new HostMapping(
            Base, Base + (ulong)_bytes.Length, MemoryProtection.Read | MemoryProtection.Write, false, 0, 0, 0, "")
        : Errno.EFAULT;

    public Errno ListMappings(List<HostMapping> mappings) => Errno.ENOSYS;

    public Result<byte[]> ReadProcFile(ReadOnlySpan<byte> name) => Errno.ENOENT;

    public Result<int> ReadProcFileAt(ReadOnlySpan<byte> name, long offset, Span<byte> destination) => Errno.ENOENT;

    public Errno SetLimit(int resource, ulong soft, ulong hard) => Errno.Ok;

    public void Kill()
    {
    }

    public uint Word(ulong address) => BitConverter.ToUInt32(_bytes, (int)(address - Base));

    public void SetWord(ulong address, uint value) => Write(new UserAddress(address), BitConverter.GetBytes(value));

    private bool TryRange(UserAddress address, int length, out int start)
    {
        start = (int)(address.Value - Base);
        return address.Value >= Base && address.Value + (ulong)length <= Base + (ulong)_bytes.Length;
    }
}

/// <summary>A guest thread that runs nothing; it counts how often it was interrupted.</summary>
internal sealed class FakeGuestThread(IAddressSpace space) : IGuestThread
{
    private readonly byte[] _extended = new byte[832];
    private SyscallArguments _syscall;
    private UserRegisters _registers;

    public int Interrupts { get; private set; }
    public int HostThreadId => 0;
    public IAddressSpace AddressSpace => space;
    public bool IsStandingStill => true;
    public IGuestEvents? Events { get; set; }
    public ref readonly SyscallArguments Syscall => ref _syscall;
    public bool HasFullState => true;
    public ref UserRegisters Registers => ref _registers;
    public int ExtendedStateBytes => _extended.Length;
    public byte[] Extended => _extended;

    public Result<int> ReadExtendedState(Span<byte> destination)
    {
        _extended.CopyTo(destination);
        return _extended.Length;
    }

    public Errno WriteExtendedState(ReadOnlySpan<byte> source)
    {
        _extended.AsSpan().Clear();
        source.CopyTo(_extended);
        return Errno.Ok;
    }

    public Errno Execute(Span<HostCommand> commands, bool stopAtError) => Errno.ESRCH;

    public Errno TrapCalls(ReadOnlySpan<int> numbers, bool onAllThreads) => Errno.Ok;

    public Result<IGuestThread> Fork() => Errno.EAGAIN;

    public Result<IGuestThread> CreateThread(ulong? threadPointer) => Errno.EAGAIN;

    public void Start()
    {
    }

    public void Interrupt() => Interrupts++;

    public void Kill()
    {
    }
}

/// <summary>A kernel whose tasks run nothing: for what the kernel does between tasks.</summary>
internal sealed class FakeKernel : IDisposable, IKernelLog, ISyscallTable
{
    private readonly NamespaceSet _namespaces;
    private readonly PidNamespace _pids;

    public FakeKernel()
    {
        Kernel = new Sentry.Kernel.Kernel(
            null!, this, new HostFacts { CpuCount = 2, MinimumSignalStackBytes = 2048 }, this);
        _pids = new PidNamespace(Kernel.RootPids, UserNamespace.Root);
        _namespaces = new NamespaceSet
        {
            Uts = new UtsNamespace([], [], UserNamespace.Root),
            Ipc = new IpcNamespace(UserNamespace.Root),
            Network = new NetworkNamespace(UserNamespace.Root),
            PidForChildren = _pids,
            Container = new Container("fake"),
        };
        Init = NewProcess(null);
        _pids.Init = Init.Group;
    }

    public Sentry.Kernel.Kernel Kernel { get; }

    /// <summary>PID 1.</summary>
    public KernelTask Init { get; }

    public bool IsDebug => false;

    public KernelTask NewProcess(KernelTask? parent, uint userId = 0)
    {
        using (Kernel.Tree.Enter())
        {
            Pid id = Allocate();
            ProcessGroup processGroup = parent?.Group.ProcessGroup ?? new ProcessGroup(id, new Session(id));
            ThreadGroup group = new(Kernel, id, processGroup, new SignalHandlers(), ResourceLimits.Default)
            {
                Parent = parent?.Group,
            };
            parent?.Group.Children.Add(group);
            processGroup.Members.Add(group);
            KernelTask leader = NewTask(
                group, id, new GuestMemory(new FakeAddressSpace(), new MappedFiles(MemoryAccount.Sandbox)), userId);
            group.Leader = leader;
            id.ThreadGroup = group;
            return leader;
        }
    }

    public KernelTask NewThread(KernelTask sibling)
    {
        using (Kernel.Tree.Enter())
        {
            sibling.GuestMemory.AddUser(isOwner: false);
            return NewTask(sibling.Group, Allocate(), sibling.GuestMemory, sibling.Credentials.UserId);
        }
    }

    public void Send(ThreadGroup target, Signal signal, KernelTask? sender = null)
    {
        using (Kernel.Tree.Enter())
            SignalSender.SendToGroup(target, SignalInfo.FromKernel(signal), sender);
    }

    public static FakeGuestThread ThreadOf(KernelTask task) => (FakeGuestThread)task.Thread;

    public static FakeAddressSpace SpaceOf(KernelTask task) => (FakeAddressSpace)task.GuestMemory.Space;

    public void Dispose() => Kernel.Timers.Dispose();

    public void Debug(string message)
    {
    }

    public void Warning(string message)
    {
    }

    public void InternalError(string message, Exception? exception)
    {
    }

    SyscallResult ISyscallTable.Invoke(KernelTask task, in SyscallArguments arguments) => Errno.ENOSYS;

    string ISyscallTable.NameOf(int number) => "";

    string ISyscallTable.WaitChannelOf(int number) => "0";

    bool ISyscallTable.MayWaitWithoutThread(int number) => false;

    private Pid Allocate() =>
        _pids.Allocate().Failed(out Pid? id, out Errno error)
            ? throw new InvalidOperationException(error.ToString())
            : id;

    // A task needs mounts to leave at its end; nothing here looks for a file.
    private static FsContext NoPlace() => new(new MountNamespace(UserNamespace.Root), default, default, umask: 0);

    private KernelTask NewTask(ThreadGroup group, Pid id, GuestMemory memory, uint userId)
    {
        Credentials credentials = new()
        {
            UserNamespace = UserNamespace.Root,
            UserId = userId,
            EffectiveUserId = userId,
            SavedUserId = userId,
            Effective = userId == 0 ? CapabilitySet.Full : CapabilitySet.Empty,
            Permitted = userId == 0 ? CapabilitySet.Full : CapabilitySet.Empty,
        };
        KernelTask task = new(
            Kernel, group, id, new FakeGuestThread(memory.Space),
            new TaskResources(memory, NoPlace(), new FdTable(MemoryAccount.Sandbox), credentials, _namespaces));
        id.Task = task;
        group.Tasks.Add(task);
        return task;
    }
}
