using Sandbox.Gofer.Protocol;
using Sandbox.Linux;

namespace Sandbox.Sentry.Filesystems.Gofer;

/// <summary>Gets an inode a handle by walking down to it from the nearest ancestor that has one.</summary>
internal static class HandleWalk
{
    private const int NamesPerWalk = 15;
    private const int DepthMax = 1 << 16;

    /// <summary>Errors: ESTALE (it is not where it was), ENOENT, ENFILE, EIO.</summary>
    public static Result<uint> To(GoferInode inode)
    {
        // Bottom up: the inodes that need a handle on the way, the one asked for first.
        List<GoferInode> chain = [];
        uint handle;
        GoferInode at = inode;
        while ((handle = at.PeekHandle()) == 0)
        {
            if (at.Place is not { } place || chain.Count > DepthMax)
                return Errno.ESTALE;
            chain.Add(at);
            at = place.Parent;
        }

        for (int end = chain.Count; end > 0; end -= Math.Min(end, NamesPerWalk))
        {
            int count = Math.Min(end, NamesPerWalk);
            if (Step(handle, chain, end - count, count).Failed(out handle, out Errno error))
                return error;
        }

        return handle;
    }

    /// <summary>Walks the inodes at [first + count - 1] down to [first], and gives that one a handle.</summary>
    private static Result<uint> Step(uint from, List<GoferInode> chain, int first, int count)
    {
        Span<byte> path = stackalloc byte[NamesPerWalk * (GoferLimits.NameBytesMax + 1)];
        int length = 0;
        for (int i = first + count - 1; i >= first; i--)
        {
            if (chain[i].Place is not { } place)
                return Errno.ESTALE;
            if (length > 0)
                path[length++] = (byte)'/';
            place.Name.Bytes.CopyTo(path[length..]);
            length += place.Name.Length;
        }

        GoferInode target = chain[first];
        GoferSession session = target.Gofer.Session;
        Span<GoferAttributes> attributes = stackalloc GoferAttributes[NamesPerWalk];
        Result<WalkOutcome> walk = session.Client.Walk(from, path[..length], WalkFlags.WantHandle, attributes);
        if (walk.Error is Errno.ENFILE or Errno.EMFILE)
        {
            session.Handles.GiveBackAll();
            walk = session.Client.Walk(from, path[..length], WalkFlags.WantHandle, attributes);
        }

        if (walk.Failed(out WalkOutcome outcome, out Errno error))
            return error;
        if (outcome.Handle == 0)
            return outcome.StepError != Errno.Ok ? outcome.StepError : Errno.ESTALE;
        if (!target.IsSame(attributes[count - 1]))
        {
            session.Client.Close(outcome.Handle);
            return Errno.ESTALE;
        }

        return target.SetHandle(outcome.Handle);
    }
}
