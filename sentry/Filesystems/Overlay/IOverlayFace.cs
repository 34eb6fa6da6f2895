using Sandbox.Linux;

namespace Sandbox.Sentry.Filesystems.Overlay;

/// <summary>
/// An inode that stands for one of the lower file system, and shows its attributes until the first change.
/// </summary>
internal interface IOverlayFace
{
    /// <summary>The attributes are its own: they were copied up.</summary>
    bool IsOwn { get; }

    /// <summary>The attributes have just been copied up from these.</summary>
    void BecomeOwn(in Stat stat);
}
