using Sandbox.Linux;

namespace Sandbox.SyscallTables.Families;

/// <summary>
/// The calls of Linux that nobody here handles, each with the errno a program can live with and the reason. ENOSYS
/// stands for "this kernel was built without it", which is what programs probe for;
/// EPERM for what a container may not do on Linux either.
/// </summary>
internal static class UnsupportedRows
{
    /// <summary>The family of the calls that Linux itself no longer has.</summary>
    public const string Obsolete = "obsolete";

    public static void AddSecurity(Syscall?[] rows)
    {
        Add(rows, Sys.kcmp, "kcmp", Errno.ENOSYS, "as a Linux without CONFIG_KCMP");
        Add(rows, Sys.bpf, "bpf", Errno.EPERM, "as for a process without CAP_BPF");
        Add(rows, Sys.perf_event_open, "perf_event_open", Errno.EACCES,
            "as with perf_event_paranoid=3: there are no counters");
        const string noKeys = "no key rings: as a Linux without CONFIG_KEYS";
        Add(rows, Sys.add_key, "add_key", Errno.ENOSYS, noKeys);
        Add(rows, Sys.request_key, "request_key", Errno.ENOSYS, noKeys);
        Add(rows, Sys.keyctl, "keyctl", Errno.ENOSYS, noKeys);
        const string noLandlock = "as a Linux whose Landlock is compiled in but off";
        Add(rows, Sys.landlock_create_ruleset, "landlock_create_ruleset", Errno.EOPNOTSUPP, noLandlock);
        Add(rows, Sys.landlock_add_rule, "landlock_add_rule", Errno.EOPNOTSUPP, noLandlock);
        Add(rows, Sys.landlock_restrict_self, "landlock_restrict_self", Errno.EOPNOTSUPP, noLandlock);
        const string noModules = "as a Linux without security modules";
        Add(rows, Sys.lsm_get_self_attr, "lsm_get_self_attr", Errno.EOPNOTSUPP, noModules);
        Add(rows, Sys.lsm_set_self_attr, "lsm_set_self_attr", Errno.EOPNOTSUPP, noModules);
        Add(rows, Sys.lsm_list_modules, "lsm_list_modules", Errno.ENOSYS, noModules);
    }

    public static void AddMemory(Syscall?[] rows)
    {
        const string noKeys = "no protection keys: as on a processor without them";
        Add(rows, Sys.pkey_alloc, "pkey_alloc", Errno.ENOSPC, noKeys);
        Add(rows, Sys.pkey_free, "pkey_free", Errno.EINVAL, noKeys);
        Add(rows, Sys.pkey_mprotect, "pkey_mprotect", Errno.EINVAL, noKeys);
        Add(rows, Sys.userfaultfd, "userfaultfd", Errno.EPERM,
            "as with vm.unprivileged_userfaultfd=0: faults are the host's");
        Add(rows, Sys.memfd_secret, "memfd_secret", Errno.ENOSYS, "as a Linux without secretmem.enable");
        Add(rows, Sys.map_shadow_stack, "map_shadow_stack", Errno.EOPNOTSUPP,
            "as on a processor without shadow stacks");
        Add(rows, Sys.remap_file_pages, "remap_file_pages", Errno.ENOSYS,
            "obsolete since Linux 3.16: several mmap(2) do the same");
        const string oneNode = "as a Linux without CONFIG_NUMA: one node";
        Add(rows, Sys.mbind, "mbind", Errno.ENOSYS, oneNode);
        Add(rows, Sys.set_mempolicy, "set_mempolicy", Errno.ENOSYS, oneNode);
        Add(rows, Sys.get_mempolicy, "get_mempolicy", Errno.ENOSYS, oneNode);
        Add(rows, Sys.migrate_pages, "migrate_pages", Errno.ENOSYS, oneNode);
        Add(rows, Sys.move_pages, "move_pages", Errno.ENOSYS, oneNode);
        Add(rows, Sys.set_mempolicy_home_node, "set_mempolicy_home_node", Errno.ENOSYS, oneNode);
        Add(rows, Sys.process_madvise, "process_madvise", Errno.ENOSYS, "advice for another process does not reach it");
        Add(rows, Sys.process_mrelease, "process_mrelease", Errno.ENOSYS,
            "a killed process's memory is freed by the host at once");
        Add(rows, Sys.mseal, "mseal", Errno.ENOSYS, "unsealed mappings only: the host could not seal a private stub's");
    }

    public static void AddFiles(Syscall?[] rows)
    {
        Add(rows, Sys.cachestat, "cachestat", Errno.ENOSYS, "the page cache is the host's");
        const string noFanotify = "as a Linux without CONFIG_FANOTIFY; inotify is there";
        Add(rows, Sys.fanotify_init, "fanotify_init", Errno.ENOSYS, noFanotify);
        Add(rows, Sys.fanotify_mark, "fanotify_mark", Errno.ENOSYS, noFanotify);
    }

    public static void AddPaths(Syscall?[] rows)
    {
        const string noHandles = "as on a file system that cannot be exported";
        Add(rows, Sys.name_to_handle_at, "name_to_handle_at", Errno.EOPNOTSUPP, noHandles);
        Add(rows, Sys.open_by_handle_at, "open_by_handle_at", Errno.EPERM, noHandles);
        const string noQuota = "as a Linux without CONFIG_QUOTA";
        Add(rows, Sys.quotactl, "quotactl", Errno.ENOSYS, noQuota);
        Add(rows, Sys.quotactl_fd, "quotactl_fd", Errno.ENOSYS, noQuota);
        Add(rows, Sys.statmount, "statmount", Errno.ENOSYS, "/proc/self/mountinfo is there");
        Add(rows, Sys.listmount, "listmount", Errno.ENOSYS, "/proc/self/mountinfo is there");
        Add(rows, Sys.sysfs, "sysfs", Errno.ENOSYS, "obsolete: /proc/filesystems says the same");
    }

