using Sandbox.Linux;
using Sandbox.Sentry.Kernel.Processes;
using Sandbox.Sentry.Kernel.Signals;
using Sandbox.Sentry.Syscalls;
using F = Sandbox.SyscallTables.Tracing.ArgumentFormat;

namespace Sandbox.SyscallTables.Families;

/// <summary>Processes: making, ending, waiting, ids, namespaces.</summary>
internal static unsafe class ProcessRows
{
    public static void Add(Syscall?[] rows)
    {
        rows[Sys.fork] = Syscall.Of("fork", &ProcessSyscalls.Fork)
            .Waits("kernel_clone")
            .NeedsRegisters();
        rows[Sys.vfork] = Syscall.Of("vfork", &ProcessSyscalls.Vfork)
            .Waits("kernel_clone")
            .NeedsRegisters();
        rows[Sys.clone] = Syscall.Of<ulong, UserAddress, UserAddress, UserAddress, ulong>(
            "clone", &ProcessSyscalls.Clone)
            .Partial("no CLONE_PTRACE, CLONE_NEWTIME")
            .Shows(F.CloneFlags, F.Address, F.Address, F.Address, F.Hexadecimal)
            .Waits("kernel_clone")
            .NeedsRegisters();
        rows[Sys.clone3] = Syscall.Of<UserAddress, nuint>("clone3", &ProcessSyscalls.Clone3)
            .Partial("no set_tid, CLONE_INTO_CGROUP, CLONE_NEWTIME")
            .Shows(F.CloneArguments, F.Unsigned64)
            .Waits("kernel_clone")
            .NeedsRegisters();
        rows[Sys.execve] = Syscall.Of<UserString, UserAddress, UserAddress>("execve", &ExecSyscalls.Execve)
            .Shows(F.Text, F.TextArray, F.Address)
            .NeedsRegisters();
        rows[Sys.execveat] = Syscall.Of<Fd, UserString, UserAddress, UserAddress, AtFlags>(
            "execveat", &ExecSyscalls.ExecveAt)
            .Shows(F.DirectoryFd, F.Text, F.TextArray, F.Address, F.AtFlags)
            .NeedsRegisters();
        rows[Sys.exit] = Syscall.Of<int>("exit", &ProcessSyscalls.Exit);
        rows[Sys.exit_group] = Syscall.Of<int>("exit_group", &ProcessSyscalls.ExitGroup);
        rows[Sys.wait4] = Syscall.Of<int, UserPtr<int>, WaitOptions, UserPtr<ResourceUsage>>(
            "wait4", &ProcessSyscalls.Wait4)
            .Shows(F.Signed32, F.WaitStatusOut, F.WaitOptions, F.ResourceUsageOut)
            .Waits("do_wait");
        rows[Sys.waitid] = Syscall.Of<int, int, UserPtr<SignalInfo>, WaitOptions, UserPtr<ResourceUsage>>(
            "waitid", &ProcessSyscalls.WaitId)
            .Shows(F.WaitKind, F.Signed32, F.SignalInfoOut, F.WaitOptions, F.ResourceUsageOut)
            .Waits("do_wait");

        rows[Sys.getpid] = Syscall.Of("getpid", &IdSyscalls.GetPid)
            .ByPage(PageCall.Answer);
        rows[Sys.gettid] = Syscall.Of("gettid", &IdSyscalls.GetTid)
            .ByPage(PageCall.Answer);
        rows[Sys.getppid] = Syscall.Of("getppid", &IdSyscalls.GetParentPid)
            .ByPage(PageCall.NoInput);
        rows[Sys.getpgrp] = Syscall.Of("getpgrp", &IdSyscalls.GetProcessGroup);
        rows[Sys.getpgid] = Syscall.Of<int>("getpgid", &IdSyscalls.GetProcessGroupOf);
        rows[Sys.getsid] = Syscall.Of<int>("getsid", &IdSyscalls.GetSession);
        rows[Sys.setsid] = Syscall.Of("setsid", &IdSyscalls.SetSession);
        rows[Sys.setpgid] = Syscall.Of<int, int>("setpgid", &IdSyscalls.SetProcessGroup);
        rows[Sys.setns] = Syscall.Of<Fd, int>("setns", &NamespaceSyscalls.SetNamespace)
            .Shows(F.Fd, F.CloneFlags);
        rows[Sys.ptrace] = Syscall.Of<long, int, ulong, ulong>("ptrace", &PtraceSyscalls.Control)
            .Partial(
                "debug registers are all in use (ENOSPC); no PTRACE_SYSEMU, PTRACE_PEEKSIGINFO, PTRACE_O_TRACESECCOMP; no registers at PTRACE_EVENT_EXIT");
        rows[Sys.unshare] = Syscall.Of<ulong>("unshare", &NamespaceSyscalls.Unshare)
            .Partial("no time namespaces")
            .Shows(F.CloneFlags);
    }
}
