using Sandbox.Linux;
using Sandbox.Sentry.Kernel.Namespaces;
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

    public override void Describe(ICaller reader, ByteBuilder text)
    {
        if (reader is not Task task)
            return;
        Pid id = process.Id;
        int number = process.IsReaped ? -1 : id.In(task.PidNamespace);
        text.Append("Pid:\t"u8).Append(number).Append("\nNSpid:\t"u8).Append(number);
        if (number > 0)
        {
            for (int level = task.PidNamespace.Level + 1; level <= id.Namespace.Level; level++)
                text.Append((byte)'\t').Append(id.AtLevel(level));
        }

        text.Append((byte)'\n');
    }

    public override PollEvents Poll()
    {
        using (process.Kernel.Tree.Enter())
        {
            PollEvents ended = process.IsZombie || process.IsReaped ? PollEvents.Readable : PollEvents.None;
            return process.IsReaped ? ended | PollEvents.HangUp : ended;
        }
    }
}
