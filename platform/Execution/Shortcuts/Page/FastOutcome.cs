namespace Sandbox.Platform.Shortcuts.Page;

/// <summary>What became of a call that came by a shared page.</summary>
internal enum FastOutcome
{
    /// <summary>It has its value.</summary>
    Answered,

    /// <summary>The guest is to make the system call itself.</summary>
    Redo,

    /// <summary>It waits, and so does its thread, until it is continued.</summary>
    Deferred,

    /// <summary>The thread is gone, or about to be: there is nobody to answer.</summary>
    Gone,
}
