using System.Globalization;
using System.Reflection;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Sandbox.Linux;
using Tmds.Linux;
using Xunit;

namespace Sandbox.UnitTests.Abi;

/// <summary>
/// The constants and structures of platform/Linux against those of Tmds.LibC, a second opinion that others maintain.
/// Each member of each enum is compared, or written down as one that Tmds.LibC does not have.
/// </summary>
public sealed class LibCTests
{
    /// <summary>
    /// Our enum, and for each member its name in C; "-" for what Tmds.LibC lacks and for zeros and sums of ours.
    /// </summary>
    private static readonly (Type Type, string Names)[] _enums =
    [
        (typeof(OpenFlags), "ReadOnly O_RDONLY WriteOnly O_WRONLY ReadWrite O_RDWR AccessMode O_ACCMODE Create O_CREAT Exclusive O_EXCL "
            + "NoControllingTerminal O_NOCTTY Truncate O_TRUNC Append O_APPEND NonBlock O_NONBLOCK DataSync O_DSYNC Async O_ASYNC "
            + "Direct O_DIRECT LargeFile - Directory O_DIRECTORY NoFollow O_NOFOLLOW NoAccessTime O_NOATIME CloseOnExec O_CLOEXEC "
            + "Sync O_SYNC Path O_PATH TemporaryFile O_TMPFILE"),
        (typeof(FileType),
            "None - Fifo S_IFIFO CharacterDevice S_IFCHR Directory S_IFDIR BlockDevice S_IFBLK Regular S_IFREG "
            + "SymbolicLink S_IFLNK Socket S_IFSOCK Mask S_IFMT"),
        (typeof(SeekWhence), "Set SEEK_SET Current SEEK_CUR End SEEK_END Data - Hole -"),
        (typeof(AtFlags),
            "None - SymlinkNoFollow AT_SYMLINK_NOFOLLOW RemoveDirectory AT_REMOVEDIR EffectiveAccess AT_EACCESS "
            + "SymlinkFollow AT_SYMLINK_FOLLOW NoAutomount AT_NO_AUTOMOUNT EmptyPath AT_EMPTY_PATH StatxForceSync - StatxDontSync - "
            + "Recursive -"),
        (typeof(PollEvents),
            "None - In EPOLLIN Priority EPOLLPRI Out EPOLLOUT Error EPOLLERR HangUp EPOLLHUP Invalid POLLNVAL "
            + "ReadNormal EPOLLRDNORM ReadBand EPOLLRDBAND WriteNormal EPOLLWRNORM WriteBand EPOLLWRBAND Message EPOLLMSG "
            + "ReadHangUp EPOLLRDHUP Exclusive EPOLLEXCLUSIVE WakeUp EPOLLWAKEUP OneShot EPOLLONESHOT EdgeTriggered EPOLLET "
            + "Readable - Writable -"),
        (typeof(MemoryProtection),
            "None PROT_NONE Read PROT_READ Write PROT_WRITE Execute PROT_EXEC GrowsDown PROT_GROWSDOWN "
            + "GrowsUp PROT_GROWSUP"),
        (typeof(MapFlags),
            "None MAP_FILE Shared MAP_SHARED Private MAP_PRIVATE SharedValidate MAP_SHARED_VALIDATE TypeMask MAP_TYPE "
            + "Fixed MAP_FIXED Anonymous MAP_ANONYMOUS ThirtyTwoBit - GrowsDown MAP_GROWSDOWN DenyWrite MAP_DENYWRITE "
            + "Executable MAP_EXECUTABLE Locked MAP_LOCKED NoReserve MAP_NORESERVE Populate MAP_POPULATE NonBlock MAP_NONBLOCK "
            + "Stack MAP_STACK HugeTlb MAP_HUGETLB Sync MAP_SYNC FixedNoReplace MAP_FIXED_NOREPLACE"),
        (typeof(CloneFlags),
            "None - ExitSignalMask - NewTime - Vm CLONE_VM Fs CLONE_FS Files CLONE_FILES SignalHandlers CLONE_SIGHAND "
            + "PidFd - Ptrace CLONE_PTRACE VFork CLONE_VFORK Parent CLONE_PARENT Thread CLONE_THREAD NewMount CLONE_NEWNS "
            + "SysVSemaphores CLONE_SYSVSEM SetTls CLONE_SETTLS ParentSetTid CLONE_PARENT_SETTID ChildClearTid CLONE_CHILD_CLEARTID "
            + "Detached CLONE_DETACHED Untraced CLONE_UNTRACED ChildSetTid CLONE_CHILD_SETTID NewCgroup CLONE_NEWCGROUP "
            + "NewUts CLONE_NEWUTS NewIpc CLONE_NEWIPC NewUser CLONE_NEWUSER NewPid CLONE_NEWPID NewNet CLONE_NEWNET Io CLONE_IO "
            + "ClearSignalHandlers - IntoCgroup - NewNamespaces -"),
        (typeof(ResolveFlags),
            "None - NoCrossDevice RESOLVE_NO_XDEV NoMagicLinks RESOLVE_NO_MAGICLINKS NoSymlinks RESOLVE_NO_SYMLINKS "
            + "Beneath RESOLVE_BENEATH InRoot RESOLVE_IN_ROOT Cached -"),
        (typeof(Signal),
            "None - HangUp SIGHUP Interrupt SIGINT Quit SIGQUIT IllegalInstruction SIGILL Trap SIGTRAP Abort SIGABRT "
            + "Bus SIGBUS FloatingPoint SIGFPE Kill SIGKILL User1 SIGUSR1 Segment SIGSEGV User2 SIGUSR2 Pipe SIGPIPE Alarm SIGALRM "
            + "Terminate SIGTERM StackFault SIGSTKFLT Child SIGCHLD Continue SIGCONT Stop SIGSTOP TerminalStop SIGTSTP "
            + "TerminalInput SIGTTIN TerminalOutput SIGTTOU Urgent SIGURG CpuLimit SIGXCPU FileSizeLimit SIGXFSZ "
            + "VirtualAlarm SIGVTALRM Profile SIGPROF WindowChange SIGWINCH Poll SIGPOLL Power SIGPWR BadSystemCall SIGSYS "
            + "FirstRealTime - Last SIGRTMAX"),
        (typeof(SocketFamily), "Unix AF_UNIX"),
        (typeof(SocketType), "None - Stream SOCK_STREAM Datagram SOCK_DGRAM SequencedPacket SOCK_SEQPACKET TypeMask - "
            + "NonBlock SOCK_NONBLOCK CloseOnExec SOCK_CLOEXEC"),
        (typeof(MessageFlags), "None - OutOfBand MSG_OOB Peek MSG_PEEK ControlTruncated MSG_CTRUNC Truncated MSG_TRUNC "
            + "DontWait MSG_DONTWAIT EndOfRecord MSG_EOR WaitAll MSG_WAITALL NoSignal MSG_NOSIGNAL CloseOnExecFds MSG_CMSG_CLOEXEC"),
        (typeof(InputModes),
            "None - IgnoreBreak IGNBRK BreakInterrupt BRKINT StripHighBit ISTRIP NewlineToReturn INLCR "
            + "IgnoreReturn IGNCR ReturnToNewline ICRNL UpperToLower IUCLC FlowControl IXON AnyRestarts IXANY SendFlowControl IXOFF "
            + "BellIfFull IMAXBEL Utf8 IUTF8"),
        (typeof(OutputModes),
            "None - Process OPOST LowerToUpper OLCUC NewlineToReturnNewline ONLCR ReturnToNewline OCRNL "
            + "NoReturnAtColumn0 ONOCR NewlineReturns ONLRET TabMask TABDLY ExpandTabs XTABS"),
        (typeof(ControlModes), "None - Speed38400 - Size8 CS8 EnableReceiver CREAD HangUpOnClose HUPCL"),
        (typeof(LocalModes),
            "None - Signals ISIG Canonical ICANON Echo ECHO EchoErase ECHOE EchoKill ECHOK EchoNewline ECHONL "
            + "NoFlush NOFLSH StopBackgroundOutput TOSTOP EchoControl ECHOCTL EchoPrint ECHOPRT EchoKillErase ECHOKE Extended IEXTEN"),
    ];

