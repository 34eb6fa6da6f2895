using System.Runtime.InteropServices;
using Sandbox.Gofer.Protocol;
using Sandbox.Linux;

namespace Sandbox.Sentry.Filesystems.Gofer;

/// <summary>What a walk reached (<see cref="WalkReply"/>).</summary>
/// <param name="Count">Components reached.</param>
/// <param name="StepError">Why the next was not reached, or Ok.</param>
/// <param name="Handle">A handle of the last, if asked for and all were reached, else 0.</param>
/// <param name="LinkTarget">The target of the last one reached, if it is a symbolic link.</param>
internal readonly record struct WalkOutcome(int Count, Errno StepError, uint Handle, byte[]? LinkTarget);

/// <summary>
/// Speaks the file protocol with the Gofer. Thread safe: each request takes one of a few sockets, each of which has a
/// thread of its own at the other end. Files are named by a handle and an optional name in it. Nothing here is cached.
/// </summary>
/// <remarks>Walk, getattr and open allocate nothing (but the target of a symbolic link).</remarks>
internal sealed class GoferClient : IDisposable
{
    private const int CloseBatch = 64;

    private readonly GoferChannel[] _channels;
    private readonly object _gate = new(); // A monitor: the only lock of .NET one can wait on.
    private readonly GoferChannel[] _idle; // Guarded by _gate, as are the next four.
    private int _idleCount;
    private bool _isAheadTaken;
    private readonly uint[] _closing = new uint[CloseBatch];
    private int _closingCount;

    /// <param name="sockets">Our ends of the socket pairs; owned from now on.</param>
    public GoferClient(params ReadOnlySpan<HostFd> sockets)
    {
        _channels = new GoferChannel[sockets.Length];
        for (int i = 0; i < _channels.Length; i++)
            _channels[i] = new GoferChannel(this, sockets[i]);
        _idle = (GoferChannel[])_channels.Clone();
        _idleCount = _idle.Length;
    }

    /// <summary>The root of an index. Errors: ENOENT.</summary>
    public Errno Attach(uint rootIndex, out AttachReply root)
    {
        root = default;
        using GoferChannel channel = Take();
        MessageWriter request = channel.Start();
        request.Write(new AttachRequest { RootIndex = rootIndex });
        if (channel.Exchange(GoferOperation.Attach, ref request, out MessageReader reply)
            is not Errno.Ok and Errno error)
            return error;
        return Sound(reply.Read(out root));
    }

    /// <summary>
    /// Walks down <paramref name="path"/>, names with single slashes between, from a directory handle; attributes of
    /// each step go to <paramref name="attributes"/>, which has room for all. A missing name is in the outcome. Errors:
    /// ENOTDIR, EBADF, ENFILE.
    /// </summary>
    public Result<WalkOutcome> Walk(
        uint handle, ReadOnlySpan<byte> path, WalkFlags flags, Span<GoferAttributes> attributes)
    {
        int count = path.Count((byte)'/') + 1;
        if (count > GoferLimits.WalkComponentsMax || count > attributes.Length)
            return Errno.EINVAL;
        using GoferChannel channel = Take();
        MessageWriter request = channel.Start();
        request.Write(new WalkRequest { Handle = handle, Count = (ushort)count, Flags = flags });
        foreach (Range component in path.Split((byte)'/'))
            request.WriteText(path[component]);
        if (channel.Exchange(GoferOperation.Walk, ref request, out MessageReader reader)
            is not Errno.Ok and Errno error)
            return error;
        if (reader.Read(out WalkReply reply) != Errno.Ok || reply.Count > count)
            return Errno.EIO;
        for (int i = 0; i < reply.Count; i++)
        {
            if (reader.Read(out attributes[i]) != Errno.Ok)
                return Errno.EIO;
        }

        if (reader.ReadText(out ReadOnlySpan<byte> target) != Errno.Ok)
            return Errno.EIO;
        byte[]? link = target.IsEmpty ? null : target[..^1].ToArray();
        return new WalkOutcome(reply.Count, (Errno)reply.StepError, reply.Handle, link);
    }

