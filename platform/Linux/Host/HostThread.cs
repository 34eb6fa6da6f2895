namespace Sandbox.Linux;

/// <summary>
/// Threads of this process. That the host has no room for one more is an error like any other (EAGAIN), and an
/// exception in one ends that thread, not the process.
/// </summary>
public static class HostThread
{
    /// <summary>Gets the exceptions that ended a thread, with its name. Called on that thread.</summary>
    public static Action<string, Exception>? Failed { get; set; }

    /// <summary>
    /// Starts a background thread. False: EAGAIN, there are as many as the host allows (pthread_create(3)).
    /// </summary>
    public static bool TryStart(string name, int stackBytes, Action body)
    {
        try
        {
            new Thread(() => Guard(name, body), stackBytes) { IsBackground = true, Name = name }.Start();
            return true;
        }
        catch (Exception refused) when (refused is OutOfMemoryException or ThreadStartException)
        {
            return false;
        }
    }

    /// <summary>
    /// An exception that a thread goes on after, because others need it, is told to <see cref="Failed"/>.
    /// </summary>
    public static void Report(string name, Exception exception) => Failed?.Invoke(name, exception);

    /// <summary>Runs <paramref name="body"/>; an exception goes to <see cref="Failed"/>.</summary>
    public static void Guard(string name, Action body)
    {
        try
        {
            body();
        }
        catch (Exception exception) when (Failed is { } failed)
        {
            failed(name, exception);
        }
    }
}
