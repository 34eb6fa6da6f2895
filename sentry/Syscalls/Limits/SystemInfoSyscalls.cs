using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Sandbox.Linux;
using Sandbox.Platform;
using Sandbox.Sentry.Kernel.Containers;
using Sandbox.Sentry.Kernel.Tasks;
using Sandbox.Sentry.Security;

namespace Sandbox.Sentry.Syscalls;

/// <summary>
/// The machine and its name: uname(2), sethostname(2), sysinfo(2), syslog(2), getrandom(2), personality(2)…
/// </summary>
internal static class SystemInfoSyscalls
{
    private const int NameBytes = 64, FieldBytes = 65, Fields = 6;
    private const int RandomChunk = 4096, LargestRandom = 33554431;

    /// <summary>struct sysinfo (sysinfo(2)).</summary>
    [StructLayout(LayoutKind.Sequential)]
    internal struct SystemInfo
    {
        public long UptimeSeconds;
        public LoadAverages Loads;
        public ulong TotalRam;
        public ulong FreeRam;
        public ulong SharedRam;
        public ulong BufferRam;
        public ulong TotalSwap;
        public ulong FreeSwap;
        public ushort Processes;
        private readonly ushort _padding0;
        private readonly int _padding1;
        public ulong TotalHigh;
        public ulong FreeHigh;
        public uint MemoryUnit;
        private readonly int _padding2;

        /// <summary>Fixed point with 16 fraction bits.</summary>
        [InlineArray(3)]
        internal struct LoadAverages
        {
            private ulong _first;
        }
    }

    public static SyscallResult Uname(Task task, UserAddress buffer)
    {
        Span<byte> names = stackalloc byte[FieldBytes * Fields];
        names.Clear();
        Kernel.Version.System.CopyTo(names);
        task.Namespaces.Uts.HostName.CopyTo(names[FieldBytes..]);
        Kernel.Version.Release.CopyTo(names[(FieldBytes * 2)..]);
        Kernel.Version.Build.CopyTo(names[(FieldBytes * 3)..]);
        Kernel.Version.Machine.CopyTo(names[(FieldBytes * 4)..]);
        task.Namespaces.Uts.DomainName.CopyTo(names[(FieldBytes * 5)..]);
        return task.Memory.Write(buffer, names);
    }

    public static SyscallResult SetHostName(Task task, UserAddress name, int length)
    {
        if (ReadName(task, name, length).Failed(out byte[]? bytes, out Errno error))
            return error;
        task.Namespaces.Uts.HostName = bytes;
        return 0;
    }

    public static SyscallResult SetDomainName(Task task, UserAddress name, int length)
    {
        if (ReadName(task, name, length).Failed(out byte[]? bytes, out Errno error))
            return error;
        task.Namespaces.Uts.DomainName = bytes;
        return 0;
    }

    public static SyscallResult Sysinfo(Task task, UserPtr<SystemInfo> result)
    {
        Kernel.Kernel kernel = task.Kernel;
        int processes;
        using (kernel.Tree.Enter())
            processes = kernel.TaskCount;
        ContainerMemory memory = ContainerMemory.Measure(kernel, task.Namespaces.Container);
        SystemInfo info = new()
        {
            UptimeSeconds = (HostClock.Now(HostClock.Boottime) - kernel.BootTime) / 1_000_000_000,
            TotalRam = (ulong)memory.Total,
            FreeRam = (ulong)memory.Free,
            SharedRam = (ulong)memory.Files,
            Processes = (ushort)Math.Min(processes, ushort.MaxValue),
            MemoryUnit = 1,
        };
        return task.Memory.Write(result, info);
    }

    /// <summary>There is no kernel log to show but the line every kernel starts with.</summary>
    public static SyscallResult Syslog(Task task, int action, UserAddress buffer, int length)
    {
        const int close = 0, open = 1, readAll = 3, sizeUnread = 9, sizeBuffer = 10, last = 10;
        if ((uint)action > last)
            return Errno.EINVAL;
        if (action is not (close or open or readAll or sizeBuffer) && !task.Credentials.Has(Capability.Syslog))
            return Errno.EPERM;
        switch (action)
        {
            case readAll:
                if (length < 0)
                    return Errno.EINVAL;
                ReadOnlySpan<byte> line = "<5>[    0.000000] Linux version 6.12.0 (sandbox)\n"u8;
                line = line[..Math.Min(line.Length, length)];
                return task.Memory.Write(buffer, line) is not Errno.Ok and Errno error ? error : line.Length;
            case sizeBuffer:
                return 1 << 17;
            case sizeUnread:
                return 0;
            default:
                return 0;
        }
    }

    public static SyscallResult GetRandom(Task task, UserAddress buffer, nuint length, uint flags)
    {
        const uint nonBlock = 1, random = 2, insecure = 4;
        if ((flags & ~(nonBlock | random | insecure)) != 0 || (flags & (random | insecure)) == (random | insecure))
            return Errno.EINVAL;
        Span<byte> chunk = stackalloc byte[RandomChunk];
        int wanted = (int)Math.Min(length, LargestRandom), done = 0;
        while (done < wanted)
        {
            // getrandom(2): large requests may be cut short by a signal.
            if (done > 0 && task.HasWork)
                break;
            Span<byte> part = chunk[..Math.Min(RandomChunk, wanted - done)];
            HostRandom.Fill(part);
            if (task.Memory.Write(buffer + (ulong)done, part) is not Errno.Ok and Errno error)
                return done == 0 ? error : done;
            done += part.Length;
        }

        return done;
    }

    public static SyscallResult Personality(Task task, uint persona)
    {
        uint old = task.Personality;
        if (persona != uint.MaxValue)
        {
            // Only Linux itself; the flags above the low byte are remembered.
            if ((persona & 0xFF) != 0)
                return Errno.EINVAL;
            task.Personality = persona;
        }

        return (long)old;
    }

    public static SyscallResult GetCpu(Task task, UserPtr<uint> processor, UserPtr<uint> node)
    {
        if (!processor.IsNull
            && task.Memory.Write(processor, (uint)Thread.GetCurrentProcessorId()) is not Errno.Ok and Errno error)
        {
            return error;
        }

        return node.IsNull ? 0 : task.Memory.Write(node, 0u);
    }

    /// <summary>Touches nothing but the caller's own threads: the host may as well do it.</summary>
    public static SyscallResult RunOnHost(Task task)
    {
        task.NextAction = GuestAction.ExecuteOnHost();
        return 0;
    }

    /// <summary>
    /// What the platform does not let through: CPUID faulting and shadow stacks. The segment bases run natively.
    /// </summary>
    public static SyscallResult ArchControl(Task task, int code)
    {
        const int firstBase = 0x1001, lastBase = 0x1004, getCpuid = 0x1011, setCpuid = 0x1012;
        if (code is >= firstBase and <= lastBase)
            return RunOnHost(task);
        return code switch
        {
            getCpuid => 1,
            setCpuid => Errno.ENODEV,
            _ => Errno.EINVAL,
        };
    }

    private static Result<byte[]> ReadName(Task task, UserAddress name, int length)
    {
        if (!task.Credentials.Has(Capability.SysAdmin, task.Namespaces.Uts.Owner))
            return Errno.EPERM;
        if ((uint)length > NameBytes)
            return Errno.EINVAL;
        byte[] bytes = new byte[length];
        return task.Memory.Read(name, bytes) is not Errno.Ok and Errno error ? error : bytes;
    }
}
