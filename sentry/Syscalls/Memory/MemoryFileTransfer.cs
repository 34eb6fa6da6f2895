using Sandbox.Linux;
using Sandbox.Sentry.Filesystems.Proc.Tasks;
using Sandbox.Sentry.Kernel.Tasks;
using Sandbox.Sentry.Memory;

namespace Sandbox.Sentry.Syscalls;

/// <summary>read(2) and write(2) of /proc/PID/mem, which no page's protection hinders (proc_pid_mem(5)).</summary>
internal static class MemoryFileTransfer
{
    /// <summary>At the file's position, or at <paramref name="offset"/> if it is not negative.</summary>
    public static SyscallResult Run(
        Task task, ProcMemoryOpenFile file, ref IoRanges buffers, long offset, bool isWrite)
    {
        if (!(isWrite ? file.IsWritable : file.IsReadable))
            return Errno.EBADF;
        if (file.Memory.Users == 0)
            return 0; // Its process has ended.
        ulong start = (ulong)(offset < 0 ? file.Position : offset);
        byte[] bytes = ScratchBuffers.Rent();
        long done = 0;
        Errno error = Errno.Ok;
        while (buffers.Remaining > 0 && !(done > 0 && task.Sleeper.Parker.IsInterrupted))
        {
            if (Move(task, file, ref buffers, start + (ulong)done, bytes, isWrite).Failed(out int count, out error))
                break;
            done += count;
        }

        ScratchBuffers.Return(bytes);
        if (error == Errno.ERESTARTNOINTR || (done == 0 && error != Errno.Ok))
            return error; // The same bytes are copied once more.
        if (offset < 0)
            file.Seek(done, SeekWhence.Current);
        return done;
    }

    private static Result<int> Move(
        Task task, ProcMemoryOpenFile file, ref IoRanges buffers, ulong address, byte[] bytes, bool isWrite)
    {
        int length = (int)Math.Min(buffers.Remaining, bytes.Length);
        if (isWrite && buffers.CopyIn(bytes.AsSpan(0, length)).Failed(out length, out Errno error))
            return error;
        Result<int> moved = isWrite
            ? ForcedMemory.Write(task, file.Memory, address, bytes, length)
            : ForcedMemory.Read(task, file.Memory, address, bytes, length);
        if (moved.Failed(out int count, out error))
            return error;
        if (!isWrite && buffers.CopyOut(bytes.AsSpan(0, count)).Failed(out count, out error))
            return error;
        buffers.Advance(count);
        return count;
    }
}
