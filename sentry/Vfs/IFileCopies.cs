namespace Sandbox.Sentry.Vfs;

/// <summary>
/// Who has given guests copies of what files contain and of their attributes. Hears of every change of a file (<see
/// cref="Inode.NotifyChange"/>); when a method returns, nobody reads the old by a copy any more.
/// </summary>
internal interface IFileCopies
{
    /// <summary>Something about the file has changed or is about to.</summary>
    void Recall(Inode inode);

    /// <summary>From now on somebody wants to hear of reads.</summary>
    void RecallAll();
}
