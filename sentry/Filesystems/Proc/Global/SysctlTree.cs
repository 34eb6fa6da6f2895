using System.Buffers.Text;
using System.Globalization;
using Sandbox.Linux;
using Sandbox.Sentry.Kernel.Namespaces;
using Sandbox.Sentry.Kernel.PosixQueues;
using Sandbox.Sentry.Kernel.Tasks;
using Sandbox.Sentry.Memory;
using Sandbox.Sentry.Security;
using Sandbox.Sentry.Vfs;
using KernelVersion = Sandbox.Sentry.Kernel.Version;

namespace Sandbox.Sentry.Filesystems.Proc.Global;

/// <summary>
/// /proc/sys: the sysctls programs ask for (proc_sys(5)). Writable ones act; the others say how this kernel is.
/// </summary>
internal static class SysctlTree
{
    private static readonly (string Path, string Value)[] _constants =
    [
        ("kernel/ostype", "Linux"), ("kernel/cap_last_cap", "40"), ("kernel/ngroups_max", "65536"),
        ("kernel/overflowuid", "65534"),
        ("kernel/overflowgid", "65534"), ("kernel/random/poolsize", "256"), ("kernel/random/entropy_avail", "256"),
        ("kernel/core_pattern", "core"), ("kernel/core_uses_pid", "0"),
        ("kernel/randomize_va_space", "2"), ("kernel/yama/ptrace_scope", "0"), ("kernel/perf_event_paranoid", "4"),
        ("kernel/kptr_restrict", "1"), ("kernel/dmesg_restrict", "1"), ("kernel/unprivileged_bpf_disabled", "2"),
        ("kernel/sched_autogroup_enabled", "0"), ("kernel/sched_rt_runtime_us", "950000"),
        ("kernel/sched_rt_period_us", "1000000"),
        ("kernel/printk", "4\t4\t1\t7"), ("kernel/tainted", "0"), ("kernel/panic", "0"), ("kernel/sysrq", "0"),
        ("kernel/seccomp/actions_avail", "kill_process kill_thread trap errno user_notif trace log allow"),
        ("kernel/pty/max", "4096"), ("kernel/pty/nr", "0"),
        ("kernel/io_uring_disabled", "2"), ("kernel/keys/maxkeys", "200"),
        ("vm/overcommit_ratio", "50"), ("vm/max_map_count", "65530"), ("vm/mmap_min_addr", "65536"),
        ("vm/nr_hugepages", "0"),
        ("vm/swappiness", "60"), ("vm/dirty_ratio", "20"), ("vm/dirty_background_ratio", "10"),
        ("vm/min_free_kbytes", "8192"),
        ("vm/vfs_cache_pressure", "100"), ("vm/overcommit_memory", "0"), ("vm/panic_on_oom", "0"),
        ("vm/zone_reclaim_mode", "0"),
        ("vm/unprivileged_userfaultfd", "0"),
        ("fs/file-max", "9223372036854775807"), ("fs/nr_open", "1048576"),
        ("fs/aio-max-nr", "65536"), ("fs/aio-nr", "0"),
        ("fs/file-nr", "0\t0\t9223372036854775807"), ("fs/protected_hardlinks", "1"),
        ("fs/protected_symlinks", "1"), ("fs/protected_fifos", "0"), ("fs/protected_regular", "0"),
        ("fs/suid_dumpable", "0"),
        ("fs/lease-break-time", "45"), ("fs/leases-enable", "1"), ("fs/dentry-state", "0\t0\t45\t0\t0\t0"),
        ("net/core/somaxconn", "4096"), ("net/core/rmem_max", "212992"), ("net/core/wmem_max", "212992"),
        ("net/core/rmem_default", "212992"), ("net/core/wmem_default", "212992"), ("net/core/optmem_max", "131072"),
        ("net/ipv4/ip_local_port_range", "32768\t60999"), ("net/ipv4/ip_forward", "0"),
        ("net/ipv4/tcp_rmem", "4096\t131072\t4194304"),
        ("net/ipv4/tcp_wmem", "4096\t16384\t4194304"), ("net/ipv4/tcp_congestion_control", "cubic"),
        ("net/ipv4/tcp_available_congestion_control", "reno cubic"), ("net/ipv4/tcp_keepalive_time", "7200"),
        ("net/ipv4/tcp_keepalive_intvl", "75"), ("net/ipv4/tcp_keepalive_probes", "9"), ("net/ipv4/tcp_sack", "1"),
        ("net/ipv4/tcp_syncookies", "1"), ("net/ipv4/tcp_fin_timeout", "60"),
        ("net/ipv4/ip_unprivileged_port_start", "1024"),
        ("net/ipv4/ping_group_range", "1\t0"), ("net/ipv4/tcp_max_syn_backlog", "128"), ("net/ipv4/tcp_fastopen", "1"),
        ("net/ipv6/conf/all/disable_ipv6", "0"), ("net/ipv6/conf/default/disable_ipv6", "0"),
        ("net/unix/max_dgram_qlen", "10"),
        ("user/max_user_namespaces", "31000"), ("user/max_pid_namespaces", "31000"),
        ("user/max_mnt_namespaces", "31000"),
    ];

