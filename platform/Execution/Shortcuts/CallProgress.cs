namespace Sandbox.Platform.Shortcuts;

/// <summary>How far a handler has come with a call that was made by a shortcut.</summary>
public enum CallProgress
{
    /// <summary>The call is done.</summary>
    Done,

    /// <summary>The call waits, without a host thread, for <see cref="ICallShortcuts.Continue"/>.</summary>
    Waits,

    /// <summary>
    /// The call has done nothing, and the thread is to make it once more by a notification, where a handler may sleep.
    /// </summary>
    Redo,
}
