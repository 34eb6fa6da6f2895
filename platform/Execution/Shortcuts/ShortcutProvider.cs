namespace Sandbox.Platform.Shortcuts;

/// <summary>A way of shortening calls, made by the composition root and handed to a platform that can use it.</summary>
public abstract class ShortcutProvider
{
    private protected ShortcutProvider()
    {
    }

    /// <summary>The shortcuts of the first thread of a new image.</summary>
    internal abstract IThreadShortcuts Create(IShortcutHost host);
}
