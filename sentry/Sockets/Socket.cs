using System.Buffers.Binary;
using Sandbox.Linux;
using Sandbox.Sentry.Kernel.Tasks;
using Sandbox.Sentry.Memory;
using Sandbox.Sentry.Security;
using Sandbox.Sentry.Sync;
using Sandbox.Sentry.Vfs;

namespace Sandbox.Sentry.Sockets;

/// <summary>
/// A socket (socket(7)). Like every open file it never blocks: EAGAIN, and the system calls wait on
/// <see cref="Waiters"/>. Addresses come as the guest wrote them, copied, with at least the two bytes of the family.
/// </summary>
internal abstract class Socket : OpenFile
{
    /// <summary>Room that <see cref="GetOption"/> needs at least.</summary>
    public const int MaxOptionBytes = 256;

    private static long _lastCookie;

    private long _cookie;

    protected Socket(int domain, SocketKind type, int protocol, NetworkStack stack, ICaller caller, OpenFlags flags)
        : base(default, OpenFlags.ReadWrite | (flags & OpenFlags.NonBlock), caller.Credentials)
    {
        (Domain, Type, Protocol, Stack, Account) = (domain, type, protocol, stack, caller.Account);
        Inode = new AnonymousInode(
            AnonymousFileSystem.Sockets, (uint)FileType.Socket | Modes.O777,
            caller.Credentials.FileSystemUserId, caller.Credentials.FileSystemGroupId);
    }

    /// <summary>For a connection that waits to be accepted: like its listener.</summary>
    protected Socket(Socket listener, Credentials credentials)
        : base(default, OpenFlags.ReadWrite, credentials)
    {
        (Domain, Type, Protocol, Stack) = (listener.Domain, listener.Type, listener.Protocol, listener.Stack);
        Account = listener.Account;
        Inode = new AnonymousInode(AnonymousFileSystem.Sockets, (uint)FileType.Socket | Modes.O777);
        Options = listener.Options.Clone();
    }

    public int Domain { get; }

    public SocketKind Type { get; }

    public int Protocol { get; }

    /// <summary>The network namespace it was made in, for good.</summary>
    public NetworkStack Stack { get; }

    /// <summary>Who is charged for it and for what waits in it: the container that made it.</summary>
    public MemoryAccount Account { get; }

    public SocketOptions Options { get; } = new();

    /// <summary>The listener whose queue it waits in until it is accepted.</summary>
    public Socket? PendingOn { get; set; }

    /// <summary>
    /// Messages on the way that hold a reference to it. Guarded by the lock of <see cref="FilesInFlight"/>.
    /// </summary>
    internal int FlightCount;

    public override Inode Inode { get; }

    public override WaitQueue Waiters { get; } = new();

    public override bool SendsIoSignals => true;

    public override string AnonymousName => $"socket:[{Inode.Number}]";

    /// <summary>
    /// True for byte streams: sends may be split, a blocking one goes on, a broken one raises SIGPIPE.
    /// </summary>
    public bool IsStream => Type == SocketKind.Stream;

    public override bool WritesWholly => IsStream;

    /// <summary>The longest message it can send; a longer one is EMSGSIZE before anything of it is looked at.</summary>
    public virtual int MaxMessageBytes => 2 << 20;

    /// <summary>
    /// True if what is sent carries the credentials of the task that sends it (SO_PASSCRED on either side).
    /// </summary>
    public virtual bool StampsSender => false;

    /// <summary>True if it knows MSG_OOB.</summary>
    public virtual bool HasUrgentData => false;

    /// <summary>True if <see cref="Receive"/> knows MSG_ERRQUEUE.</summary>
    public virtual bool HasErrorQueue => false;

    /// <summary>SO_ACCEPTCONN.</summary>
    public virtual bool IsListening => false;

    public override Deadline TransferDeadline(bool isWrite)
    {
        long timeout = isWrite ? Options.SendTimeout : Options.ReceiveTimeout;
        return timeout == long.MaxValue ? Deadline.Never : Deadline.After(timeout);
    }

