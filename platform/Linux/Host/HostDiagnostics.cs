using System.Runtime.InteropServices;

namespace Sandbox.Linux;

/// <summary>
/// The runtime's diagnostic server (EventPipe). The published program is linked so that the runtime does not start it
/// by itself (runsc/Diagnostics.targets): these are its entry points. Under another runtime,
/// which starts it as it likes, they do not exist.
/// </summary>
public static partial class HostDiagnostics
{
    /// <summary>
    /// Starts it: one thread, and a listening socket "dotnet-diagnostic-PID-KEY-socket" in the directory that the
    /// environment variable TMPDIR named when the process began. False if it could not.
    /// </summary>
    public static bool Start()
    {
        InitializeEventPipe();
        FinishEventPipe();
        return InitializeServer() != 0;
    }

    // Linked in: "__real_" is the linker's word for what --wrap took the place of.
    [LibraryImport("eventpipe", EntryPoint = "__real__Z20EventPipe_Initializev")]
    private static partial void InitializeEventPipe();

    [LibraryImport("eventpipe", EntryPoint = "__real__Z26EventPipe_FinishInitializev")]
    private static partial void FinishEventPipe();

    [LibraryImport("eventpipe", EntryPoint = "__real__Z27DiagnosticServer_Initializev")]
    private static partial byte InitializeServer();
}
