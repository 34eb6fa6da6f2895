using Sandbox.Gofer.Protocol;
using Sandbox.Linux;

namespace Sandbox.Gofer;

/// <summary>
/// One tree (or one file) the server may serve. <paramref name="fd"/> should be an O_PATH descriptor;
/// this object owns it.
/// </summary>
public sealed class ServedRoot(HostFd fd, RootFlags flags) : IDisposable
{
    public HostFd Fd => fd;

    public RootFlags Flags => flags;

    public bool IsWritable => (flags & RootFlags.Writable) != 0;

    public void Dispose() => fd.Dispose();
}