    /// <summary>Enums of platform/Linux of which Tmds.LibC has nothing, or that are our own.</summary>
    private static readonly string[] _notThere = ["SeccompFlags", "SeccompComparison", "Counter", "TraceeState"];

    /// <summary>
    /// Our structure, Tmds.LibC's, and its fields in the order of ours; "-" for padding and spare words of ours.
    /// </summary>
    private static readonly (Type Ours, Type Theirs, string Fields)[] _structs =
    [
        (typeof(Timespec), typeof(timespec), "tv_sec tv_nsec"),
        (typeof(IoVector), typeof(iovec), "iov_base iov_len"),
        (typeof(Stat), typeof(stat),
            "st_dev st_ino st_nlink st_mode st_uid st_gid - st_rdev st_size st_blksize st_blocks st_atim "
            + "st_mtim st_ctim - - -"),
        (typeof(StatxTimestamp), typeof(statx_timestamp), "tv_sec tv_nsec -"),
        (typeof(Statx), typeof(statx),
            "stx_mask stx_blksize stx_attributes stx_nlink stx_uid stx_gid stx_mode - stx_ino stx_size "
            + "stx_blocks stx_attributes_mask stx_atime stx_btime stx_ctime stx_mtime stx_rdev_major stx_rdev_minor stx_dev_major "
            + "stx_dev_minor"),
        (typeof(HostEpollEvent), typeof(epoll_event), "events data"),
        (typeof(PollFd), typeof(pollfd), "fd events revents"),
        (typeof(WindowSize), typeof(winsize), "ws_row ws_col ws_xpixel ws_ypixel"),
    ];

