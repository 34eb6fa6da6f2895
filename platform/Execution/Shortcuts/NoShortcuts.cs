namespace Sandbox.Platform.Shortcuts;

/// <summary>The shortcuts of a thread that has none: each of its calls comes to the Sentry as a system call.</summary>
public sealed class NoShortcuts : ICallShortcuts
{
    private NoShortcuts()
    {
    }

    public static NoShortcuts Instance { get; } = new();

    public bool MayReadFiles => false;

    public void Attach(IShortcutEvents events)
    {
    }

    public void Continue() => throw new InvalidOperationException("no call was left waiting");

    public void WithdrawAnswers()
    {
    }

    public IFileLease? OfferFile(int descriptor) => null;

    public void BeforeSleep()
    {
    }
}
