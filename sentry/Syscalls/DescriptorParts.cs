using Sandbox.Linux;
using Sandbox.Sentry.Filesystems.Event;
using Sandbox.Sentry.Filesystems.Pipe;
using Sandbox.Sentry.Filesystems.Proc.Tasks;
using Sandbox.Sentry.Sockets;
using Sandbox.Sentry.Vfs;

namespace Sandbox.Sentry.Syscalls;

/// <summary>
/// What the kernel and the VFS need of pipes, pidfds and sockets without knowing them. The composition root calls this
/// once, before the first guest runs.
/// </summary>
internal static class DescriptorParts
{
    public static void Install(Kernel.Kernel kernel)
    {
        SpecialFiles.RegisterFifo(PipeBuffer.OpenFifo);
        kernel.MakePidFd = PidFile.Create;
        foreach (string name in NetworkTables.Names)
        {
            NetFiles.Register(name, (target, _, text) =>
            {
                text.Append(NetworkTables.Format(target.Task.Namespaces.Network, target.Task.Kernel.Timers, name));
                return Errno.Ok;
            });
        }
    }
}
