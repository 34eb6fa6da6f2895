namespace Sandbox.Platform.Shortcuts;

/// <summary>
/// A lease of one open regular file: the guest thread that has it answers read(2), pread(2) and fstat(2) of one
/// descriptor by itself, from a copy of some bytes, the attributes and the position. Any thread of the Sentry may call
/// it. The guest can write to all of that: with wrong bytes and attributes it deceives only itself, and the position is
/// what it claims.
/// </summary>
public interface IFileLease
{
    /// <summary>
    /// Room for the file's bytes, to be filled while nothing is published. After <see cref="End"/> it may be another
    /// lease's of the same thread, so nothing may be put here that the thread may not see.
    /// </summary>
    Span<byte> Bytes { get; }

    /// <summary>
    /// Lets the thread read by itself from now on. False if the lease is over.
    /// </summary>
    /// <param name="position">The open file's position, which read(2) moves.</param>
    /// <param name="start">The offset in the file of the first of <see cref="Bytes"/>.</param>
    /// <param name="count">How many of them there are.</param>
    /// <param name="isAtEnd">They are the last of the file.</param>
    /// <param name="stat">struct stat, for fstat(2).</param>
    bool Publish(long position, long start, int count, bool isAtEnd, ReadOnlySpan<byte> stat);

    /// <summary>
    /// Keeps the thread from reading by itself; when this returns it no longer does. Gives the position it has come to
    /// since <see cref="Publish"/>, not negative; the same again if there was nothing published since.
    /// </summary>
    long Withdraw();

    /// <summary>
    /// Ends the lease as <see cref="Withdraw"/> does, but for good, and wipes the bytes. True if the thread has read
    /// any.
    /// </summary>
    bool End();
}