    /// <summary>bind(2). EINVAL if bound, EADDRINUSE, EADDRNOTAVAIL, EACCES.</summary>
    public virtual Errno Bind(ICaller caller, SocketAddress address) => Errno.EOPNOTSUPP;

    /// <summary>listen(2).</summary>
    public virtual Errno Listen(ICaller caller, int backlog) => Errno.EOPNOTSUPP;

    /// <summary>
    /// One connection off the queue, with a reference for the caller; EAGAIN, EINVAL if not listening.
    /// </summary>
    public virtual Result<Socket> Accept() => Errno.EOPNOTSUPP;

    /// <summary>connect(2). EAGAIN while the listener's queue is full; ECONNREFUSED, EISCONN, ENETUNREACH….</summary>
    public virtual Errno Connect(ICaller caller, SocketAddress address) => Errno.EOPNOTSUPP;

    /// <summary>Where a blocking connect to this address waits for the listener's queue.</summary>
    public virtual WaitQueue ConnectWaiters(ICaller caller, SocketAddress address) => Waiters;

    /// <summary>
    /// send(2): as much of a stream as fits, or a whole message.
    /// Takes over <paramref name="control"/> unless it answers EAGAIN.
    /// </summary>
    public abstract Result<int> Send(
        ICaller? caller, ReadOnlySpan<byte> data, SocketAddress? destination, ControlData? control, SocketFlags flags);

    /// <summary>recv(2): 0 at the end of a stream.</summary>
    public abstract Result<int> Receive(Span<byte> destination, SocketFlags flags, ref MessageInfo info);

    /// <summary>Where a sender to this destination waits for room.</summary>
    public virtual WaitQueue SendWaiters => Waiters;

    /// <summary>shutdown(2). ENOTCONN.</summary>
    public virtual Errno Shutdown(ShutdownHow how) => Errno.EOPNOTSUPP;

    /// <summary>getsockname(2).</summary>
    public abstract SocketAddress LocalAddress { get; }

    /// <summary>getpeername(2). ENOTCONN.</summary>
    public virtual Result<SocketAddress> GetPeerAddress() => Errno.ENOTCONN;

    /// <summary>Bytes sent and not yet received by the peer (SIOCOUTQ).</summary>
    protected virtual int BytesUnsent => 0;

    /// <summary>Bytes to be received (FIONREAD).</summary>
    protected virtual int BytesReadable => 0;

    /// <summary>SO_ERROR, taken.</summary>
    protected virtual Errno TakeError() => Errno.Ok;

    /// <summary>SO_PEERCRED, or null.</summary>
    protected virtual SenderCredentials? PeerCredentials => null;

    public override Result<int> Read(Span<byte> destination)
    {
        MessageInfo info = default;
        Result<int> result = Receive(destination, SocketFlags.None, ref info);
        info.DropAncillary(); // read(2) has no place for it.
        return result;
    }

    public override Result<int> Write(ReadOnlySpan<byte> source) => Send(null, source, null, null, SocketFlags.None);

    public override Result<int> WriteShared(ByteSlice source) => SendShared(null, source, null, null, SocketFlags.None);

    public override Result<int> ReadShared(Span<byte> destination, out ByteSlice taken)
    {
        MessageInfo info = default;
        Result<int> result = ReceiveShared(destination, SocketFlags.None, ref info, out taken);
        info.DropAncillary();
        return result;
    }

    /// <summary>Sends as <see cref="Send"/> does, and may keep the buffer: its bytes must not change then.</summary>
    public virtual Result<int> SendShared(
        ICaller? caller, ByteSlice data, SocketAddress? destination, ControlData? control, SocketFlags flags) =>
        Send(caller, data.Span, destination, control, flags);