    /// <summary>
    /// A host descriptor of a regular file. Errors: ENOENT, EISDIR, ELOOP, ENXIO (another type), EROFS, EBADF.
    /// </summary>
    public Result<HostFd> Open(uint handle, ReadOnlySpan<byte> name, OpenFlags flags, out GoferAttributes attributes)
    {
        attributes = default;
        using GoferChannel channel = Take();
        MessageWriter request = channel.Start();
        request.Write(new OpenRequest { Handle = handle, Flags = (uint)flags });
        request.WriteText(name);
        Errno error = channel.Exchange(GoferOperation.Open, ref request, out MessageReader reply, out int fd);
        return Donated(error, ref reply, fd, out attributes);
    }

    /// <summary>A new regular file, open. Errors: EEXIST, EROFS, ENOTDIR, EBADF.</summary>
    public Result<HostFd> Create(
        uint handle,
        ReadOnlySpan<byte> name,
        OpenFlags flags,
        uint mode,
        uint userId,
        uint groupId,
        out GoferAttributes attributes)
    {
        attributes = default;
        using GoferChannel channel = Take();
        MessageWriter request = channel.Start();
        request.Write(new CreateRequest
        {
            Handle = handle,
            Flags = (uint)flags,
            Mode = mode,
            UserId = userId,
            GroupId = groupId,
        });
        request.WriteText(name);
        Errno error = channel.Exchange(GoferOperation.Create, ref request, out MessageReader reply, out int fd);
        return Donated(error, ref reply, fd, out attributes);
    }

    /// <summary>
    /// A file without a name, with its handle. Errors: EOPNOTSUPP, EROFS, ENOSPC, ENFILE, EBADF.
    /// </summary>
    public Result<HostFd> CreateTemporary(
        uint handle, uint mode, uint userId, uint groupId, out CreateTemporaryReply made)
    {
        made = default;
        using GoferChannel channel = Take();
        MessageWriter request = channel.Start();
        request.Write(new CreateRequest
        {
            Handle = handle,
            Flags = (uint)OpenFlags.ReadWrite,
            Mode = mode,
            UserId = userId,
            GroupId = groupId,
        });
        Errno error = channel.Exchange(
            GoferOperation.CreateTemporary, ref request, out MessageReader reply, out int fd);
        if (error != Errno.Ok)
            return error;
        if (fd >= 0 && reply.Read(out made) == Errno.Ok)
            return new HostFd(fd);
        if (fd >= 0)
            HostFile.Close(fd);
        return Errno.EIO;
    }

    /// <summary>Errors: EEXIST, EROFS, ENOSPC, EBADF.</summary>
    public Errno MakeDirectory(
        uint handle, ReadOnlySpan<byte> name, uint mode, uint userId, uint groupId, out GoferAttributes attributes)
    {
        MakeDirectoryRequest body = new() { Handle = handle, Mode = mode, UserId = userId, GroupId = groupId };
        return ForAttributes(GoferOperation.MakeDirectory, body, name, [], 1, out attributes);
    }

    /// <summary>
    /// A FIFO, a socket's name, or a device; <paramref name="mode"/> with type. Errors: EPERM, EEXIST, EROFS.
    /// </summary>
    public Errno MakeNode(
        uint handle,
        ReadOnlySpan<byte> name,
        uint mode,
        uint userId,
        uint groupId,
        ulong device,
        out GoferAttributes attributes)
    {
        MakeNodeRequest body = new()
        {
            Handle = handle,
            Mode = mode,
            UserId = userId,
            GroupId = groupId,
            RawDevice = device,
        };
        return ForAttributes(GoferOperation.MakeNode, body, name, [], 1, out attributes);
    }

    /// <summary>Errors: EEXIST, EROFS, ENAMETOOLONG.</summary>
    public Errno SymbolicLink(
        uint handle,
        ReadOnlySpan<byte> name,
        ReadOnlySpan<byte> target,
        uint userId,
        uint groupId,
        out GoferAttributes attributes)
    {
        SymbolicLinkRequest body = new() { Handle = handle, UserId = userId, GroupId = groupId };
        return ForAttributes(GoferOperation.SymbolicLink, body, name, target, 2, out attributes);
    }