    /// <summary>What nobody writes on Linux, too, and what cannot be changed here: EINVAL.</summary>
    private static readonly string[] _readOnly =
    [
        "kernel/ostype", "kernel/cap_last_cap", "kernel/ngroups_max", "kernel/random/poolsize",
        "kernel/random/entropy_avail",
        "kernel/seccomp/actions_avail", "kernel/pty/nr", "fs/file-nr", "fs/dentry-state", "fs/aio-nr",
    ];

    public static void AddTo(StaticDirectory root, ProcFileSystem proc, IReadOnlyDictionary<string, string>? set)
    {
        StaticDirectory sys = root.AddDirectory("sys");
        HashSet<string> paths = [];
        (string, string)[] all = [.. _constants, .. NetworkSysctls.OfInterfaces()];
        foreach ((string path, string value) in all)
        {
            string first = set?.GetValueOrDefault(path) ?? value;
            Add(
                sys, path,
                path.StartsWith("net/", StringComparison.Ordinal) ? NetworkSysctls.File(proc, path, first)
                : Array.IndexOf(_readOnly, path) < 0 ? new StoredSysctl(proc, first)
                : Constant(proc, first));
            paths.Add(path);
        }

        // What is set and not known is still shown: the network's are the host's, and effective there.
        foreach ((string path, string value) in set ?? new Dictionary<string, string>())
        {
            if (path.StartsWith("net/", StringComparison.Ordinal) && paths.Add(path)
                && !path.Contains("//", StringComparison.Ordinal))
                Add(sys, path, Constant(proc, value));
        }

        Kernel.Kernel kernel = proc.Kernel;
        Add(sys, "kernel/osrelease", new TextFile(proc, (_, text) => WriteLine(text, KernelVersion.Release)));
        Add(sys, "kernel/version", new TextFile(proc, (_, text) => WriteLine(text, KernelVersion.Build)));
        AddText(sys, proc, "kernel/pid_max", _ => PidNamespace.MaxPid.ToString(CultureInfo.InvariantCulture));
        AddText(sys, proc, "kernel/threads-max", _ => kernel.MaxTasks.ToString(CultureInfo.InvariantCulture));
        AddText(sys, proc, "kernel/random/boot_id", _ => BootId);
        AddText(sys, proc, "kernel/random/uuid", _ => NewUuid());
        Add(sys, "kernel/hostname", new WritableTextFile(
            proc,
            (caller, text) => WriteLine(text, ((Task)caller).Namespaces.Uts.HostName),
            (caller, text) => SetName(caller, text, static (uts, name) => uts.HostName = name)));
        Add(sys, "kernel/domainname", new WritableTextFile(
            proc,
            (caller, text) => WriteLine(text, ((Task)caller).Namespaces.Uts.DomainName),
            (caller, text) => SetName(caller, text, static (uts, name) => uts.DomainName = name)));
        Add(sys, "vm/drop_caches", new WritableTextFile(
            proc, (_, text) => WriteLine(text, "0"u8), (caller, text) => IsNumber(text) ? Errno.Ok : Errno.EINVAL));
        IpcTables.AddLimitsTo(sys.AddDirectory("kernel"), proc);
        AddQueueLimits(sys, proc);
        AddKernelLimits(sys, proc);
        sys.AddDirectory("debug");
        sys.AddDirectory("dev");
        sys.AddDirectory("abi");
    }