    public static void AddAsynchronous(Syscall?[] rows)
    {
        const string noAio = "as a Linux without CONFIG_AIO";
        Add(rows, Sys.io_setup, "io_setup", Errno.ENOSYS, noAio);
        Add(rows, Sys.io_destroy, "io_destroy", Errno.ENOSYS, noAio);
        Add(rows, Sys.io_getevents, "io_getevents", Errno.ENOSYS, noAio);
        Add(rows, Sys.io_submit, "io_submit", Errno.ENOSYS, noAio);
        Add(rows, Sys.io_cancel, "io_cancel", Errno.ENOSYS, noAio);
        Add(rows, Sys.io_pgetevents, "io_pgetevents", Errno.ENOSYS, noAio);
        const string noRings = "as a Linux without CONFIG_IO_URING: rings shared with a guest are a large surface";
        Add(rows, Sys.io_uring_setup, "io_uring_setup", Errno.ENOSYS, noRings);
        Add(rows, Sys.io_uring_enter, "io_uring_enter", Errno.ENOSYS, noRings);
        Add(rows, Sys.io_uring_register, "io_uring_register", Errno.ENOSYS, noRings);
    }

    public static void AddAdministration(Syscall?[] rows)
    {
        const string hostOnly = "the machine's, not a container's";
        Add(rows, Sys.swapon, "swapon", Errno.EPERM, hostOnly);
        Add(rows, Sys.swapoff, "swapoff", Errno.EPERM, hostOnly);
        Add(rows, Sys.reboot, "reboot", Errno.EPERM, hostOnly);
        Add(rows, Sys.kexec_load, "kexec_load", Errno.EPERM, hostOnly);
        Add(rows, Sys.kexec_file_load, "kexec_file_load", Errno.EPERM, hostOnly);
        Add(rows, Sys.init_module, "init_module", Errno.EPERM, hostOnly);
        Add(rows, Sys.finit_module, "finit_module", Errno.EPERM, hostOnly);
        Add(rows, Sys.delete_module, "delete_module", Errno.EPERM, hostOnly);
        Add(rows, Sys.iopl, "iopl", Errno.EPERM, hostOnly);
        Add(rows, Sys.ioperm, "ioperm", Errno.EPERM, hostOnly);
        Add(rows, Sys.modify_ldt, "modify_ldt", Errno.ENOSYS, "as a Linux without CONFIG_MODIFY_LDT_SYSCALL");
        Add(rows, Sys.acct, "acct", Errno.EPERM, hostOnly);
        Add(rows, Sys.vhangup, "vhangup", Errno.EPERM, "as for a process without CAP_SYS_TTY_CONFIG");
        Add(rows, Sys.adjtimex, "adjtimex", Errno.EPERM, "time is the host's");
        Add(rows, Sys.clock_adjtime, "clock_adjtime", Errno.EPERM, "time is the host's");
    }

    public static void AddFutexes(Syscall?[] rows)
    {
        const string older = "futex(2) does the same; C libraries fall back";
        Add(rows, Sys.futex_wake, "futex_wake", Errno.ENOSYS, older);
        Add(rows, Sys.futex_wait, "futex_wait", Errno.ENOSYS, older);
        Add(rows, Sys.futex_requeue, "futex_requeue", Errno.ENOSYS, older);
    }

    public static void AddObsolete(Syscall?[] rows)
    {
        const string gone = "Linux 6.12 answers the same: removed, or never there on x86-64";
        Add(rows, Sys.uselib, "uselib", Errno.ENOSYS, gone);
        Add(rows, Sys._sysctl, "_sysctl", Errno.ENOSYS, gone);
        Add(rows, Sys.create_module, "create_module", Errno.ENOSYS, gone);
        Add(rows, Sys.get_kernel_syms, "get_kernel_syms", Errno.ENOSYS, gone);
        Add(rows, Sys.query_module, "query_module", Errno.ENOSYS, gone);
        Add(rows, Sys.nfsservctl, "nfsservctl", Errno.ENOSYS, gone);
        Add(rows, Sys.getpmsg, "getpmsg", Errno.ENOSYS, gone);
        Add(rows, Sys.putpmsg, "putpmsg", Errno.ENOSYS, gone);
        Add(rows, Sys.afs_syscall, "afs_syscall", Errno.ENOSYS, gone);
        Add(rows, Sys.tuxcall, "tuxcall", Errno.ENOSYS, gone);
        Add(rows, Sys.security, "security", Errno.ENOSYS, gone);
        Add(rows, Sys.set_thread_area, "set_thread_area", Errno.ENOSYS, gone);
        Add(rows, Sys.get_thread_area, "get_thread_area", Errno.ENOSYS, gone);
        Add(rows, Sys.lookup_dcookie, "lookup_dcookie", Errno.ENOSYS, gone);
        Add(rows, Sys.epoll_ctl_old, "epoll_ctl_old", Errno.ENOSYS, gone);
        Add(rows, Sys.epoll_wait_old, "epoll_wait_old", Errno.ENOSYS, gone);
        Add(rows, Sys.vserver, "vserver", Errno.ENOSYS, gone);
    }

    private static void Add(Syscall?[] rows, int number, string name, Errno error, string note) =>
        rows[number] = rows[number] is null
            ? Syscall.Missing(name, error, note)
            : throw new InvalidOperationException($"{name} has two rows");
}