    /// <summary>
    /// Receives as <see cref="Receive"/> does, but may give a slice instead of filling the destination; its reference
    /// is the caller's.
    /// </summary>
    public virtual Result<int> ReceiveShared(
        Span<byte> destination, SocketFlags flags, ref MessageInfo info, out ByteSlice taken)
    {
        taken = default;
        return Receive(destination, flags, ref info);
    }

    /// <summary>
    /// getsockopt(2) into at least <see cref="MaxOptionBytes"/>; gives the value's length. ENOPROTOOPT.
    /// </summary>
    public virtual Result<int> GetOption(ICaller caller, int level, int name, Span<byte> value)
    {
        if (level != SocketLevel.Socket)
            return Errno.EOPNOTSUPP;
        switch ((SocketOption)name)
        {
            case SocketOption.Type:
                return SocketOptions.PutInt(value, (int)Type);
            case SocketOption.Domain:
                return SocketOptions.PutInt(value, Domain);
            case SocketOption.Protocol:
                return SocketOptions.PutInt(value, Protocol);
            case SocketOption.AcceptsConnections:
                return SocketOptions.PutInt(value, IsListening ? 1 : 0);
            case SocketOption.Error:
                return SocketOptions.PutInt(value, (int)TakeError());
            case SocketOption.Cookie:
                BinaryPrimitives.WriteInt64LittleEndian(value, Cookie);
                return sizeof(long);
            case SocketOption.PeerCredentials:
                return PutCredentials(caller, PeerCredentials, value);
            default:
                return Options.Get((SocketOption)name, value);
        }
    }

    /// <summary>setsockopt(2). ENOPROTOOPT, EINVAL.</summary>
    public virtual Errno SetOption(ICaller caller, int level, int name, ReadOnlySpan<byte> value)
    {
        if (level != SocketLevel.Socket)
            return Errno.ENOPROTOOPT;
        if (Options.Set((SocketOption)name, value) is not Errno.Ok and Errno error)
            return error;
        if ((SocketOption)name is SocketOption.SendBuffer or SocketOption.ReceiveBuffer)
            OnBufferSizes();
        return Errno.Ok;
    }

    public override SyscallResult Control(ICaller caller, uint request, ulong argument)
    {
        UserPtr<int> result = new(new UserAddress(argument));
        return request switch
        {
            Ioctl.BytesReadable => IsListening ? Errno.EINVAL : caller.Memory.Write(result, BytesReadable),
            Ioctl.BytesUnsent => IsListening ? Errno.EINVAL : caller.Memory.Write(result, BytesUnsent),
            _ => InterfaceControl.Run(caller, request, new UserAddress(argument)),
        };
    }

    /// <summary>SO_SNDBUF or SO_RCVBUF changed.</summary>
    protected virtual void OnBufferSizes()
    {
    }

    /// <summary>
    /// struct ucred as a task sees it: pid in its pid namespace, ids in its user namespace. Gives its 12 bytes' length.
    /// </summary>
    public static int PutCredentials(ICaller viewer, SenderCredentials? credentials, Span<byte> value)
    {
        // Linux shows pid 0 and ids of -1 where there is no peer.
        (int pid, uint uid, uint gid) = (0, uint.MaxValue, uint.MaxValue);
        if (credentials is { } known)
        {
            pid = viewer is Task task ? known.Pid?.In(task.PidNamespace) ?? 0 : 0;
            uid = viewer.Credentials.UserNamespace.UserFromKernel(known.UserId);
            gid = viewer.Credentials.UserNamespace.GroupFromKernel(known.GroupId);
        }

        BinaryPrimitives.WriteInt32LittleEndian(value, pid);
        BinaryPrimitives.WriteUInt32LittleEndian(value[4..], uid);
        BinaryPrimitives.WriteUInt32LittleEndian(value[8..], gid);
        return 12;
    }

    private long Cookie
    {
        get
        {
            if (Volatile.Read(ref _cookie) == 0)
                Interlocked.CompareExchange(ref _cookie, Interlocked.Increment(ref _lastCookie), 0);
            return _cookie;
        }
    }
}
