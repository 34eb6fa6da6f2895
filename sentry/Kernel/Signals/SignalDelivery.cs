using Sandbox.Platform;

namespace Sandbox.Sentry.Kernel.Signals;

/// <summary>What happens between the kernel and the guest's next instruction: stops, exits, restarts and signal handlers.</summary>
internal static class SignalDelivery
{
    /// <summary>
    /// With full state at hand: deals with everything pending and says how the thread goes on. <c>task.SyscallNumber</c> is
    /// the call just finished (with its raw result in <c>task.SyscallResult</c>, restart codes included), or -1.
    /// </summary>
    public static GuestAction BeforeResume(Task task, IGuestThread thread)
    {
        task.BeginWork();
        return task.Group.IsExiting ? TaskExit.Run(task) : GuestAction.Resume;
    }
}
