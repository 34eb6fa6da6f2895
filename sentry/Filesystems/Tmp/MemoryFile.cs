using Sandbox.Linux;
using Sandbox.Sentry.Memory;
using Sandbox.Sentry.Security;
using Sandbox.Sentry.Vfs;

namespace Sandbox.Sentry.Filesystems.Tmp;

/// <summary>memfd_create(2): a file of memory that has no name in any directory.</summary>
internal static class MemoryFile
{
    /// <summary>A new, empty file, open for reading and writing. ENOMEM.</summary>
    /// <param name="name">What /proc/PID/fd shows behind "/memfd:".</param>
    /// <param name="allowSealing">MFD_ALLOW_SEALING.</param>
    /// <param name="isExecutable">False with MFD_NOEXEC_SEAL: mode 0666 instead of 0777.</param>
    /// <param name="flags">O_RDWR and status flags.</param>
    /// <param name="credentials">Whose the file is.</param>
    /// <param name="account">Who is charged for it, or null.</param>
    public static Result<OpenFile> Create(
        string name,
        bool allowSealing,
        bool isExecutable,
        OpenFlags flags,
        Credentials credentials,
        MemoryAccount? account = null)
    {
        const uint readWrite = Modes.O666;
        TmpFileSystem files = TmpFileSystem.InternalOf(account);
        if (!files.TryTakeInode())
            return Errno.ENOMEM;
        TmpFile file = new(files, new NewInode(
            (uint)FileType.Regular | (isExecutable ? ModeBits.Permissions : readWrite),
            credentials.FileSystemUserId,
            credentials.FileSystemGroupId));
        if (allowSealing)
            file.AllowSealing();
        return new TmpOpenFile(file, default, flags, credentials) { MemoryFileName = name };
    }
}
