namespace Sandbox.Platform.Shortcuts;

/// <summary>What became of a call that came by a shortcut, and of its thread.</summary>
internal enum ShortcutOutcome
{
    /// <summary>The call has its value, and the thread was given up.</summary>
    Answered,

    /// <summary>The guest is to make the system call itself; the thread was given up.</summary>
    Redo,

    /// <summary>The call waits, and its thread is still owned, until it is continued.</summary>
    Waits,

    /// <summary>The thread is gone, or about to be: there is nobody to answer.</summary>
    Gone,
}