    // Those of the IPC namespace of who opens them.
    private static void AddQueueLimits(StaticDirectory sys, ProcFileSystem proc)
    {
        for (int index = 0; index < QueueLimits.Names.Length; index++)
        {
            QueueLimit limit = (QueueLimit)index;
            Add(sys, "fs/mqueue/" + QueueLimits.Names[index], new WritableTextFile(
                proc,
                (caller, text) =>
                {
                    text.Append((long)((Task)caller).Namespaces.Ipc.QueueLimits[limit]).Append((byte)'\n');
                    return Errno.Ok;
                },
                (caller, text) => ((Task)caller).Namespaces.Ipc.QueueLimits.Set(limit, text)));
        }
    }

    // Those of the container of who opens them.
    private static void AddKernelLimits(StaticDirectory sys, ProcFileSystem proc)
    {
        for (int index = 0; index < KernelLimits.Names.Length; index++)
        {
            KernelLimit limit = (KernelLimit)index;
            Add(sys, "fs/" + KernelLimits.Names[index], new WritableTextFile(
                proc,
                (caller, text) =>
                {
                    text.Append(caller.Account.Limits[limit]).Append((byte)'\n');
                    return Errno.Ok;
                },
                (caller, text) => caller.Account.Limits.Set(limit, text)));
        }
    }

    private static TextFile Constant(ProcFileSystem proc, string value) =>
        new(proc, System.Text.Encoding.UTF8.GetBytes(value + "\n"));

    /// <summary>The same for all who look, another for each sandbox.</summary>
    private static string BootId { get; } = NewUuid();

    private static string NewUuid()
    {
        Span<byte> bytes = stackalloc byte[16];
        HostRandom.Fill(bytes);
        bytes[7] = (byte)((bytes[7] & 0x0F) | 0x40);
        bytes[8] = (byte)((bytes[8] & 0x3F) | 0x80);
        return new Guid(bytes).ToString();
    }

    private static void AddText(StaticDirectory sys, ProcFileSystem proc, string path, Func<ICaller, string> value) =>
        Add(sys, path, new TextFile(proc, (caller, text) =>
        {
            text.AppendLine(value(caller));
            return Errno.Ok;
        }));

    private static void Add(StaticDirectory directory, string path, Inode file)
    {
        string[] names = path.Split('/');
        foreach (string name in names.AsSpan(0, names.Length - 1))
            directory = directory.AddDirectory(name);
        directory.Add(names[^1], file);
    }

    private static Errno WriteLine(ByteBuilder text, ReadOnlySpan<byte> value)
    {
        text.Append(value).Append((byte)'\n');
        return Errno.Ok;
    }

    private static bool IsNumber(ReadOnlySpan<byte> text) =>
        Utf8Parser.TryParse(text, out int _, out int used) && used > 0;

    // Needs the capability that sethostname(2) needs.
    private static Errno SetName(ICaller caller, ReadOnlySpan<byte> text, Action<UtsNamespace, byte[]> set)
    {
        if (caller is not Task task)
            return Errno.EPERM;
        UtsNamespace uts = task.Namespaces.Uts;
        if (!task.Credentials.Has(Capability.SysAdmin, uts.Owner))
            return Errno.EPERM;
        int end = text.IndexOfAny((byte)'\n', (byte)0);
        ReadOnlySpan<byte> name = end < 0 ? text : text[..end];
        set(uts, name[..Math.Min(name.Length, 64)].ToArray());
        return Errno.Ok;
    }
}
