using Sandbox.Sentry.Filesystems.Event;
using Sandbox.Sentry.Filesystems.Pipe;
using Sandbox.Sentry.Sockets;
using Sandbox.Sentry.Vfs;

namespace Sandbox.Sentry.Syscalls;

/// <summary>
/// What the kernel and the VFS need of pipes, pidfds and sockets without knowing them. The composition root calls this once,
/// before the first guest runs.
/// </summary>
internal static class DescriptorParts
{
    public static void Install(Kernel.Kernel kernel)
    {
        SpecialFiles.RegisterFifo(PipeBuffer.OpenFifo);
        kernel.MakePidFd = PidFile.Create;
        kernel.FormatNetworkTable = NetworkTables.Format;
    }
}
