using Sandbox.Linux;
using Sandbox.Sentry.Syscalls;
using F = Sandbox.SyscallTables.Tracing.ArgumentFormat;

namespace Sandbox.SyscallTables.Families;

/// <summary>
/// Memory: mappings and advice. Most of these calls run natively and never get here (docs/architecture.md, 4.4).
/// </summary>
internal static unsafe class MemoryRows
{
    public static void Add(Syscall?[] rows)
    {
        rows[Sys.mmap] = Syscall.Of<ulong, ulong, MemoryProtection, MapFlags, Fd, ulong>("mmap", &MemorySyscalls.Map)
            .Partial("no MAP_HUGETLB")
            .Shows(F.Address, F.Unsigned64, F.Protection, F.MapFlags, F.Fd, F.Hexadecimal)
            .ReturnsAddress()
            .RunsNatively();
        rows[Sys.munmap] = Syscall.Of<ulong, ulong>("munmap", &MemorySyscalls.Unmap)
            .Shows(F.Address, F.Unsigned64)
            .RunsNatively();
        rows[Sys.mprotect] = Syscall.Of<ulong, ulong, MemoryProtection>("mprotect", &MemorySyscalls.Protect)
            .Shows(F.Address, F.Unsigned64, F.Protection)
            .RunsNatively();
        rows[Sys.mremap] = Syscall.Of<ulong, ulong, ulong, int, ulong>("mremap", &MemorySyscalls.Remap)
            .Shows(F.Address, F.Unsigned64, F.Unsigned64, F.RemapFlags, F.Address)
            .ReturnsAddress()
            .RunsNatively();
        rows[Sys.madvise] = Syscall.Of<ulong, ulong, int>("madvise", &MemorySyscalls.Advise)
            .Partial("no MADV_HWPOISON, MADV_SOFT_OFFLINE")
            .Shows(F.Address, F.Unsigned64, F.Advice)
            .RunsNatively();
        rows[Sys.brk] = Syscall.Of<ulong>("brk", &MemorySyscalls.Break)
            .Shows(F.Address)
            .ReturnsAddress()
            .RunsNatively();
        rows[Sys.msync] = Syscall.Of<ulong, ulong, int>("msync", &MemorySyscalls.Synchronize)
            .Shows(F.Address, F.Unsigned64, F.SynchronizeFlags);
        rows[Sys.mincore] = Syscall.Of<ulong, ulong, UserAddress>("mincore", &MemorySyscalls.Resident);
        rows[Sys.mlock] = Syscall.Of<ulong, ulong>("mlock", &MemorySyscalls.Lock)
            .Shows(F.Address, F.Unsigned64);
        rows[Sys.mlock2] = Syscall.Of<ulong, ulong, int>("mlock2", &MemorySyscalls.Lock2);
        rows[Sys.munlock] = Syscall.Of<ulong, ulong>("munlock", &MemorySyscalls.Unlock)
            .Shows(F.Address, F.Unsigned64);
        rows[Sys.mlockall] = Syscall.Of<int>("mlockall", &MemorySyscalls.LockAll);
        rows[Sys.process_vm_readv] = Syscall.Of<int, UserPtr<IoVector>, ulong, UserPtr<IoVector>, ulong>(
            "process_vm_readv", &ProcessMemorySyscalls.Read);
        rows[Sys.process_vm_writev] = Syscall.Of<int, UserPtr<IoVector>, ulong, UserPtr<IoVector>, ulong>(
            "process_vm_writev", &ProcessMemorySyscalls.Write);
        rows[Sys.munlockall] = Syscall.Of("munlockall", &MemorySyscalls.UnlockAll);
    }
}
