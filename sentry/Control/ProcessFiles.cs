using Sandbox.Linux;
using Sandbox.Sentry.Filesystems.Host;
using Sandbox.Sentry.Filesystems.Pts;
using Sandbox.Sentry.Kernel.Processes;
using Sandbox.Sentry.Memory;
using Sandbox.Sentry.Security;
using Sandbox.Sentry.Vfs;

namespace Sandbox.Sentry.Control;

/// <summary>The descriptors a process started from outside begins with.</summary>
internal sealed class ProcessFiles(MemoryAccount account)
{
    private const int MaxDescriptors = 1024;

    public FdTable Table { get; } = new(account);

    /// <summary>Its controlling terminal, or null.</summary>
    public ControllingTerminal? Terminal { get; private set; }

    /// <summary>What connects it with the host's terminal.</summary>
    public ConsoleBridge? Console { get; private set; }

    /// <summary>
    /// Wraps the host's descriptors, which are taken over. A closed standard descriptor stays closed; one descriptor
    /// given twice (2>&amp;1) becomes one file, so that both share its position and flags.
    /// </summary>
    public static ProcessFiles Open(
        Kernel.Kernel kernel, MemoryAccount account, FsContext fs, Credentials credentials,
        ProcessDescriptors descriptors)
    {
        ProcessFiles files = new(account);
        if (descriptors.Console >= 0)
            files.AddConsole(kernel, fs, credentials, descriptors);
        foreach (ref int fd in descriptors.Standard.AsSpan())
            files.Add(ref fd, credentials);
        foreach (ref int fd in descriptors.Extra.AsSpan())
            files.Add(ref fd, credentials);
        return files;
    }

    // A terminal of the container's own devpts, so that ttyname(3) finds it; all three descriptors are one file,
    // as login has it.
    private void AddConsole(Kernel.Kernel kernel, FsContext fs, Credentials credentials, ProcessDescriptors descriptors)
    {
        Mount? mount = null;
        using (MountNamespace.Lock.Enter())
        {
            foreach (Mount candidate in fs.Mounts.Mounts)
            {
                if (candidate.FileSystem is PtsFileSystem)
                    mount = candidate;
            }
        }

        PtsFileSystem? terminals = mount?.FileSystem as PtsFileSystem;
        if (terminals is null && PtsFileSystem.Create(kernel, "devpts", "").Failed(out terminals, out _))
            return;
        if (terminals.CreateTerminal(credentials.UserId, Table.Account).Failed(out Terminal? terminal, out _)
            || terminals.FindSlave(terminal.Index) is not { } node)
        {
            return;
        }

        terminal.IsLocked = false;
        if (terminal.OpenSlave().Failed(out int generation, out _))
            return;
        Console = ConsoleBridge.Start(descriptors.TakeConsole(), terminal);
        SlaveFile file = new(terminal, generation, node, mount is null
            ? default
            : node.PlaceIn(mount), OpenFlags.ReadWrite, credentials);
        Terminal = terminal;
        for (int number = 0; number < 3; number++)
        {
            if (Table.Reserve(MaxDescriptors, mayExceed: true).Failed(out int reserved, out _))
                break;
            file.AddReference();
            Table.Publish(reserved, file, closeOnExec: false);
        }

        file.Release();
    }

    private void Add(ref int fd, Credentials credentials)
    {
        if (Table.Reserve(MaxDescriptors, mayExceed: true).Failed(out int number, out _))
            return;
        if (HostInode.Adopt(fd, credentials.UserId, credentials.GroupId).Failed(out HostInode? inode, out Errno error))
        {
            Table.Unreserve(number);
            if (error == Errno.EBADF)
                fd = -1; // It was closed when it came; by now the number may be another's.
            return;
        }

        fd = -1;
        Table.Publish(number, inode.OpenFirst(credentials), closeOnExec: false);
    }
}