    [Fact]
    public void Each_constant_has_the_value_that_Tmds_LibC_gives_it()
    {
        List<string> findings = [];
        int compared = 0;
        foreach ((Type type, string names) in _enums)
        {
            string[] words = names.Split(' ');
            HashSet<string> missing = [.. Enum.GetNames(type)];
            for (int i = 0; i < words.Length; i += 2)
            {
                if (!missing.Remove(words[i]))
                    findings.Add($"{type.Name}.{words[i]}: there is no such member");
                else if (words[i + 1] != "-" && ++compared > 0 && Ours(type, words[i]) != Theirs(words[i + 1]))
                    findings.Add($"{type.Name}.{words[i]} = 0x{Ours(type, words[i]):x}, {words[i + 1]} = 0x{Theirs(words[i + 1]):x}");
            }

            findings.AddRange(
                missing.Select(member => $"{type.Name}.{member}: say what it is called in Tmds.LibC, or -"));
        }

        Assert.Empty(findings);
        Assert.True(compared > 180, $"only {compared} constants were compared");
    }

    [Fact]
    public void Each_error_number_is_that_of_Tmds_LibC()
    {
        List<string> findings = [], absent = [];
        foreach (Errno error in Enum.GetValues<Errno>())
        {
            if (Find(error.ToString()) is not { } property)
                absent.Add(error.ToString());
            else if (ValueOf(property) != (uint)error)
                findings.Add($"{error} = {(int)error}, there {ValueOf(property)}");
        }

        Assert.Empty(findings);
        // No error, and codes that Linux's kernel keeps to itself.
        Assert.All(absent, static name =>
            Assert.True(name is "Ok" || name.StartsWith("ERESTART", StringComparison.Ordinal)
            || name is "ENOIOCTLCMD" or "EIOCBQUEUED", name));
    }

    [Fact]
    public void No_enum_of_the_ABI_is_left_out()
    {
        IEnumerable<string> all =
            typeof(Errno).Assembly.GetExportedTypes().Where(static type => type.IsEnum).Select(
                static type => type.Name);
        string[] known = [.. _enums.Select(static entry => entry.Type.Name), nameof(Errno), .. _notThere];
        Assert.Empty(all.Except(known));
    }

    [Fact]
    public void Each_structure_has_the_layout_that_Tmds_LibC_gives_it()
    {
        List<string> findings = [];
        foreach ((Type ours, Type theirs, string names) in _structs)
        {
            if (SizeOf(ours) != SizeOf(theirs))
                findings.Add($"{ours.Name}: {SizeOf(ours)} bytes, {theirs.Name} {SizeOf(theirs)}");
            FieldInfo[] fields = [.. FieldsOf(ours).OrderBy(field => OffsetOf(ours, field))];
            string[] words = names.Split(' ');
            for (int i = 0; i < words.Length; i++)
            {
                if (words[i] == "-")
                    continue;
                FieldInfo theirField = FieldsOf(theirs)
                    .Single(field => field.Name == words[i] || field.Name == $"<{words[i]}>k__BackingField");
                (int Offset, int Size) here = (OffsetOf(ours, fields[i]), SizeOf(fields[i].FieldType));
                (int Offset, int Size) there = (OffsetOf(theirs, theirField), SizeOf(theirField.FieldType));
                if (here != there)
                    findings.Add($"{ours.Name}.{fields[i].Name} {here}, {theirs.Name}.{words[i]} {there}");
            }
        }

        Assert.Empty(findings);
    }

    private static uint Ours(Type type, string member) =>
        unchecked((uint)(Enum.GetUnderlyingType(type) == typeof(ulong)
            ? (ulong)Enum.Parse(type, member)
            : (ulong)Convert.ToInt64(Enum.Parse(type, member), CultureInfo.InvariantCulture)));

    private static uint Theirs(string name) =>
        ValueOf(Find(name) ?? throw new InvalidOperationException($"Tmds.LibC has no {name}"));

    private static PropertyInfo? Find(string name) =>
        typeof(LibC).GetProperty(name, BindingFlags.Public | BindingFlags.Static);

    /// <summary>
    /// Its low half: what is wider here is compared up to there. Some constants are in a structure with one number.
    /// </summary>
    private static uint ValueOf(PropertyInfo property)
    {
        object value = property.GetValue(null)!;
        while (value is not IConvertible)
            value = FieldsOf(value.GetType()).Single().GetValue(value)!;
        return value is ulong wide
            ? unchecked((uint)wide)
            : unchecked((uint)Convert.ToInt64(value, CultureInfo.InvariantCulture));
    }

    private static FieldInfo[] FieldsOf(Type type) =>
        type.GetFields(BindingFlags.Instance | BindingFlags.Public | BindingFlags.NonPublic);

    private static int SizeOf(Type type) =>
        type.IsPointer ? nint.Size : (int)typeof(Unsafe).GetMethod(nameof(Unsafe.SizeOf))!.MakeGenericMethod(
            type).Invoke(null, null)!;

    private static int OffsetOf(Type type, FieldInfo field) => (int)Marshal.OffsetOf(type, field.Name);
}
