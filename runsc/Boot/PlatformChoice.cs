using Sandbox.Linux;
using Sandbox.Platform;
using Sandbox.Platform.Notify;
using Sandbox.Platform.Ptrace;

namespace Sandbox.Runsc.Boot;

/// <summary>Which platform runs the guests: the one that was asked for, or the best that the host offers.</summary>
internal static class PlatformChoice
{
    /// <summary>What <c>--platform</c> takes, the default first.</summary>
    public static readonly string[] Names = ["auto", "notify", "ptrace", "systrap"];

    /// <summary>Throws <see cref="PlatformNotSupportedException"/> with the reasons of all that were tried.</summary>
    public static IPlatform Make(string wanted, NotifyPlatformOptions options, KernelLog log)
    {
        string? refused = null;
        if (wanted != "ptrace")
        {
            try
            {
                return new NotifyPlatform(options);
            }
            catch (PlatformNotSupportedException exception) when (wanted == "auto")
            {
                refused = exception.Message;
                log.Info($"not the notify platform: {refused}");
            }
        }

        try
        {
            return new PtracePlatform(options);
        }
        catch (PlatformNotSupportedException exception) when (refused is not null)
        {
            throw new PlatformNotSupportedException(
                $"no platform works here. notify: {refused}. ptrace: {exception.Message}", exception);
        }
    }

    /// <summary>
    /// The platform that auto comes to as far as one can tell without a stub, for <c>runsc features</c>.
    /// </summary>
    public static string Likely => HostSeccompListener.FindObstacle() is null ? "notify" : "ptrace";
}
