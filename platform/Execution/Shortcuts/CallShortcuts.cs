namespace Sandbox.Platform.Shortcuts;

/// <summary>A guest thread of a platform that can shorten calls.</summary>
internal interface IShortcutOwner
{
    /// <summary>Null if calls of this thread are not shortened.</summary>
    ICallShortcuts? Shortcuts { get; }
}

/// <summary>Where the kernel gets a thread's shortcuts from: the contract of platforms does not know of any.</summary>
public static class CallShortcuts
{
    public static ICallShortcuts Of(IGuestThread thread) =>
        (thread as IShortcutOwner)?.Shortcuts ?? NoShortcuts.Instance;
}
