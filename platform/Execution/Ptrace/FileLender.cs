using System.Buffers.Binary;
using System.Diagnostics.CodeAnalysis;
using Sandbox.Linux;
using Sandbox.Platform.Stubs;

namespace Sandbox.Platform.Ptrace;

/// <summary>
/// Brings a descriptor of the Sentry into a stub for one mmap: by a message to a socket that is the only descriptor the
/// stub has. Guests can change what the message header in their memory says, but not what number the file gets, for
/// nobody else opens or closes anything: at worst there is no file, and the mapping fails.
/// </summary>
[SuppressMessage("Design", "CA1001", Justification = "The last thread of the stub disposes of the socket.")]
internal sealed class FileLender
{
    private const int Socket = 0, Lent = 1;
    private const int HeaderBytes = 56, VectorBytes = 16, ByteBytes = 8, ControlBytes = 24;
    private const ulong Place = StubLayout.FirstSlot + StubLayout.SlotCommands;

    /// <summary>
    /// Held while a thread of the stub has a file. What it waits for are calls of the stub that cannot sleep.
    /// </summary>
    private readonly Lock _lock = new();
    private HostFd? _ours;
    private int _users;

    /// <summary>One more thread of the stub.</summary>
    public void AddUser() => Interlocked.Increment(ref _users);

    /// <summary>A thread of the stub has ended. With the last the socket goes.</summary>
    public void RemoveUser()
    {
        if (Interlocked.Decrement(ref _users) > 0)
            return;
        lock (_lock)
            _ours?.Dispose();
    }

    /// <summary>
    /// Runs a command with its file under a number of our own. The result of the command, or a negative errno: ESRCH if
    /// the stub is gone, EAGAIN if the host has no descriptors.
    /// </summary>
    public long Run(TracedThread thread, Injector injector, HostCommand command)
    {
        lock (_lock)
        {
            if (Prepare(thread, injector) is not Errno.Ok and Errno unprepared)
                return -(long)unprepared;
            if (Send(thread, injector, command.HostFd) is not Errno.Ok and Errno unsent)
                return -(long)unsent;
            command.A4 = Lent;
            long result = injector.Run(command);
            injector.Run(new HostCommand(Sys.close, Lent));
            return result;
        }
    }

    /// <summary>
    /// Makes the socket, unless there is one. A fork has that of its parent, and what else its parent had at that
    /// moment. With an empty table the numbers are known without a look into the stub's memory.
    /// </summary>
    private Errno Prepare(TracedThread thread, Injector injector)
    {
        const int sequentialPackets = 5, unix = 1;
        if (_ours is not null)
            return Errno.Ok;
        injector.Run(new HostCommand(Sys.close_range, 0, uint.MaxValue, 0));
        long made = injector.Run(new HostCommand(Sys.socketpair, unix, sequentialPackets, 0, (long)Place));
        if (made != 0)
            return made == -(long)Errno.ESRCH ? Errno.ESRCH : Errno.EAGAIN;
        if (thread.Space.TakeDescriptor(Lent).Failed(out int fd, out _))
            return Errno.EAGAIN;
        _ours = new HostFd(fd);
        injector.Run(new HostCommand(Sys.close, Lent));
        return Errno.Ok;
    }

    private Errno Send(TracedThread thread, Injector injector, int fd)
    {
        const int doNotWait = 0x40, closeOnExec = 0x40000000;
        Span<byte> image = stackalloc byte[HeaderBytes + VectorBytes + ByteBytes + ControlBytes];
        image.Clear(); // struct msghdr: iov at 16, its count, control at 32, its length
        BinaryPrimitives.WriteUInt64LittleEndian(image[16..], Place + HeaderBytes);
        BinaryPrimitives.WriteUInt64LittleEndian(image[24..], 1);
        BinaryPrimitives.WriteUInt64LittleEndian(image[32..], Place + HeaderBytes + VectorBytes + ByteBytes);
        BinaryPrimitives.WriteUInt64LittleEndian(image[40..], ControlBytes);
        BinaryPrimitives.WriteUInt64LittleEndian(image[HeaderBytes..], Place + HeaderBytes + VectorBytes);
        BinaryPrimitives.WriteUInt64LittleEndian(image[(HeaderBytes + 8)..], 1);
        if (!thread.Space.TryWrite(Place, image))
            return Errno.ESRCH;
        if (HostSocket.Send(_ours!.Number, [1], [fd]).Failed(out _, out Errno error))
            return error is Errno.EMFILE or Errno.ETOOMANYREFS ? Errno.EAGAIN : error;
        long received = injector.Run(new HostCommand(Sys.recvmsg, Socket, (long)Place, doNotWait | closeOnExec));
        if (received == 1)
            return Errno.Ok;
        if (received == -(long)Errno.EMFILE)
            return Errno.EAGAIN;
        if (received != -(long)Errno.ESRCH)
            // Which may still lie there, for whoever receives next.
            thread.Violation("spoiled the message with a file");
        return Errno.ESRCH;
    }
}
