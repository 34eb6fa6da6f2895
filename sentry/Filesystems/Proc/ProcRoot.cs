using System.Buffers.Text;
using System.Globalization;
using Sandbox.Linux;
using Sandbox.Sentry.Filesystems.Proc.Tasks;
using Sandbox.Sentry.Kernel.Namespaces;
using Sandbox.Sentry.Kernel.Processes;
using Sandbox.Sentry.Kernel.Tasks;
using Sandbox.Sentry.Vfs;

namespace Sandbox.Sentry.Filesystems.Proc;

/// <summary>/proc itself: the files of the whole kernel, self and thread-self, and a directory per process.</summary>
internal sealed class ProcRoot : SyntheticDirectory
{
    private readonly ProcFileSystem _proc;

    public ProcRoot(ProcFileSystem proc)
        : base(proc)
    {
        _proc = proc;
        Entries = new StaticDirectory(proc);
        Entries.Add("self", new SyntheticLink(proc, caller => SelfText(caller, isThread: false)));
        Entries.Add("thread-self", new SyntheticLink(proc, caller => SelfText(caller, isThread: true)));
        Entries.Add("mounts", new SyntheticLink(proc, "self/mounts"u8.ToArray()));
        Entries.Add("net", new SyntheticLink(proc, "self/net"u8.ToArray()));
    }

    /// <summary>The entries that are no processes.</summary>
    public StaticDirectory Entries { get; }

    public override bool CachesMissingNames => false;

    public override Result<Inode> Lookup(ReadOnlySpan<byte> name)
    {
        if (!ProcNumber.TryParse(name, out int number))
            return Entries.Lookup(name);
        ThreadGroup? group;
        using (_proc.Kernel.Tree.Enter())
        {
            // A thread's number leads to its process too, though it is not listed (proc(5)).
            if (_proc.Pids.Find(number) is not { } pid)
                return Errno.ENOENT;
            group = pid.ThreadGroup ?? pid.Task?.Group;
        }

        // Without the lock: the directory asks for its owner, which takes it again.
        return group is null || group.IsReaped ? Errno.ENOENT : new ProcTaskDirectory(_proc, group, null);
    }

    public override Errno List(ICaller caller, List<DirectoryEntry> entries)
    {
        if (Entries.List(caller, entries) is not Errno.Ok and Errno error)
            return error;
        using (_proc.Kernel.Tree.Enter())
        {
            foreach ((int number, Pid pid) in _proc.Pids.Pids)
            {
                if (pid.ThreadGroup is { IsReaped: false })
                    entries.Add(
                        new DirectoryEntry(ProcNumber.ToName(number), (ulong)number + (1ul << 32), FileType.Directory));
            }
        }

        return Errno.Ok;
    }

    private Result<byte[]> SelfText(ICaller caller, bool isThread)
    {
        if (caller is not Task task)
            return Errno.ENOENT;
        int process = task.Group.Id.In(_proc.Pids), thread = task.Id.In(_proc.Pids);
        if (process == 0)
            return Errno.ENOENT;
        string text = isThread
            ? string.Create(CultureInfo.InvariantCulture, $"{process}/task/{thread}")
            : process.ToString(CultureInfo.InvariantCulture);
        return System.Text.Encoding.ASCII.GetBytes(text);
    }
}

/// <summary>Names that are numbers.</summary>
internal static class ProcNumber
{
    /// <summary>A canonical non-negative decimal number; "007" and "+1" are none.</summary>
    public static bool TryParse(ReadOnlySpan<byte> name, out int number) =>
        Utf8Parser.TryParse(name, out number, out int used) && used == name.Length && number >= 0
        && name[0] is >= (byte)'0' and <= (byte)'9' && (name.Length == 1 || name[0] != (byte)'0');

    public static FileName ToName(int number)
    {
        Span<byte> digits = stackalloc byte[12];
        _ = Utf8Formatter.TryFormat(number, digits, out int length);
        return new FileName(digits[..length]);
    }
}
