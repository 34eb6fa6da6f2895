using Sandbox.Linux;
using Sandbox.Sentry.Vfs;

namespace Sandbox.Sentry.Filesystems.Overlay;

/// <summary>Attributes of a file nobody has changed: the lower layer's, on the overlay's device.</summary>
internal static class LowerAttributes
{
    public static Errno Get(Inode face, Inode lower, ref Stat stat)
    {
        Errno result = lower.GetAttributes(ref stat);
        stat.Device = face.FileSystem.Device;
        stat.Inode = face.Number;
        return result;
    }
}
