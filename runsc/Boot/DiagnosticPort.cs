using System.Diagnostics.Tracing;
using System.Runtime.CompilerServices;
using Sandbox.Linux;
using Sandbox.Sentry.Control;
using Sandbox.Sentry.Diagnostics;
using Sandbox.Sentry.Kernel;

namespace Sandbox.Runsc.Boot;

/// <summary>
/// Wakes the runtime's tracing in the Sentry (<c>--diagnostics</c>). Before the Sentry's own filter:
/// the server makes a socket.
/// </summary>
internal static class DiagnosticPort
{
    /// <summary>
    /// Where the socket is made, in the Sentry's own root: nothing of it is on the host or reachable for a guest.
    /// </summary>
    public const string Directory = "/run";

    /// <summary>Null, or why not.</summary>
    public static string? Open(Kernel kernel)
    {
        if (!HostDiagnostics.Start())
            return "the diagnostic server did not start";
        EventSourcesAreSupported(null) = true;
        Counters.MeasuresLatency = true;
        SentryEventSource.Start(() => SandboxGauges.Read(kernel), kernel.Syscalls.NameOf);
        return null;
    }

    // The runtime reads the setting before Main, when nobody can have changed it; from here on there may be sources.
    [UnsafeAccessor(UnsafeAccessorKind.StaticField, Name = "<IsSupported>k__BackingField")]
    private static extern ref bool EventSourcesAreSupported(EventSource? type);
}
