using Sandbox.Linux;
using Sandbox.Sentry.Kernel.Tasks;

namespace Sandbox.Sentry.Kernel.Signals;

/// <summary>
/// What becomes of a call that a signal interrupted (signal(7), "Interruption of system calls and library functions by
/// signal handlers"; arch/x86/kernel/signal.c).
/// </summary>
internal static class SyscallRestart
{
    /// <summary>The length of the syscall instruction.</summary>
    private const ulong InstructionBytes = 2;

    /// <summary>
    /// Settles the call of <c>task.SyscallNumber</c>, whose raw result is <c>task.SyscallResult</c>: it becomes EINTR,
    /// or the thread will execute its syscall instruction again.
    /// <paramref name="action"/> is the handler that runs first, or null.
    /// </summary>
    public static void Apply(Task task, ref UserRegisters registers, SignalAction? action)
    {
        if (task.SyscallNumber < 0)
            return;
        int call = task.SyscallNumber;
        Errno error = task.SyscallResult.Error;
        task.SyscallNumber = -1;
        if (error is < Errno.ERESTARTSYS or > Errno.ERESTART_RESTARTBLOCK)
            return;
        if (IsRestarted(error, action))
            Repeat(ref registers, error == Errno.ERESTART_RESTARTBLOCK ? Sys.restart_syscall : call);
        else
            registers.Rax = unchecked((ulong)-(long)Errno.EINTR);
    }

    private static bool IsRestarted(Errno error, SignalAction? action) => error switch
    {
        Errno.ERESTARTNOINTR => true,
        Errno.ERESTARTSYS => action is not { } handler || (handler.Flags & SignalAction.Restart) != 0,
        _ => action is null,
    };

    private static void Repeat(ref UserRegisters registers, int call)
    {
        registers.Rax = (ulong)call;
        registers.Rip -= InstructionBytes;
    }
}
