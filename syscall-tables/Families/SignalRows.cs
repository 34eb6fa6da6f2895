using Sandbox.Linux;
using Sandbox.Sentry.Kernel.Signals;
using Sandbox.Sentry.Syscalls;
using F = Sandbox.SyscallTables.Tracing.ArgumentFormat;

namespace Sandbox.SyscallTables.Families;

/// <summary>Signals: actions, masks, sending, waiting.</summary>
internal static unsafe class SignalRows
{
    public static void Add(Syscall?[] rows)
    {
        rows[Sys.rt_sigaction] = Syscall.Of<int, UserPtr<SignalAction>, UserPtr<SignalAction>, nuint>(
            "rt_sigaction", &SignalActionSyscalls.Action)
            .Shows(F.Signal, F.SignalAction, F.SignalActionOut, F.Unsigned64)
            .ByPage(PageCall.SignalAction);
        rows[Sys.rt_sigprocmask] = Syscall.Of<int, UserPtr<SignalSet>, UserPtr<SignalSet>, nuint>(
            "rt_sigprocmask", &SignalActionSyscalls.Mask)
            .Shows(F.SignalHow, F.SignalSet, F.SignalSetOut, F.Unsigned64)
            .ByPage(PageCall.SignalSet);
        rows[Sys.rt_sigpending] = Syscall.Of<UserPtr<SignalSet>, nuint>("rt_sigpending", &SignalActionSyscalls.Pending)
            .Shows(F.SignalSetOut, F.Unsigned64);
        rows[Sys.rt_sigreturn] = Syscall.Of("rt_sigreturn", &SignalActionSyscalls.Return)
            .NeedsRegisters();
        rows[Sys.sigaltstack] = Syscall.Of<UserPtr<UserSignalStack>, UserPtr<UserSignalStack>>(
            "sigaltstack", &SignalActionSyscalls.AlternateStack)
            .NeedsRegisters();
        rows[Sys.restart_syscall] = Syscall.Of("restart_syscall", &SignalActionSyscalls.RestartCall);

        rows[Sys.kill] = Syscall.Of<int, int>("kill", &KillSyscalls.Kill)
            .Shows(F.Signed32, F.Signal);
        rows[Sys.tkill] = Syscall.Of<int, int>("tkill", &KillSyscalls.ThreadKill)
            .Shows(F.Signed32, F.Signal);
        rows[Sys.tgkill] = Syscall.Of<int, int, int>("tgkill", &KillSyscalls.ThreadGroupKill)
            .Shows(F.Signed32, F.Signed32, F.Signal);
        rows[Sys.rt_sigqueueinfo] = Syscall.Of<int, int, UserPtr<SignalInfo>>(
            "rt_sigqueueinfo", &KillSyscalls.QueueInfo)
            .Shows(F.Signed32, F.Signal, F.SignalInfo);
        rows[Sys.rt_tgsigqueueinfo] = Syscall.Of<int, int, int, UserPtr<SignalInfo>>(
            "rt_tgsigqueueinfo", &KillSyscalls.ThreadQueueInfo);

        rows[Sys.pause] = Syscall.Of("pause", &SignalWaitSyscalls.Pause)
            .Waits("sigsuspend");
        rows[Sys.rt_sigsuspend] = Syscall.Of<UserPtr<SignalSet>, nuint>("rt_sigsuspend", &SignalWaitSyscalls.Suspend)
            .Waits("sigsuspend");
        rows[Sys.rt_sigtimedwait] = Syscall.Of<UserPtr<SignalSet>, UserPtr<SignalInfo>, UserPtr<Timespec>, nuint>(
            "rt_sigtimedwait", &SignalWaitSyscalls.TimedWait)
            .Shows(F.SignalSet, F.SignalInfoOut, F.Time, F.Unsigned64)
            .Waits("do_sigtimedwait");
    }
}
