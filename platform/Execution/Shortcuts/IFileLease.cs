namespace Sandbox.Platform.Shortcuts;

/// <summary>
/// What a guest thread may be told of one open regular file without the Sentry: read(2), pread(2) and fstat(2) of one descriptor.
/// Any thread may call it. The guest can change all that is in it: bytes and attributes it only tells itself, and
/// the position is what it claims.
/// </summary>
public interface IFileLease
{
    /// <summary>
    /// Room for the file's bytes. Filled while nothing is published; whoever fills it after <see cref="End"/> fills another's room,
    /// so nothing may be put here that the thread may not see.
    /// </summary>
    Span<byte> Bytes { get; }

    /// <summary>
    /// From now on the thread reads by itself. False if the lease is over.
    /// </summary>
    /// <param name="position">The open file's position, which read(2) moves.</param>
    /// <param name="start">The offset in the file of the first of <see cref="Bytes"/>.</param>
    /// <param name="count">How many of them there are.</param>
    /// <param name="isAtEnd">They are the last of the file.</param>
    /// <param name="stat">struct stat, for fstat(2).</param>
    bool Publish(long position, long start, int count, bool isAtEnd, ReadOnlySpan<byte> stat);

    /// <summary>
    /// The thread reads no longer by itself when this returns. Gives the position it has come to since <see cref="Publish"/>, not
    /// negative; the same again if there was nothing published since.
    /// </summary>
    long Withdraw();

    /// <summary>As <see cref="Withdraw"/>, for good. The bytes are wiped. True if the thread has read anything.</summary>
    bool End();
}
