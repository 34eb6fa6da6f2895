namespace Sandbox.Linux;

/// <summary>What a sandbox counts besides system calls; see <see cref="Counters"/>.</summary>
public enum Counter
{
    /// <summary>Messages from guest threads that the platform received: calls, doorbells, commands.</summary>
    Notifications,

    /// <summary>Signals sent to bring a guest thread in.</summary>
    Kicks,

    /// <summary>Host calls made in a guest's address space.</summary>
    StubCommands,

    /// <summary>Faults of guest code that became signals. Page faults are the host's and never seen here.</summary>
    Faults,

    /// <summary>Requests to Gofers.</summary>
    GoferMessages,

    /// <summary>Time spent waiting for their answers.</summary>
    GoferNanoseconds,

    /// <summary>Names found in the dentry cache.</summary>
    DentryHits,

    /// <summary>Names a filesystem was asked for.</summary>
    DentryMisses,

    /// <summary>How many there are.</summary>
    Count,
}
