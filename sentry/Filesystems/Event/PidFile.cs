using Sandbox.Linux;
using Sandbox.Sentry.Kernel.Processes;
using Sandbox.Sentry.Kernel.Tasks;
using Sandbox.Sentry.Security;
using Sandbox.Sentry.Sync;
using Sandbox.Sentry.Vfs;

namespace Sandbox.Sentry.Filesystems.Event;

/// <summary>A pidfd (pidfd_open(2)): stands for a process, readable once it has ended.</summary>
internal sealed class PidFile(ThreadGroup process, OpenFlags flags, Credentials credentials)
    : OpenFile(default, OpenFlags.ReadWrite | flags, credentials), IPidFile
{
    public ThreadGroup Process => process;

    public override Inode Inode => AnonymousInode.Shared;

    public override string AnonymousName => "anon_inode:[pidfd]";

    public override WaitQueue Waiters => process.ExitWaiters;

    /// <summary>What clone(2) with CLONE_PIDFD makes: see <c>Kernel.MakePidFd</c>.</summary>
    public static OpenFile Create(ThreadGroup process, Task maker) => new PidFile(process, 0, maker.Credentials);

    public override PollEvents Poll()
    {
        using (process.Kernel.Tree.Enter())
        {
            PollEvents ended = process.IsZombie || process.IsReaped ? PollEvents.Readable : PollEvents.None;
            return process.IsReaped ? ended | PollEvents.HangUp : ended;
        }
    }
}
