using Sandbox.Linux;
using Sandbox.Sentry.Sync;

namespace Sandbox.Sentry.Filesystems.Event;

/// <summary>
/// Epolls that watch epolls (epoll(7)): no circles, and no deep chains, since an event at the bottom is passed on to
/// the top call by call.
/// </summary>
internal static class EpollNesting
{
    /// <summary>
    /// Instances in the longest chain, the outermost included (Linux allows four below the outermost).
    /// </summary>
    private const int MaxChain = 5;

    /// <summary>How many instances a check looks at before it gives up with ELOOP.</summary>
    private const int MaxVisits = 1000;

    /// <summary>One for all: taken before any instance's own lock, wherever one epoll is put into another.</summary>
    public static RankedLock Lock { get; } = new(LockRank.Epoll);

    /// <summary>
    /// May <paramref name="outer"/> watch <paramref name="inner"/>? ELOOP if not. With <see cref="Lock"/> held.
    /// </summary>
    public static Errno Check(EpollFile outer, EpollFile inner)
    {
        int visits = 0;
        int below = Depth(inner, outer, 1, ref visits, static (epoll, next) => epoll.ListInner(next));
        int above = Depth(outer, inner, 1, ref visits, static (epoll, next) => next.AddRange(epoll.Parents));
        return below + above > MaxChain ? Errno.ELOOP : Errno.Ok;
    }

    /// <summary>The watch is over.</summary>
    public static void Unlink(EpollFile outer, EpollFile inner)
    {
        using (Lock.Enter())
            inner.Parents.Remove(outer);
    }

    /// <summary>Longest chain from here on; more than allowed if it meets <paramref name="forbidden"/>.</summary>
    private static int Depth(
        EpollFile from, EpollFile forbidden, int depth, ref int visits, Action<EpollFile, List<EpollFile>> listNext)
    {
        if (from == forbidden || depth > MaxChain || ++visits > MaxVisits)
            return MaxChain + 1;
        List<EpollFile> next = [];
        listNext(from, next);
        int longest = depth;
        foreach (EpollFile epoll in next)
        {
            longest = Math.Max(longest, Depth(epoll, forbidden, depth + 1, ref visits, listNext));
            if (longest > MaxChain)
                break;
        }

        return longest;
    }
}
