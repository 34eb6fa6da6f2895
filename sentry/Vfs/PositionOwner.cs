namespace Sandbox.Sentry.Vfs;

/// <summary>
/// Keeps an open file's position for a while in place of the file, because a guest moves it by itself.
/// </summary>
internal abstract class PositionOwner
{
    /// <summary>Gives the position back, if the owner had it. With the file's position locked.</summary>
    public abstract bool TryTake(out long position);

    /// <summary>
    /// When this returns no guest moves the position or reads the file by itself any more. Any thread,
    /// any number of times.
    /// </summary>
    public abstract void End();
}
