using Sandbox.Linux;
using Sandbox.Sentry.Vfs;

namespace Sandbox.Sentry.Sockets;

/// <summary>The ioctls about network interfaces that any socket answers (netdevice(7)); there is "lo" and nothing else.</summary>
internal static class InterfaceControl
{
    /// <summary>ENOTTY for what is not about interfaces.</summary>
    public static SyscallResult Run(ICaller caller, uint request, UserAddress argument) => Errno.ENOTTY;
}
