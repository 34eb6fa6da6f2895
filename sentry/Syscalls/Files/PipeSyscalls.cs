using System.Runtime.InteropServices;
using Sandbox.Linux;
using Sandbox.Sentry.Filesystems.Pipe;
using Sandbox.Sentry.Kernel.Tasks;
using Sandbox.Sentry.Vfs;

namespace Sandbox.Sentry.Syscalls;

/// <summary>Two descriptor numbers as pipe(2) and socketpair(2) answer them.</summary>
[StructLayout(LayoutKind.Sequential)]
internal readonly record struct FdPair(int First, int Second);

/// <summary>pipe(2), pipe2(2).</summary>
internal static class PipeSyscalls
{
    public static SyscallResult Pipe(Task task, UserPtr<FdPair> fds) => Pipe2(task, fds, OpenFlags.ReadOnly);

    public static SyscallResult Pipe2(Task task, UserPtr<FdPair> fds, OpenFlags flags)
    {
        if ((flags & ~(OpenFlags.CloseOnExec | OpenFlags.NonBlock | OpenFlags.Direct)) != 0)
            return Errno.EINVAL;
        if (PipeBuffer.Create(flags, task).Failed(out (PipeFile Reader, PipeFile Writer) ends, out Errno error))
            return error;
        return PublishPair(task, fds, ends.Reader, ends.Writer, (flags & OpenFlags.CloseOnExec) != 0);
    }

    /// <summary>
    /// Gives two new files descriptors and the guest their numbers. Other threads see neither before the numbers are
    /// written. Takes over the files' references.
    /// </summary>
    public static SyscallResult PublishPair(
        Task task, UserPtr<FdPair> fds, OpenFile first, OpenFile second, bool closeOnExec)
    {
        if (ReservePair(task, out FdPair numbers) is not Errno.Ok and Errno error)
        {
            first.Release();
            second.Release();
            return error;
        }

        if (task.Memory.Write(fds, numbers) is not Errno.Ok and Errno fault)
        {
            task.Files.Unreserve(numbers.First);
            task.Files.Unreserve(numbers.Second);
            first.Release();
            second.Release();
            return fault;
        }

        task.Files.Publish(numbers.First, first, closeOnExec);
        task.Files.Publish(numbers.Second, second, closeOnExec);
        return 0;
    }

    private static Errno ReservePair(Task task, out FdPair numbers)
    {
        numbers = default;
        int limit = task.Group.Limits.OpenFiles;
        if (task.Files.Reserve(limit).Failed(out int first, out Errno error))
            return error;
        if (task.Files.Reserve(limit).Failed(out int second, out error))
        {
            task.Files.Unreserve(first);
            return error;
        }

        numbers = new FdPair(first, second);
        return Errno.Ok;
    }
}
