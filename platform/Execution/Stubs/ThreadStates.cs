namespace Sandbox.Platform.Stubs;

/// <summary>What is known of a guest thread, in one word that is only changed atomically.</summary>
[Flags]
internal enum ThreadStates
{
    None = 0,

    /// <summary>It stands still and is owned.</summary>
    Busy = 1,

    /// <summary>OnInterrupt is due.</summary>
    Interrupted = 2,

    /// <summary>It is to end as soon as it is owned.</summary>
    Dying = 4,

    /// <summary>The stub is gone.</summary>
    Gone = 8,

    /// <summary>OnExit was called.</summary>
    Reported = 16,

    /// <summary>It no longer counts on its listener.</summary>
    Released = 64,

    /// <summary>It may not run on: somebody exchanges a word of its memory.</summary>
    Frozen = 128,

    /// <summary>The watchdog looks at it.</summary>
    Watched = 256,

    /// <summary>It has never run.</summary>
    Unstarted = 32,
}
