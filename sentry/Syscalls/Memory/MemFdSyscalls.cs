using System.Text;
using Sandbox.Linux;
using Sandbox.Sentry.Filesystems.Tmp;
using Sandbox.Sentry.Kernel.Tasks;
using Sandbox.Sentry.Vfs;

namespace Sandbox.Sentry.Syscalls;

/// <summary>memfd_create(2).</summary>
internal static class MemFdSyscalls
{
    private const uint CloseOnExec = 1, AllowSealing = 2, NoExecSeal = 8, Exec = 16;
    private const int MaxNameBytes = 249; // NAME_MAX without "memfd:".

    public static SyscallResult Create(Task task, UserString name, uint flags)
    {
        if ((flags & ~(CloseOnExec | AllowSealing | NoExecSeal | Exec)) != 0)
            return Errno.EINVAL; // MFD_HUGETLB too: there are no huge pages to reserve.
        if ((flags & (NoExecSeal | Exec)) == (NoExecSeal | Exec))
            return Errno.EINVAL;
        Span<byte> bytes = stackalloc byte[MaxNameBytes + 1];
        if (task.Memory.ReadString(name.Address, bytes, Errno.EINVAL).Failed(out int length, out Errno error))
            return error;
        Result<OpenFile> made = MemoryFile.Create(
            Encoding.UTF8.GetString(bytes[..length]), (flags & (AllowSealing | NoExecSeal)) != 0,
            (flags & NoExecSeal) == 0,
            OpenFlags.ReadWrite | OpenFlags.LargeFile, task.Credentials, task.Namespaces.Container.Memory);
        if (made.Failed(out OpenFile? file, out error))
            return error;
        return task.Files.Install(file, (flags & CloseOnExec) != 0, task.Group.Limits.OpenFiles);
    }
}
