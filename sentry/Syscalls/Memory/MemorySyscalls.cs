using Sandbox.Linux;
using Sandbox.Platform;
using Sandbox.Sentry.Kernel.Tasks;
using Sandbox.Sentry.Vfs;

namespace Sandbox.Sentry.Syscalls;

/// <summary>
/// The memory calls that reach the Sentry: mappings of files and shared memory, and what the platform's filter could
/// not decide from the registers alone. They are checked here and executed by the host with the guest's own registers
/// (docs/architecture.md, 4.4).
/// </summary>
internal static class MemorySyscalls
{
    private const ulong PageMask = 0xFFF, AddressLimit = 0x7FFF_FFFF_F000;

    public static SyscallResult Map(
        Task task, ulong address, ulong length, MemoryProtection protection, MapFlags flags, Fd fd, ulong offset)
    {
        if ((offset & PageMask) != 0 || length == 0)
            return Errno.EINVAL;
        if (length > AddressLimit)
            return Errno.ENOMEM;
        if ((flags & MapFlags.TypeMask) is not (MapFlags.Shared or MapFlags.Private or MapFlags.SharedValidate))
            return Errno.EINVAL;
        if ((flags & MapFlags.TypeMask) != MapFlags.Private)
            task.GuestMemory.HasSharedMappings = true;
        if ((flags & MapFlags.HugeTlb) != 0)
            return Errno.ENOMEM; // No huge pages are reserved here, as on most hosts.
        bool isFixed = (flags & (MapFlags.Fixed | MapFlags.FixedNoReplace)) != 0;
        if (isFixed && ((address & PageMask) != 0 || address > AddressLimit - length))
            return (address & PageMask) != 0 ? Errno.EINVAL : Errno.ENOMEM;
        if (WriteExecuteDenial.DeniesMap(task.GuestMemory, protection))
            return Errno.EACCES;
        if (isFixed && TouchesStub(task, address, length))
            return (flags & MapFlags.FixedNoReplace) != 0 ? Errno.EEXIST : Errno.ENOMEM;
        if ((flags & MapFlags.Anonymous) != 0)
            return ExecuteOnHost(task);
        if (offset > long.MaxValue - length)
            return Errno.EOVERFLOW;
        return MapFile(task, protection, flags, fd);
    }

    public static SyscallResult Unmap(Task task, ulong address, ulong length) =>
        CheckThenExecute(task, address, length);

    public static SyscallResult Protect(Task task, ulong address, ulong length, MemoryProtection protection) =>
        WriteExecuteDenial.DeniesProtect(task.GuestMemory, address, length, protection)
            ? Errno.EACCES
            : CheckThenExecute(task, address, length);

    public static SyscallResult Remap(
        Task task, ulong address, ulong oldLength, ulong newLength, int flags, ulong newAddress)
    {
        const int isFixed = 2;
        if ((flags & isFixed) != 0 && (newLength > AddressLimit || TouchesStub(task, newAddress, newLength)))
            return Errno.EINVAL;
        return CheckThenExecute(task, address, Math.Max(oldLength, 1));
    }

    public static SyscallResult Advise(Task task, ulong address, ulong length, int advice)
    {
        // madvise(2): the advices that only concern the caller's own memory. MADV_HWPOISON and its like are the
        // machine's; merging pages tells processes what is in the memory of others, so there is none here,
        // as in kernels without KSM.
        const int mergeable = 12, unmergeable = 13;
        if (advice is not (>= 0 and <= 4 or >= 8 and <= 25) or mergeable or unmergeable)
            return Errno.EINVAL;
        return CheckThenExecute(task, address, length);
    }

    /// <summary>brk(2), where it is not run natively: the host refuses what would run into another mapping.</summary>
    public static SyscallResult Break(Task task, ulong address) => ExecuteOnHost(task);

    public static SyscallResult Synchronize(Task task, ulong address, ulong length, int flags) =>
        CheckThenExecute(task, address, length);

    public static SyscallResult Resident(Task task, ulong address, ulong length, UserAddress vector) =>
        CheckThenExecute(task, address, length);

    public static SyscallResult Lock(Task task, ulong address, ulong length) => CheckThenExecute(task, address, length);

    public static SyscallResult Lock2(Task task, ulong address, ulong length, int flags) =>
        CheckThenExecute(task, address, length);

    public static SyscallResult Unlock(Task task, ulong address, ulong length) =>
        CheckThenExecute(task, address, length);

    public static SyscallResult LockAll(Task task, int flags) => ExecuteOnHost(task);

    public static SyscallResult UnlockAll(Task task) => ExecuteOnHost(task);

    private static SyscallResult MapFile(Task task, MemoryProtection protection, MapFlags flags, Fd fd)
    {
        if (task.Files.Get(fd).Failed(out OpenFile? file, out Errno error))
            return error;
        SyscallResult result = MapOpenFile(task, file, protection, flags);
        file.Release();
        return result;
    }

    private static SyscallResult MapOpenFile(Task task, OpenFile file, MemoryProtection protection, MapFlags flags)
    {
        // mmap(2), EACCES: every file mapping needs read access, a writable shared one write access as well.
        bool isShared = (flags & MapFlags.TypeMask) != MapFlags.Private;
        if (!file.IsReadable)
            return Errno.EACCES;
        if (isShared && (protection & MemoryProtection.Write) != 0 && !file.IsWritable)
            return Errno.EACCES;
        if ((protection & MemoryProtection.Execute) != 0 && file.Path.IsSome
            && (file.Path.Mount.Flags & MountFlags.NoExecute) != 0)
            return Errno.EPERM;
        if (file.GetMappingFd(flags, protection).Failed(out int hostFd, out Errno error))
            return error;
        if (file.Path.IsSome && !HostFile.Stat(hostFd).Failed(out Stat stat, out _))
            task.GuestMemory.RecordFile(stat.Device, stat.Inode, file.Path);
        task.NextAction = GuestAction.ExecuteOnHost(hostFd);
        return 0;
    }

    private static SyscallResult CheckThenExecute(Task task, ulong address, ulong length)
    {
        if (length > AddressLimit || address > AddressLimit - length)
            return Errno.EINVAL;
        return TouchesStub(task, address, length) ? Errno.ENOMEM : ExecuteOnHost(task);
    }

    private static SyscallResult ExecuteOnHost(Task task)
    {
        task.NextAction = GuestAction.ExecuteOnHost();
        return 0;
    }

    private static bool TouchesStub(Task task, ulong address, ulong length)
    {
        IAddressSpace space = task.GuestMemory.Space;
        ulong end = address + ((length + PageMask) & ~PageMask);
        return address < space.ReservedEnd && end > space.ReservedStart;
    }
}
