using Sandbox.Linux;
using Sandbox.Sentry.Syscalls;

namespace Sandbox.SyscallTables.Families;

/// <summary>Memory: mappings and advice. Most of these calls run natively and never get here (docs/architecture.md, 4.4).</summary>
internal static unsafe class MemoryRows
{
    public static void Add(Syscall?[] rows)
    {
        rows[Sys.mmap] = Syscall.Of<ulong, ulong, MemoryProtection, MapFlags, Fd, ulong>("mmap", &MemorySyscalls.Map)
            .Partial("no MAP_HUGETLB");
        rows[Sys.munmap] = Syscall.Of<ulong, ulong>("munmap", &MemorySyscalls.Unmap);
        rows[Sys.mprotect] = Syscall.Of<ulong, ulong, MemoryProtection>("mprotect", &MemorySyscalls.Protect);
        rows[Sys.mremap] = Syscall.Of<ulong, ulong, ulong, int, ulong>("mremap", &MemorySyscalls.Remap);
        rows[Sys.madvise] = Syscall.Of<ulong, ulong, int>("madvise", &MemorySyscalls.Advise)
            .Partial("no MADV_HWPOISON, MADV_SOFT_OFFLINE");
        rows[Sys.brk] = Syscall.Of<ulong>("brk", &MemorySyscalls.Break);
        rows[Sys.msync] = Syscall.Of<ulong, ulong, int>("msync", &MemorySyscalls.Synchronize);
        rows[Sys.mincore] = Syscall.Of<ulong, ulong, UserAddress>("mincore", &MemorySyscalls.Resident);
        rows[Sys.mlock] = Syscall.Of<ulong, ulong>("mlock", &MemorySyscalls.Lock);
        rows[Sys.mlock2] = Syscall.Of<ulong, ulong, int>("mlock2", &MemorySyscalls.Lock2);
        rows[Sys.munlock] = Syscall.Of<ulong, ulong>("munlock", &MemorySyscalls.Unlock);
        rows[Sys.mlockall] = Syscall.Of<int>("mlockall", &MemorySyscalls.LockAll);
        rows[Sys.process_vm_readv] = Syscall.Of<int, UserPtr<IoVector>, ulong, UserPtr<IoVector>, ulong>(
            "process_vm_readv", &ProcessMemorySyscalls.Read);
        rows[Sys.process_vm_writev] = Syscall.Of<int, UserPtr<IoVector>, ulong, UserPtr<IoVector>, ulong>(
            "process_vm_writev", &ProcessMemorySyscalls.Write);
        rows[Sys.munlockall] = Syscall.Of("munlockall", &MemorySyscalls.UnlockAll);
    }
}