    /// <summary>
    /// A further name; an empty <paramref name="sourceName"/> is the source handle itself. Errors: EXDEV, EEXIST,
    /// EROFS.
    /// </summary>
    public Errno Link(
        uint sourceHandle,
        ReadOnlySpan<byte> sourceName,
        uint handle,
        ReadOnlySpan<byte> name,
        out GoferAttributes attributes)
    {
        LinkRequest body = new() { SourceHandle = sourceHandle, Handle = handle };
        return ForAttributes(GoferOperation.Link, body, sourceName, name, 2, out attributes);
    }

    /// <summary>Errors: ENOENT, EISDIR, ENOTDIR, ENOTEMPTY, EROFS.</summary>
    public Errno Unlink(uint handle, ReadOnlySpan<byte> name, bool directory)
    {
        UnlinkRequest body = new() { Handle = handle, Flags = directory ? (uint)AtFlags.RemoveDirectory : 0 };
        return ForNothing(GoferOperation.Unlink, body, name, [], 1);
    }

    /// <summary>Flags as renameat2(2). Errors: EXDEV, EEXIST, ENOENT, ENOTEMPTY, EROFS.</summary>
    public Errno Rename(
        uint oldHandle, ReadOnlySpan<byte> oldName, uint newHandle, ReadOnlySpan<byte> newName, uint flags)
    {
        RenameRequest body = new() { OldHandle = oldHandle, NewHandle = newHandle, Flags = flags };
        return ForNothing(GoferOperation.Rename, body, oldName, newName, 2);
    }

    /// <summary>Handle and mask are in <paramref name="change"/>. Errors: EROFS, EPERM, EINVAL, ENOENT.</summary>
    public Errno SetAttributes(
        in SetAttributesRequest change, ReadOnlySpan<byte> name, out GoferAttributes attributes) =>
        ForAttributes(GoferOperation.SetAttributes, change, name, [], 1, out attributes);

    /// <summary>Errors: ENOENT, EBADF.</summary>
    public Errno GetAttributes(uint handle, ReadOnlySpan<byte> name, out GoferAttributes attributes) =>
        ForAttributes(GoferOperation.GetAttributes, new FileRequest { Handle = handle }, name, [], 1, out attributes);

    /// <summary>Errors: EINVAL (no link), ENOENT.</summary>
    public Result<byte[]> ReadLink(uint handle, ReadOnlySpan<byte> name)
    {
        using GoferChannel channel = Take();
        Errno error = Ask(channel, GoferOperation.ReadLink, new FileRequest { Handle = handle }, name, [], 1,
            out MessageReader reply);
        if (error != Errno.Ok)
            return error;
        return reply.ReadText(out ReadOnlySpan<byte> target) != Errno.Ok ? Errno.EIO
            : target.IsEmpty ? Array.Empty<byte>() : target[..^1].ToArray();
    }

    /// <summary>
    /// Appends the entries after <paramref name="cookie"/> to <paramref name="entries"/>, as many as one message holds,
    /// and moves the cookie; true at the end. Errors: ENOTDIR, EBADF.
    /// </summary>
    public Result<bool> ReadDirectory(uint handle, bool withAttributes, ref long cookie, List<GoferEntry> entries)
    {
        using GoferChannel channel = Take();
        MessageWriter request = channel.Start();
        ReadDirectoryFlags flags = withAttributes ? ReadDirectoryFlags.WithAttributes : ReadDirectoryFlags.None;
        request.Write(new ReadDirectoryRequest { Handle = handle, Flags = flags, Cookie = cookie });
        if (channel.Exchange(GoferOperation.ReadDirectory, ref request, out MessageReader reply)
            is not Errno.Ok and Errno error)
            return error;
        if (reply.Read(out ReadDirectoryReply header) != Errno.Ok)
            return Errno.EIO;
        for (uint i = 0; i < header.Count; i++)
        {
            if (GoferEntry.Read(ref reply, out GoferEntry entry) != Errno.Ok)
                return Errno.EIO;
            entries.Add(entry);
        }

        cookie = header.NextCookie;
        return header.IsEnd != 0;
    }

