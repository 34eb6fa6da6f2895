using Sandbox.Sentry.Filesystems.Host;
using Sandbox.Sentry.Kernel;
using Sandbox.Sentry.Security;
using Sandbox.Sentry.Vfs;

namespace Sandbox.Sentry.Control;

/// <summary>The descriptors a process started from outside begins with.</summary>
internal sealed class ProcessFiles
{
    private const int MaxDescriptors = 1024;

    public FdTable Table { get; } = new();

    /// <summary>Its controlling terminal, or null.</summary>
    public ControllingTerminal? Terminal { get; private init; }

    /// <summary>
    /// Wraps the host's descriptors, which are taken over. A closed standard descriptor stays closed; one descriptor given
    /// twice (2>&amp;1) becomes one file, so that both share its position and flags.
    /// </summary>
    public static ProcessFiles Open(Credentials credentials, ProcessDescriptors descriptors)
    {
        ProcessFiles files = new();
        foreach (int fd in descriptors.Standard)
            files.Add(fd, credentials);
        foreach (int fd in descriptors.Extra)
            files.Add(fd, credentials);
        return files;
    }

    private void Add(int fd, Credentials credentials)
    {
        if (Table.Reserve(MaxDescriptors).Failed(out int number, out _))
            return;
        if (HostInode.Adopt(fd, credentials.UserId, credentials.GroupId).Failed(out HostInode? inode, out _))
        {
            Table.Unreserve(number);
            return;
        }

        Table.Publish(number, inode.OpenFirst(credentials), closeOnExec: false);
    }
}
