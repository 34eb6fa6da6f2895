using Sandbox.Linux;
using Sandbox.Sentry.Vfs;

namespace Sandbox.Sentry.Filesystems.Proc.Tasks;

/// <summary>One name in a task's directory.</summary>
/// <param name="Name">The name.</param>
/// <param name="Type">Its type.</param>
/// <param name="Make">Makes its inode.</param>
internal sealed record ProcTaskEntry(FileName Name, FileType Type, Func<ProcTask, Inode> Make);

/// <summary>All names in /proc/PID and /proc/PID/task/TID, in the order they are listed (proc(5)).</summary>
internal static class ProcTaskEntries
{
    private const uint ReadAll = Modes.O444, ReadOwner = Modes.O400, WriteOwner = Modes.O644, WriteAll = Modes.O666;

    private static readonly ProcTaskEntry[] _common =
    [
        Text("stat", StatText.WriteStat),
        Text("statm", StatText.WriteStatm),
        Text("status", StatusText.Write),
        Text("cmdline", MemoryTexts.WriteCommandLine),
        Text("comm", TaskTexts.WriteName, TaskTexts.ReadName, WriteOwner),
        Private("environ", MemoryTexts.WriteEnvironment),
        Private("auxv", MemoryTexts.WriteAuxiliaryVector),
        Link("exe", TaskLinks.Executable),
        Link("cwd", TaskLinks.WorkingDirectory),
        Link("root", TaskLinks.Root),
        Directory("fd", target => new FdDirectory(target, isInformation: false)),
        Directory("fdinfo", target => new FdDirectory(target, isInformation: true)),
        Text("maps", MapsText.WriteMaps, isPrivate: true),
        Text("smaps", MapsText.WriteSmaps, isPrivate: true),
        Text("smaps_rollup", MapsText.WriteRollup, isPrivate: true),
        new("mem", FileType.Regular, target => new ProcMemoryFile(target)),
        Text("mounts", MountsText.WriteMounts),
        Text("mountinfo", MountsText.WriteMountInfo),
        Text("mountstats", MountsText.WriteMountStats, permissions: ReadOwner),
        Directory("ns", target => new NamespaceDirectory(target)),
        Directory("net", target => NetFiles.MakeDirectory(target)),
        Text("limits", TaskTexts.WriteLimits),
        Text("io", TaskTexts.WriteTransfer, permissions: ReadOwner),
        Text("oom_score", OomTexts.WriteScore),
        Text("oom_adj", OomTexts.WriteOldAdjustment, OomTexts.ReadOldAdjustment, WriteOwner),
        Text("oom_score_adj", OomTexts.WriteAdjustment, OomTexts.ReadAdjustment, WriteOwner),
        Text("loginuid", LoginTexts.WriteUser, LoginTexts.ReadUser, WriteOwner),
        Text("sessionid", LoginTexts.WriteSession),
        Text("coredump_filter", MemoryTexts.WriteDumpFilter, MemoryTexts.ReadDumpFilter, WriteOwner),
        Text("numa_maps", MapsText.WriteNumaMaps, isPrivate: true),
        Directory("map_files", target => new MapFilesDirectory(target)),
        new("pagemap", FileType.Regular, target => new PageMapFile(target)),
        Directory("attr", target => SecurityAttributes.MakeDirectory(target)),
        Text("projid_map", IdMapTexts.WriteProjectMap, IdMapTexts.ReadProjectMap, WriteOwner),
        Text("cgroup", TaskTexts.WriteCgroup),
        Text("wchan", TaskTexts.WriteWaitChannel),
        Text("sched", TaskTexts.WriteSchedule),
        Text("schedstat", TaskTexts.WriteScheduleStatistics),
        Text("uid_map", IdMapTexts.WriteUserMap, IdMapTexts.ReadUserMap, WriteOwner),
        Text("gid_map", IdMapTexts.WriteGroupMap, IdMapTexts.ReadGroupMap, WriteOwner),
        Text("setgroups", IdMapTexts.WriteSetGroups, IdMapTexts.ReadSetGroups, WriteOwner),
        Text("personality", TaskTexts.WritePersonality, permissions: ReadOwner, isPrivate: true),
        Text("syscall", TaskTexts.WriteSyscall, permissions: ReadOwner, isPrivate: true),
        Text("stack", TaskTexts.WriteNothing, permissions: ReadOwner, isPrivate: true),
        Text("cpuset", TaskTexts.WriteCpuset),
    ];

    private static readonly ProcTaskEntry[] _ofProcess =
    [
        .. _common,
        Directory("task", target => new TaskListDirectory(target)),
        Text("timers", TimerTexts.Write),
        Text("autogroup", TaskTexts.WriteNothing, TaskTexts.ReadAutogroupNice, WriteOwner),
        Text("timerslack_ns", TaskTexts.WriteTimerSlack, permissions: WriteAll),
        Text("clear_refs", TaskTexts.WriteNothing, permissions: 0x80),
    ];

    private static readonly ProcTaskEntry[] _ofThread =
    [
        .. _common,
        Text("children", TaskTexts.WriteChildren),
    ];

    /// <summary>The entries of a process's or a thread's directory.</summary>
    public static ReadOnlySpan<ProcTaskEntry> Of(bool isThread) => isThread ? _ofThread : _ofProcess;

    public static ProcTaskEntry? Find(ReadOnlySpan<byte> name, bool isThread)
    {
        foreach (ProcTaskEntry entry in Of(isThread))
        {
            if (name.SequenceEqual(entry.Name.Bytes))
                return entry;
        }

        return null;
    }

    private static ProcTaskEntry Text(
        string name, TaskTextProducer producer, TaskTextConsumer? consumer = null, uint permissions = ReadAll,
        bool isPrivate = false) =>
        new(name, FileType.Regular, target => new ProcTaskTextFile(target, producer, consumer, permissions, isPrivate));

    private static ProcTaskEntry Private(string name, TaskTextProducer producer) =>
        Text(name, producer, permissions: ReadOwner, isPrivate: true);

    private static ProcTaskEntry Link(string name, Func<ProcTask, Result<VfsPath>> find) =>
        new(name, FileType.SymbolicLink, target => new MagicLink(
            target.Proc,
            caller => ProcAccess.MayInspect(caller, target.Task) ? find(target) : Errno.EACCES,
            userId: target.OwnerUserId,
            groupId: target.OwnerGroupId));

    private static ProcTaskEntry Directory(string name, Func<ProcTask, Inode> make) =>
        new(name, FileType.Directory, make);
}