    /// <summary>statfs(2).</summary>
    public Errno StatFs(uint handle, out StatFs status)
    {
        status = default;
        using GoferChannel channel = Take();
        Errno error = Ask(
            channel, GoferOperation.StatFs, new FileRequest { Handle = handle }, [], [], 1, out MessageReader reply);
        return error != Errno.Ok ? error : Sound(reply.Read(out status));
    }

    /// <summary>syncfs(2) of what a directory or file is on.</summary>
    public Errno SyncFileSystem(uint handle) =>
        ForNothing(GoferOperation.SyncFileSystem, new FileRequest { Handle = handle }, [], [], 1);

    /// <summary>fsync(2).</summary>
    public Errno Sync(uint handle) => ForNothing(GoferOperation.Sync, new FileRequest { Handle = handle }, [], [], 1);

    /// <summary>The value. Errors: ENODATA, EOPNOTSUPP.</summary>
    public Result<byte[]> GetXattr(uint handle, ReadOnlySpan<byte> name, ReadOnlySpan<byte> attribute)
    {
        GetXattrRequest body = new() { Handle = handle, BytesMax = GoferLimits.XattrValueBytesMax };
        return ForBytes(GoferOperation.GetXattr, body, name, attribute, 2);
    }

    /// <summary>The names, each with its NUL.</summary>
    public Result<byte[]> ListXattr(uint handle, ReadOnlySpan<byte> name)
    {
        GetXattrRequest body = new() { Handle = handle, BytesMax = GoferLimits.XattrValueBytesMax };
        return ForBytes(GoferOperation.ListXattr, body, name, [], 1);
    }

    /// <summary>Errors: EOPNOTSUPP (only user.* can be set), EEXIST, ENODATA, EROFS, ENOSPC.</summary>
    public Errno SetXattr(
        uint handle, ReadOnlySpan<byte> name, ReadOnlySpan<byte> attribute, ReadOnlySpan<byte> value, uint flags)
    {
        using GoferChannel channel = Take();
        MessageWriter request = channel.Start();
        request.Write(new SetXattrRequest { Handle = handle, Flags = flags, ValueBytes = (uint)value.Length });
        request.WriteText(name);
        request.WriteText(attribute);
        request.WriteBytes(value);
        return channel.Exchange(GoferOperation.SetXattr, ref request, out _);
    }

    /// <summary>Errors: EOPNOTSUPP, ENODATA, EROFS.</summary>
    public Errno RemoveXattr(uint handle, ReadOnlySpan<byte> name, ReadOnlySpan<byte> attribute) =>
        ForNothing(GoferOperation.RemoveXattr, new FileRequest { Handle = handle }, name, attribute, 2);

    /// <summary>Gives a handle back, some time: many go in one message. 0 is none.</summary>
    public void Close(uint handle)
    {
        if (handle == 0)
            return;
        Span<uint> batch = stackalloc uint[CloseBatch];
        lock (_gate)
        {
            _closing[_closingCount++] = handle;
            if (_closingCount < CloseBatch)
                return;
            _closing.CopyTo(batch);
            _closingCount = 0;
        }

        SendClose(batch);
    }

    /// <summary>Gives back now what <see cref="Close"/> collected.</summary>
    public void FlushClosed()
    {
        Span<uint> batch = stackalloc uint[CloseBatch];
        lock (_gate)
        {
            _closing.CopyTo(batch);
            batch = batch[.._closingCount];
            _closingCount = 0;
        }

        if (!batch.IsEmpty)
            SendClose(batch);
    }

    /// <summary>Closes the sockets; requests under way fail with EIO, and the Gofer ends.</summary>
    public void Dispose()
    {
        foreach (GoferChannel channel in _channels)
            channel.Close();
    }

