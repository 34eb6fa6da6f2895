using Sandbox.Linux;
using Sandbox.Sentry.Kernel;
using Sandbox.Sentry.Vfs;

namespace Sandbox.Sentry.Filesystems.Tmp;

/// <summary>A program that runs is not opened for writing (open(2), ETXTBSY).</summary>
internal static class RunningPrograms
{
    private const uint AnyExecute = 0x49; // 0111

    /// <summary>
    /// ETXTBSY if a task runs this very file. Looks through all tasks instead of counting, as only executable files that are
    /// opened for writing need the answer.
    /// </summary>
    public static Errno CheckOpen(Inode inode, OpenFlags flags, ICaller caller)
    {
        bool isWriting = (flags & OpenFlags.AccessMode) is OpenFlags.WriteOnly or OpenFlags.ReadWrite;
        if (!isWriting || (inode.Mode & AnyExecute) == 0 || caller is not Task opener)
            return Errno.Ok;
        using (opener.Kernel.Tree.Enter())
        {
            foreach (KeyValuePair<int, Pid> entry in opener.Kernel.RootPids.Pids)
            {
                if (entry.Value.Task is { IsExited: false } task && task.GuestMemory.Executable is { IsSome: true } program
                    && program.Inode == inode)
                {
                    return Errno.ETXTBSY;
                }
            }
        }

        return Errno.Ok;
    }
}
