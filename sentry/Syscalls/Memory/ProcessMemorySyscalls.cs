using System.Buffers;
using Sandbox.Linux;
using Sandbox.Sentry.Kernel.Ptrace;
using Sandbox.Sentry.Kernel.Tasks;

namespace Sandbox.Sentry.Syscalls;

/// <summary>process_vm_readv(2), process_vm_writev(2): copies between two processes' memory.</summary>
internal static class ProcessMemorySyscalls
{
    private const int MaxVectors = 1024, ChunkBytes = 64 * 1024;
    private const long MaxTransfer = 0x7FFFF000;

    public static SyscallResult Read(
        Task task, int pid, UserPtr<IoVector> local, ulong localCount, UserPtr<IoVector> remote, ulong remoteCount) =>
        Copy(task, pid, local, localCount, remote, remoteCount, isWrite: false);

    public static SyscallResult Write(
        Task task, int pid, UserPtr<IoVector> local, ulong localCount, UserPtr<IoVector> remote, ulong remoteCount) =>
        Copy(task, pid, local, localCount, remote, remoteCount, isWrite: true);

    private static SyscallResult Copy(
        Task task, int pid, UserPtr<IoVector> local, ulong localCount, UserPtr<IoVector> remote, ulong remoteCount,
        bool isWrite)
    {
        if (localCount > MaxVectors || remoteCount > MaxVectors)
            return Errno.EINVAL;
        IoVector[] mine = new IoVector[localCount], theirs = new IoVector[remoteCount];
        if (task.Memory.ReadArray(local, mine) is not Errno.Ok and Errno error)
            return error;
        if (task.Memory.ReadArray(remote, theirs) is not Errno.Ok and Errno fault)
            return fault;
        if (FindTarget(task, pid).Failed(out Task? target, out error))
            return error;

        (GuestMemory source, GuestMemory destination) =
            isWrite ? (task.GuestMemory, target.GuestMemory) : (target.GuestMemory, task.GuestMemory);
        byte[] buffer = ArrayPool<byte>.Shared.Rent(ChunkBytes);
        Result<long> copied = isWrite
            ? CopyAll(source, mine, destination, theirs, buffer)
            : CopyAll(source, theirs, destination, mine, buffer);
        ArrayPool<byte>.Shared.Return(buffer);
        return copied;
    }

    private static Result<Task> FindTarget(Task task, int pid)
    {
        using (task.Kernel.Tree.Enter())
        {
            if (pid <= 0 || task.PidNamespace.Find(pid)?.Task is not { IsExited: false } target)
                return Errno.ESRCH;
            if (target.GuestMemory == task.GuestMemory || TraceLinks.MayAttach(task, target))
                return target;
            return Errno.EPERM;
        }
    }

    // Both sides advance together; the first fault ends it, with what was done before as the answer.
    private static Result<long> CopyAll(
        GuestMemory source, IoVector[] from, GuestMemory destination, IoVector[] to, byte[] buffer)
    {
        long done = 0;
        int fromIndex = 0, toIndex = 0;
        ulong fromOffset = 0, toOffset = 0;
        while (fromIndex < from.Length && toIndex < to.Length && done < MaxTransfer)
        {
            ulong length = Math.Min(
                Math.Min(from[fromIndex].Length - fromOffset, to[toIndex].Length - toOffset), ChunkBytes);
            if (length != 0)
            {
                Span<byte> chunk = buffer.AsSpan(0, (int)length);
                Errno error = source.User.Read(from[fromIndex].Base + fromOffset, chunk);
                if (error == Errno.Ok)
                    error = destination.User.Write(to[toIndex].Base + toOffset, chunk);
                if (error != Errno.Ok)
                    return done > 0 ? done : error;
            }

            done += (long)length;
            fromOffset += length;
            toOffset += length;
            if (fromOffset == from[fromIndex].Length)
                (fromIndex, fromOffset) = (fromIndex + 1, 0);
            if (toIndex < to.Length && toOffset == to[toIndex].Length)
                (toIndex, toOffset) = (toIndex + 1, 0);
        }

        return done;
    }
}
