namespace Sandbox.Platform.Shortcuts;

/// <summary>
/// What lets one guest thread make some of its calls without a notification: a page that it shares with the Sentry,
/// which answers them or takes them there. This is what the kernel asks of it; <see cref="NoShortcuts"/> where a
/// platform has nothing of the kind.
/// </summary>
public interface ICallShortcuts
{
    /// <summary>
    /// Says whom to ask and to tell about the thread. No call is shortened before. Before the thread first runs.
    /// </summary>
    void Attach(IShortcutEvents events);

    /// <summary>
    /// A call that <see cref="IShortcutEvents.OnCall"/> left waiting, or is about to, can go on: OnCall comes again.
    /// Once for each; any thread.
    /// </summary>
    void Continue();

    /// <summary>
    /// What the thread answers by itself may be wrong from now on, or somebody wants to see its calls. When this
    /// returns it asks for its ids by system calls again, and all leases of files that it has are over. Any thread.
    /// </summary>
    void WithdrawAnswers();

    /// <summary>True if the thread may have room for bytes of files. A hint, for a call of the thread itself.</summary>
    bool MayReadFiles { get; }

    /// <summary>
    /// Room for bytes of the regular file that is open as <paramref name="descriptor"/>, which the thread may read by
    /// itself: the one it has for that descriptor, if it has one. Null if it makes all its calls.
    /// Only within a call of the thread.
    /// </summary>
    IFileLease? OfferFile(int descriptor);

    /// <summary>
    /// A handler of the thread is about to sleep, for who knows how long, on the calling host thread.
    /// </summary>
    void BeforeSleep();
}
