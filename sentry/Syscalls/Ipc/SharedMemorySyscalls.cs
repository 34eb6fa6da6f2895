using System.Runtime.InteropServices;
using Sandbox.Linux;
using Sandbox.Platform;
using Sandbox.Sentry.Filesystems.Tmp;
using Sandbox.Sentry.Kernel.SystemV;
using Sandbox.Sentry.Kernel.Tasks;
using Sandbox.Sentry.Security;
using Sandbox.Sentry.Vfs;

namespace Sandbox.Sentry.Syscalls;

/// <summary>System V shared memory: shmget(2), shmat(2), shmdt(2), shmctl(2).</summary>
internal static class SharedMemorySyscalls
{
    private const ulong PageMask = 0xFFF, AddressLimit = 0x7FFF_FFFF_F000;
    private const int HugePages = 0x800;
    private const int ReadOnly = 0x1000, Round = 0x2000, Remap = 0x4000, Executable = 0x8000;
    /// <summary>As much as an address space holds.</summary>
    private const ulong MaxBytes = 1ul << 46;

    private const uint Read = 4, Write = 2, Execute = 1;

    /// <summary>struct shmid64_ds (include/uapi/asm-generic/shmbuf.h).</summary>
    [StructLayout(LayoutKind.Sequential)]
    internal struct SegmentRecord
    {
        public IpcPermissionRecord Permissions;
        public ulong Bytes;
        public long AttachTime;
        public long DetachTime;
        public long ChangeTime;
        public int CreatorPid;
        public int LastPid;
        public long Attachments;
        private readonly ulong _unused0;
        private readonly ulong _unused1;
    }

    /// <summary>struct shminfo64.</summary>
    [StructLayout(LayoutKind.Sequential)]
    private readonly record struct Limits(
        ulong MaxBytes, ulong MinBytes, ulong MaxSegments, ulong MaxPerProcess, ulong MaxPages,
        ulong Unused0, ulong Unused1, ulong Unused2, ulong Unused3);

    /// <summary>struct shm_info.</summary>
    [StructLayout(LayoutKind.Sequential)]
    private readonly record struct Usage(
        int Segments, int Padding, ulong Pages, ulong Resident, ulong Swapped, ulong SwapAttempts, ulong SwapSuccesses);

    public static SyscallResult Get(Task task, int key, nuint bytes, int flags)
    {
        SystemVObjects objects = SystemVObjects.Of(task.Namespaces.Ipc);
        using (objects.Lock.Enter())
        {
            if (objects.Segments.Find(key, flags, task.Credentials).Failed(out SharedSegment? found, out Errno error))
                return error;
            if (found is not null)
                return bytes > found.Bytes ? Errno.EINVAL : found.Id;
        }

        if (bytes is 0 || bytes > objects.Limits[IpcLimit.SegmentBytes])
            return Errno.EINVAL;
        if (bytes > MaxBytes)
            return Errno.ENOMEM;
        if ((flags & HugePages) != 0)
            return Errno.ENOMEM; // No huge pages are reserved here, as on most hosts.
        return Make(task, objects, key, bytes, flags);
    }

    public static SyscallResult Attach(Task task, int id, UserAddress wanted, int flags)
    {
        ulong address = wanted.Value;
        if ((address & PageMask) != 0 && (flags & Round) == 0)
            return Errno.EINVAL;
        address &= ~PageMask;
        if (address == 0 && (flags & Remap) != 0)
            return Errno.EINVAL;
        SystemVObjects objects = SystemVObjects.Of(task.Namespaces.Ipc);
        SharedSegment? segment;
        using (objects.Lock.Enter())
        {
            uint access = Read | ((flags & ReadOnly) != 0 ? 0 : Write) | ((flags & Executable) != 0 ? Execute : 0);
            if (objects.Segments.Get(id, access, task.Credentials).Failed(out segment, out Errno error))
                return error;
            segment.Attach(task.Group.Id);
        }

        SyscallResult result = Map(task, segment, address, flags);
        if (result.Error == Errno.Ok)
            task.GuestMemory.AddAttachment(new SegmentAttachment((ulong)result.Register, segment));
        else
            segment.Detach(task.Group.Id);
        return result;
    }