    /// <summary>For <see cref="GoferChannel.Dispose"/>.</summary>
    internal void Return(GoferChannel channel)
    {
        lock (_gate)
        {
            _idle[_idleCount++] = channel;
            Monitor.Pulse(_gate);
        }
    }

    /// <summary>A channel for one request, as soon as one is free.</summary>
    internal GoferChannel Take()
    {
        lock (_gate)
        {
            while (_idleCount == 0)
                Monitor.Wait(_gate);
            return _idle[--_idleCount]; // The last one used: its buffer is warm.
        }
    }

    /// <summary>
    /// A channel for a request whose reply is taken later, if there are others and no such request is under way: null
    /// else. Given back by <see cref="ReturnAhead"/>.
    /// </summary>
    internal GoferChannel? TakeAhead()
    {
        lock (_gate)
        {
            if (_isAheadTaken || _idleCount < 2)
                return null;
            _isAheadTaken = true;
            return _idle[--_idleCount];
        }
    }

    /// <summary>Gives back what <see cref="TakeAhead"/> gave, after its reply came.</summary>
    internal void ReturnAhead(GoferChannel channel)
    {
        lock (_gate)
            _isAheadTaken = false;
        Return(channel);
    }

    private void SendClose(ReadOnlySpan<uint> handles)
    {
        using GoferChannel channel = Take();
        MessageWriter request = channel.Start();
        request.Write(new CloseRequest { Count = (uint)handles.Length });
        request.WriteBytes(MemoryMarshal.AsBytes(handles));
        channel.Exchange(GoferOperation.Close, ref request, out _);
    }

    private static Errno Ask<T>(
        GoferChannel channel,
        GoferOperation operation,
        in T body,
        ReadOnlySpan<byte> first,
        ReadOnlySpan<byte> second,
        int texts,
        out MessageReader reply)
        where T : unmanaged
    {
        MessageWriter request = channel.Start();
        request.Write(body);
        request.WriteText(first);
        if (texts > 1)
            request.WriteText(second);
        return channel.Exchange(operation, ref request, out reply);
    }

    private Errno ForNothing<T>(
        GoferOperation operation, in T body, ReadOnlySpan<byte> first, ReadOnlySpan<byte> second, int texts)
        where T : unmanaged
    {
        using GoferChannel channel = Take();
        return Ask(channel, operation, body, first, second, texts, out _);
    }

    private Errno ForAttributes<T>(
        GoferOperation operation,
        in T body,
        ReadOnlySpan<byte> first,
        ReadOnlySpan<byte> second,
        int texts,
        out GoferAttributes attributes)
        where T : unmanaged
    {
        attributes = default;
        using GoferChannel channel = Take();
        Errno error = Ask(channel, operation, body, first, second, texts, out MessageReader reply);
        return error != Errno.Ok ? error : Sound(reply.Read(out attributes));
    }

    private Result<byte[]> ForBytes<T>(
        GoferOperation operation, in T body, ReadOnlySpan<byte> first, ReadOnlySpan<byte> second, int texts)
        where T : unmanaged
    {
        using GoferChannel channel = Take();
        if (Ask(channel, operation, body, first, second, texts, out MessageReader reply)
            is not Errno.Ok and Errno error)
            return error;
        return reply.ReadBytes(reply.RemainingBytes, out ReadOnlySpan<byte> bytes) != Errno.Ok
            ? Errno.EIO
            : bytes.ToArray();
    }

    private static Result<HostFd> Donated(Errno error, ref MessageReader reply, int fd, out GoferAttributes attributes)
    {
        attributes = default;
        if (error != Errno.Ok)
            return error;
        if (fd < 0)
            return Errno.EIO;
        if (reply.Read(out attributes) == Errno.Ok)
            return new HostFd(fd);
        HostFile.Close(fd);
        return Errno.EIO;
    }

    /// <summary>A reply that is shorter than it must be is the Gofer's fault.</summary>
    private static Errno Sound(Errno error) => error == Errno.Ok ? Errno.Ok : Errno.EIO;
}
