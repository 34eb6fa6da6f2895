using Sandbox.Linux;
using Sandbox.Sentry.Kernel.Tasks;
using Sandbox.Sentry.Sockets;
using Sandbox.Sentry.Sync;

namespace Sandbox.Sentry.Syscalls;

/// <summary>Making, naming and connecting sockets (socket(2), bind(2), connect(2), accept(2)…).</summary>
internal static class SocketSyscalls
{
    private const int TypeFlags = (int)(OpenFlags.NonBlock | OpenFlags.CloseOnExec);

    public static SyscallResult Create(Task task, int domain, int type, int protocol)
    {
        if ((type & ~((int)SocketKind.Mask | TypeFlags)) != 0)
            return Errno.EINVAL;
        NetworkStack stack = NetworkStack.Of(task.Namespaces.Network, task.Kernel.Timers);
        if (SocketFamilies.Of(domain, stack).Failed(out ISocketFamily? family, out Errno error))
            return error;
        OpenFlags flags = (OpenFlags)(type & TypeFlags);
        if (family.Create(task, stack, (SocketKind)type & SocketKind.Mask, protocol, flags).Failed(
            out Socket? socket, out error))
            return error;
        return task.Files.Install(socket, (flags & OpenFlags.CloseOnExec) != 0, task.Group.Limits.OpenFiles);
    }

    public static SyscallResult CreatePair(Task task, int domain, int type, int protocol, UserPtr<FdPair> fds)
    {
        if ((type & ~((int)SocketKind.Mask | TypeFlags)) != 0)
            return Errno.EINVAL;
        NetworkStack stack = NetworkStack.Of(task.Namespaces.Network, task.Kernel.Timers);
        if (SocketFamilies.Of(domain, stack).Failed(out ISocketFamily? family, out Errno error))
            return error;
        OpenFlags flags = (OpenFlags)(type & TypeFlags);
        error = family.CreatePair(
            task, stack, (SocketKind)type & SocketKind.Mask, protocol, flags, out Socket? first, out Socket? second);
        if (error != Errno.Ok)
            return error;
        return PipeSyscalls.PublishPair(task, fds, first!, second!, (flags & OpenFlags.CloseOnExec) != 0);
    }

    public static SyscallResult Bind(Task task, Fd fd, UserAddress address, int length)
    {
        if (SocketArguments.GetSocket(task, fd).Failed(out Socket? socket, out Errno error))
            return error;
        error = SocketArguments.ReadAddress(task, address, length).Failed(out SocketAddress? name, out Errno wrong)
            ? wrong
            : socket.Bind(task, name);
        socket.Release();
        return error;
    }

    public static SyscallResult Listen(Task task, Fd fd, int backlog)
    {
        if (SocketArguments.GetSocket(task, fd).Failed(out Socket? socket, out Errno error))
            return error;
        error = socket.Listen(task, backlog);
        socket.Release();
        return error;
    }

    public static SyscallResult Connect(Task task, Fd fd, UserAddress address, int length)
    {
        if (SocketArguments.GetSocket(task, fd).Failed(out Socket? socket, out Errno error))
            return error;
        error = SocketArguments.ReadAddress(task, address, length).Failed(out SocketAddress? name, out Errno wrong)
            ? wrong
            : Connect(task, socket, name);
        socket.Release();
        return error;
    }

    public static SyscallResult Accept(Task task, Fd fd, UserAddress address, UserPtr<int> length) =>
        Accept4(task, fd, address, length, 0);

    public static SyscallResult Accept4(Task task, Fd fd, UserAddress address, UserPtr<int> length, OpenFlags flags)
    {
        if ((flags & ~(OpenFlags.NonBlock | OpenFlags.CloseOnExec)) != 0)
            return Errno.EINVAL;
        if (SocketArguments.GetSocket(task, fd).Failed(out Socket? listener, out Errno error))
            return error;
        Result<Socket> accepted = Accept(task, listener);
        listener.Release();
        if (accepted.Failed(out Socket? socket, out error))
            return error;

        socket.Flags |= flags & OpenFlags.NonBlock;
        if (!address.IsNull)
        {
            // A peer that has gone already has no name; its connection is still accepted.
            SocketAddress? peer = socket.GetPeerAddress().Failed(out SocketAddress? name, out _) ? null : name;
            if (SocketArguments.WriteAddress(task, peer, address, length) is not Errno.Ok and Errno fault)
            {
                socket.Release();
                return fault;
            }
        }

        return task.Files.Install(socket, (flags & OpenFlags.CloseOnExec) != 0, task.Group.Limits.OpenFiles);
    }