    public static SyscallResult Detach(Task task, UserAddress address)
    {
        if (task.GuestMemory.RemoveAttachment(address.Value) is not { } segment)
            return Errno.EINVAL;
        HostCommand unmap = new(Sys.munmap, (long)address.Value, (long)PageRound(segment.Bytes));
        Errno error = task.Thread.Execute(new Span<HostCommand>(ref unmap), stopAtError: true);
        segment.Detach(task.Group.Id);
        return error;
    }

    public static SyscallResult Control(Task task, int id, int command, UserAddress buffer)
    {
        const int remove = 0, set = 1, stat = 2, info = 3, lockPages = 11, unlockPages = 12, statSlot = 13, usage = 14,
            statAny = 15;
        SystemVObjects objects = SystemVObjects.Of(task.Namespaces.Ipc);
        return command switch
        {
            remove => Remove(task, objects, id),
            set => Set(task, objects, id, new UserPtr<SegmentRecord>(buffer)),
            stat or statSlot or statAny =>
                Stat(task, objects, id, new UserPtr<SegmentRecord>(buffer), command != stat, command == statAny),
            info => WriteLimits(task, objects, new UserPtr<Limits>(buffer)),
            usage => WriteUsage(task, objects, new UserPtr<Usage>(buffer)),
            lockPages or unlockPages => LockPages(task, objects, id, command == lockPages),
            _ => Errno.EINVAL,
        };
    }

    private static SyscallResult Make(Task task, SystemVObjects objects, int key, nuint bytes, int flags)
    {
        if (MemoryFile.Create("SYSV", false, false, OpenFlags.ReadWrite, task.Credentials, task.Account)
            .Failed(out OpenFile? file, out Errno error))
            return error;
        if (file.Truncate((long)PageRound(bytes)) is not Errno.Ok and Errno tooLarge)
        {
            file.Release();
            return tooLarge;
        }

        SyscallResult result;
        using (objects.Lock.Enter())
        {
            // Somebody else may have made it meanwhile.
            if (objects.Segments.Find(key, flags, task.Credentials).Failed(out SharedSegment? found, out error))
            {
                result = error;
            }
            else if (found is not null)
            {
                result = found.Id;
            }
            else
            {
                SharedSegment segment = new(objects, key, (uint)flags, task.Credentials, file, bytes, task.Account)
                {
                    Creator = task.Group.Id, Maker = task.Group,
                };
                error = objects.SegmentPages + segment.Pages > objects.Limits[IpcLimit.SegmentPages]
                    ? Errno.ENOSPC
                    : segment.Charge(0);
                if (error == Errno.Ok)
                {
                    objects.AddSegment(segment, task.Group);
                    return segment.Id;
                }

                result = error;
            }
        }

        file.Release();
        return result;
    }

    private static SyscallResult Map(Task task, SharedSegment segment, ulong address, int flags)
    {
        ulong bytes = PageRound(segment.Bytes);
        if (address != 0
            && (bytes > AddressLimit || address > AddressLimit - bytes || TouchesStub(task, address, bytes)))
            return Errno.EINVAL;
        bool isReadOnly = (flags & ReadOnly) != 0;
        MemoryProtection protection = MemoryProtection.Read | (isReadOnly ? 0 : MemoryProtection.Write)
            | ((flags & Executable) != 0 ? MemoryProtection.Execute : 0);
        MapFlags mapFlags = MapFlags.Shared
            | (address == 0 ? 0 : (flags & Remap) != 0 ? MapFlags.Fixed : MapFlags.FixedNoReplace);
        // What is attached read-only, mprotect(2) cannot make writable: its descriptor is that of a private mapping,
        // read-only.
        MapFlags access = isReadOnly ? MapFlags.Private : mapFlags;
        if (segment.File.GetMappingFd(access, protection).Failed(out int hostFd, out Errno error))
            return error;
        task.GuestMemory.HasSharedMappings = true;
        HostCommand map = new(
            Sys.mmap, (long)address, (long)bytes, (long)protection, (long)mapFlags, a4: hostFd, a5: 0, hostFd: hostFd);
        if (task.Thread.Execute(new Span<HostCommand>(ref map), stopAtError: true) is not Errno.Ok and Errno failed)
            return failed;
        SyscallResult result = map.Result;
        return result.Error == Errno.EEXIST ? Errno.EINVAL : result;
    }

