using Sandbox.Sentry.Memory;
using Sandbox.Sentry.Security;
using Sandbox.Sentry.Sync;

namespace Sandbox.Sentry.Vfs;

/// <summary>
/// The task on whose behalf a file operation runs, as far as the VFS needs to know it. <c>Kernel.Task</c> is the one
/// implementation; layers above the kernel may cast to it.
/// </summary>
internal interface ICaller
{
    Credentials Credentials { get; }
    UserMemory Memory { get; }

    /// <summary>Root, working directory, umask, mount namespace.</summary>
    FsContext Fs { get; }

    /// <summary>Who is charged for what is made for this task.</summary>
    MemoryAccount Account => MemoryAccount.Sandbox;

    /// <summary>Where this task waits.</summary>
    Sleeper Sleeper { get; }
}
