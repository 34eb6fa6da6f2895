using Sandbox.Gofer.Protocol;
using Sandbox.Linux;

namespace Sandbox.Gofer;

/// <summary>Attach, walk and close: how handles come and go.</summary>
internal static class WalkOperations
{
    /// <summary>Errors: ENOENT (no such root), ENFILE, EMFILE.</summary>
    public static Errno Attach(ref Exchange exchange)
    {
        if (exchange.Request.Read(out AttachRequest request) is not Errno.Ok and Errno error)
            return error;
        if (exchange.Request.End() is not Errno.Ok and Errno trailing)
            return trailing;
        if (exchange.Server.Root(request.RootIndex).Failed(out ServedRoot? root, out error))
            return error;
        const int duplicateCloseOnExec = 1030; // F_DUPFD_CLOEXEC
        if (HostFile.Control(root.Fd.Number, duplicateCloseOnExec, 0).Failed(out int fd, out error))
            return error;
        HostFd owner = new(fd);
        error = Confined.Attributes(fd, out GoferAttributes attributes);
        if (error != Errno.Ok)
        {
            owner.Dispose();
            return error;
        }

        HandleTable handles = exchange.Server.Handles;
        if (AddHandle(handles, new Handle(owner, root, attributes.Type)).Failed(out uint number, out error))
            return error;
        exchange.Reply.Write(new AttachReply
        {
            Handle = number,
            Flags = root.Flags,
            HandlesMax = (uint)handles.HandlesMax,
            Attributes = attributes,
        });
        return Errno.Ok;
    }

    /// <summary>Errors: EBADF, EPROTO, the errors of names; a missing component is in the reply's StepError.</summary>
    public static Errno Walk(ref Exchange exchange)
    {
        if (exchange.Request.Read(out WalkRequest request) is not Errno.Ok and Errno error)
            return error;
        if (request.Count is 0 or > GoferLimits.WalkComponentsMax)
            return Errno.EINVAL;
        if (exchange.Server.Handles.Borrow(request.Handle).Failed(out Handle? start, out error))
            return error;
        using Handle held = start;
        int replyOffset = exchange.Reply.LengthBytes;
        exchange.Reply.Write(default(WalkReply));

        WalkReply reply = default;
        HostFd? current = null;
        GoferAttributes last = default;
        while (reply.Count < request.Count)
        {
            if (exchange.Request.ReadName(out ReadOnlySpan<byte> name) is not Errno.Ok and Errno badName)
            {
                current?.Dispose();
                return badName;
            }

            bool isLast = reply.Count + 1 == request.Count;
            WalkFlags wanted = isLast ? request.Flags : WalkFlags.WantHandle;
            Errno step = Step(
                current?.Number ?? held.Fd, name, wanted, out HostFd? next, out GoferAttributes attributes);
            reply.StepError = (int)step;
            if (step != Errno.Ok)
                break;
            current?.Dispose();
            (current, last) = (next, attributes);
            reply.Count++;
            exchange.Reply.Write(attributes);
            if (attributes.Type != FileType.Directory)
                break;
        }

        error = WriteTarget(ref exchange, last.Type == FileType.SymbolicLink ? current : null);
        bool keep = error == Errno.Ok && reply.Count == request.Count && WantsHandle(request.Flags, last.Type);
        if (keep && current is not null)
        {
            HandleTable handles = exchange.Server.Handles;
            if (AddHandle(handles, new Handle(current, held.Root, last.Type)).Failed(out reply.Handle, out error))
                return error;
        }
        else
        {
            current?.Dispose();
        }

        exchange.Reply.WriteAt(replyOffset, reply);
        return error;
    }

    /// <summary>Errors: EINVAL (too many), EPROTO.</summary>
    public static Errno Close(ref Exchange exchange)
    {
        if (exchange.Request.Read(out CloseRequest request) is not Errno.Ok and Errno error)
            return error;
        if (request.Count > GoferLimits.CloseHandlesMax)
            return Errno.EINVAL;
        for (uint i = 0; i < request.Count; i++)
        {
            if (exchange.Request.Read(out uint number) is not Errno.Ok and Errno truncated)
                return truncated;
            exchange.Server.Handles.Remove(number);
        }

        return exchange.Request.End();
    }

    private static bool WantsHandle(WalkFlags flags, FileType type) =>
        (flags & WalkFlags.WantHandle) != 0
            || (type == FileType.Directory && (flags & WalkFlags.WantDirectoryHandle) != 0);

    /// <summary>
    /// One component. What is neither wanted as a handle nor a link to be read is not opened:
    /// <paramref name="next"/> is null.
    /// </summary>
    private static Errno Step(
        int directory, ReadOnlySpan<byte> name, WalkFlags wanted, out HostFd? next, out GoferAttributes attributes)
    {
        (next, attributes) = (null, default);
        if ((wanted & WalkFlags.WantHandle) == 0)
        {
            if (Confined.Attributes(directory, name, out attributes) is not Errno.Ok and Errno missing)
                return missing;
            if (attributes.Type != FileType.SymbolicLink && !WantsHandle(wanted, attributes.Type))
                return Errno.Ok;
        }

        if (Confined.OpenPath(directory, name).Failed(out int fd, out Errno error))
            return error;
        next = new HostFd(fd);
        error = Confined.Attributes(fd, out attributes);
        if (error != Errno.Ok)
            next.Dispose();
        return error;
    }

    private static Errno WriteTarget(ref Exchange exchange, HostFd? link)
    {
        if (link is null)
        {
            exchange.Reply.WriteText([]);
            return Errno.Ok;
        }

        return ReadOperations.WriteLinkTarget(ref exchange, link.Number);
    }

    /// <summary>Registers a handle; on failure it is disposed of here. Errors: ENFILE.</summary>
    private static Result<uint> AddHandle(HandleTable handles, Handle handle)
    {
        Result<uint> added = handles.Add(handle);
        if (added.Error != Errno.Ok)
            handle.Dispose();
        return added;
    }
}