    private static SyscallResult Remove(Task task, SystemVObjects objects, int id)
    {
        SharedSegment? segment;
        bool isGone;
        using (objects.Lock.Enter())
        {
            if (objects.Segments.GetOwned(id, task.Credentials).Failed(out segment, out Errno error))
                return error;
            isGone = segment.Destroy();
        }

        if (isGone)
            segment.File.Release();
        return 0;
    }

    private static SyscallResult Set(Task task, SystemVObjects objects, int id, UserPtr<SegmentRecord> buffer)
    {
        if (task.Memory.Read(buffer, out SegmentRecord wanted) is not Errno.Ok and Errno fault)
            return fault;
        using (objects.Lock.Enter())
        {
            if (objects.Segments.GetOwned(id, task.Credentials).Failed(out SharedSegment? segment, out Errno error))
                return error;
            return segment.Set(wanted.Permissions, task.Credentials.UserNamespace);
        }
    }

    private static SyscallResult Stat(
        Task task, SystemVObjects objects, int id, UserPtr<SegmentRecord> buffer, bool isSlot, bool isAny)
    {
        SegmentRecord record;
        int answer;
        using (objects.Lock.Enter())
        {
            uint wanted = isAny ? 0 : Read;
            Result<SharedSegment> found = isSlot
                ? objects.Segments.GetSlot(id, wanted, task.Credentials)
                : objects.Segments.Get(id, wanted, task.Credentials);
            if (found.Failed(out SharedSegment? segment, out Errno error))
                return error;
            record = Describe(segment, task);
            answer = isSlot ? segment.Id : 0;
        }

        return task.Memory.Write(buffer, record) is not Errno.Ok and Errno fault ? fault : answer;
    }

    private static SegmentRecord Describe(SharedSegment segment, Task viewer) => new()
    {
        Permissions = segment.Describe(viewer.Credentials.UserNamespace),
        Bytes = segment.Bytes,
        AttachTime = segment.AttachTime,
        DetachTime = segment.DetachTime,
        ChangeTime = segment.ChangeTime,
        CreatorPid = segment.Creator?.In(viewer.PidNamespace) ?? 0,
        LastPid = segment.LastUser?.In(viewer.PidNamespace) ?? 0,
        Attachments = segment.Attachments,
    };

    private static SyscallResult WriteLimits(Task task, SystemVObjects objects, UserPtr<Limits> buffer)
    {
        ulong maxSegments = objects.Limits[IpcLimit.Segments];
        Limits limits = new(
            objects.Limits[IpcLimit.SegmentBytes], 1, maxSegments, maxSegments,
            objects.Limits[IpcLimit.SegmentPages], 0, 0, 0, 0);
        int highest;
        using (objects.Lock.Enter())
            highest = objects.Segments.HighestSlot;
        return task.Memory.Write(buffer, limits) is not Errno.Ok and Errno fault ? fault : highest;
    }

    private static SyscallResult WriteUsage(Task task, SystemVObjects objects, UserPtr<Usage> buffer)
    {
        ulong pages = 0;
        int count, highest;
        using (objects.Lock.Enter())
        {
            foreach (SharedSegment segment in objects.Segments.All)
                pages += PageRound(segment.Bytes) / 4096;
            (count, highest) = (objects.Segments.Count, objects.Segments.HighestSlot);
        }

        Usage usage = new(count, 0, pages, pages, 0, 0, 0);
        return task.Memory.Write(buffer, usage) is not Errno.Ok and Errno fault ? fault : highest;
    }

    // There is no swap to be kept from; the flag is remembered, as ipcs(1) shows it.
    private static SyscallResult LockPages(Task task, SystemVObjects objects, int id, bool isLock)
    {
        using (objects.Lock.Enter())
        {
            if (objects.Segments.Get(id).Failed(out SharedSegment? segment, out Errno error))
                return error;
            if (!task.Credentials.Has(Capability.IpcLock, objects.Owner)
                && segment.CheckOwner(task.Credentials, objects.Owner) is not Errno.Ok and Errno denied)
            {
                return denied;
            }

            segment.Mode = isLock ? segment.Mode | SharedSegment.Locked : segment.Mode & ~SharedSegment.Locked;
            return 0;
        }
    }

    private static ulong PageRound(ulong bytes) => (bytes + PageMask) & ~PageMask;

    private static bool TouchesStub(Task task, ulong address, ulong bytes)
    {
        IAddressSpace space = task.GuestMemory.Space;
        return address < space.ReservedEnd && address + bytes > space.ReservedStart;
    }
}
