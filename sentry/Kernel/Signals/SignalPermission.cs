using Sandbox.Linux;
using Sandbox.Sentry.Kernel.Processes;
using Sandbox.Sentry.Kernel.Tasks;
using Sandbox.Sentry.Security;

namespace Sandbox.Sentry.Kernel.Signals;

/// <summary>Who may send signals to whom (kill(2)). With Tree held.</summary>
internal static class SignalPermission
{
    /// <summary>Ok or EPERM.</summary>
    public static Errno Check(Task sender, ThreadGroup target, Signal signal)
    {
        if (sender.Group == target)
            return Errno.Ok;
        Credentials own = sender.Credentials;
        Credentials other = target.Leader.Credentials;
        if (own.EffectiveUserId == other.SavedUserId || own.EffectiveUserId == other.UserId
            || own.UserId == other.SavedUserId || own.UserId == other.UserId)
        {
            return Errno.Ok;
        }

        if (own.Has(Capability.Kill, other.UserNamespace))
            return Errno.Ok;
        return signal == Signal.Continue && sender.Group.Session == target.Session ? Errno.Ok : Errno.EPERM;
    }
}
