namespace Sandbox.Platform.Shortcuts.Polling;

/// <summary>Told of the calls that come by a thread's page.</summary>
internal interface IChannelOwner
{
    /// <summary>Who handles the calls.</summary>
    IShortcutEvents Events { get; }

    /// <summary>A call of that number was taken.</summary>
    void OnTaken(int number);

    /// <summary>A call that nobody has looked for was found when its thread went to sleep.</summary>
    void OnPosted();

    /// <summary>The thread sleeps, and is about to be told that its call has an answer.</summary>
    void OnAnswer();
}