    public static SyscallResult GetSocketName(Task task, Fd fd, UserAddress address, UserPtr<int> length)
    {
        if (SocketArguments.GetSocket(task, fd).Failed(out Socket? socket, out Errno error))
            return error;
        error = address.IsNull
            ? Errno.EFAULT
            : SocketArguments.WriteAddress(task, socket.LocalAddress, address, length);
        socket.Release();
        return error;
    }

    public static SyscallResult GetPeerName(Task task, Fd fd, UserAddress address, UserPtr<int> length)
    {
        if (SocketArguments.GetSocket(task, fd).Failed(out Socket? socket, out Errno error))
            return error;
        if (!socket.GetPeerAddress().Failed(out SocketAddress? peer, out error))
            error = address.IsNull ? Errno.EFAULT : SocketArguments.WriteAddress(task, peer, address, length);
        socket.Release();
        return error;
    }

    public static SyscallResult Shutdown(Task task, Fd fd, int how)
    {
        if (SocketArguments.GetSocket(task, fd).Failed(out Socket? socket, out Errno error))
            return error;
        error = how is < 0 or > (int)ShutdownHow.Both ? Errno.EINVAL : socket.Shutdown((ShutdownHow)how);
        socket.Release();
        return error;
    }

    public static SyscallResult SetOption(Task task, Fd fd, int level, int name, UserAddress value, int length)
    {
        if (SocketArguments.GetSocket(task, fd).Failed(out Socket? socket, out Errno error))
            return error;
        Span<byte> copy = stackalloc byte[Socket.MaxOptionBytes];
        error = SocketArguments.ReadOption(task, value, length, copy, out int count);
        if (error == Errno.Ok)
            error = socket.SetOption(task, level, name, copy[..count]);
        socket.Release();
        return error;
    }

    public static SyscallResult GetOption(Task task, Fd fd, int level, int name, UserAddress value, UserPtr<int> length)
    {
        if (SocketArguments.GetSocket(task, fd).Failed(out Socket? socket, out Errno error))
            return error;
        Span<byte> copy = stackalloc byte[Socket.MaxOptionBytes];
        if (!socket.GetOption(task, level, name, copy).Failed(out int count, out error))
            error = SocketArguments.WriteOption(task, copy[..count], value, length);
        socket.Release();
        return error;
    }

    private static Errno Connect(Task task, Socket socket, SocketAddress address)
    {
        Errno error = socket.Connect(task, address);
        if (error != Errno.EAGAIN || socket.IsNonBlocking)
            return error;
        Deadline deadline = socket.TransferDeadline(isWrite: true);
        Result<int> result = Blocking.Until(
            task.Sleeper, socket.ConnectWaiters(task, address), ConnectionSocket.ListenerHasRoom, deadline,
            (task, socket, address),
            static state =>
                state.socket.Connect(state.task, state.address) is not Errno.Ok and Errno failure ? failure : 0);
        if (result.Error == Errno.EAGAIN && socket.Domain != AddressFamily.Unix)
            return Errno.EINPROGRESS; // The time-out has passed; it goes on by itself.
        return result.Error == Errno.ERESTARTSYS && !deadline.IsNever ? Errno.EINTR : result.Error;
    }

    private static Result<Socket> Accept(Task task, Socket listener)
    {
        Result<Socket> accepted = listener.Accept();
        if (accepted.Error != Errno.EAGAIN || listener.IsNonBlocking)
            return accepted;
        Deadline deadline = listener.TransferDeadline(isWrite: false);
        Result<int> result = Blocking.Until(
            task.Sleeper, listener.Waiters, PollEvents.Readable, deadline, new AcceptAttempt(listener, ref accepted),
            static attempt => attempt.Try());
        if (result.Error == Errno.Ok)
            return accepted;
        return result.Error == Errno.ERESTARTSYS && !deadline.IsNever ? Errno.EINTR : result.Error;
    }

    private readonly ref struct AcceptAttempt(Socket listener, ref Result<Socket> accepted)
    {
        private readonly ref Result<Socket> _accepted = ref accepted;

        public Result<int> Try()
        {
            _accepted = listener.Accept();
            return _accepted.Error == Errno.Ok ? 0 : _accepted.Error;
        }
    }
}
