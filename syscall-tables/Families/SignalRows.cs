using Sandbox.Linux;
using Sandbox.Sentry.Kernel.Signals;
using Sandbox.Sentry.Syscalls;

namespace Sandbox.SyscallTables.Families;

/// <summary>Signals: actions, masks, sending, waiting.</summary>
internal static unsafe class SignalRows
{
    public static void Add(Syscall?[] rows)
    {
        rows[Sys.rt_sigaction] = Syscall.Of<int, UserPtr<SignalAction>, UserPtr<SignalAction>, nuint>(
            "rt_sigaction", &SignalActionSyscalls.Action);
        rows[Sys.rt_sigprocmask] = Syscall.Of<int, UserPtr<SignalSet>, UserPtr<SignalSet>, nuint>(
            "rt_sigprocmask", &SignalActionSyscalls.Mask);
        rows[Sys.rt_sigpending] = Syscall.Of<UserPtr<SignalSet>, nuint>("rt_sigpending", &SignalActionSyscalls.Pending);
        rows[Sys.rt_sigreturn] = Syscall.Of("rt_sigreturn", &SignalActionSyscalls.Return);
        rows[Sys.sigaltstack] = Syscall.Of<UserPtr<UserSignalStack>, UserPtr<UserSignalStack>>(
            "sigaltstack", &SignalActionSyscalls.AlternateStack);
        rows[Sys.restart_syscall] = Syscall.Of("restart_syscall", &SignalActionSyscalls.RestartCall);

        rows[Sys.kill] = Syscall.Of<int, int>("kill", &KillSyscalls.Kill);
        rows[Sys.tkill] = Syscall.Of<int, int>("tkill", &KillSyscalls.ThreadKill);
        rows[Sys.tgkill] = Syscall.Of<int, int, int>("tgkill", &KillSyscalls.ThreadGroupKill);
        rows[Sys.rt_sigqueueinfo] = Syscall.Of<int, int, UserPtr<SignalInfo>>("rt_sigqueueinfo", &KillSyscalls.QueueInfo);
        rows[Sys.rt_tgsigqueueinfo] = Syscall.Of<int, int, int, UserPtr<SignalInfo>>(
            "rt_tgsigqueueinfo", &KillSyscalls.ThreadQueueInfo);

        rows[Sys.pause] = Syscall.Of("pause", &SignalWaitSyscalls.Pause);
        rows[Sys.rt_sigsuspend] = Syscall.Of<UserPtr<SignalSet>, nuint>("rt_sigsuspend", &SignalWaitSyscalls.Suspend);
        rows[Sys.rt_sigtimedwait] = Syscall.Of<UserPtr<SignalSet>, UserPtr<SignalInfo>, UserPtr<Timespec>, nuint>(
            "rt_sigtimedwait", &SignalWaitSyscalls.TimedWait);
    }
}
