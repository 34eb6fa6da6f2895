using System.Buffers;
using Sandbox.Linux;
using Sandbox.Sentry.Kernel.Tasks;
using Sandbox.Sentry.Memory;
using Sandbox.Sentry.Sockets;

namespace Sandbox.Sentry.Syscalls;

/// <summary>
/// Room for what one step of a send or receive moves. A call may wait with it for ever, so all but little ones are
/// charged to the task.
/// </summary>
/// <param name="Bytes">The room; at least as long as asked for, or as long as a step may be.</param>
/// <param name="Shared">Set if the socket may keep the room by reference.</param>
internal readonly record struct SocketBuffer(byte[] Bytes, SharedBuffer? Shared)
{
    /// <summary>Streams are moved in pieces of this size.</summary>
    private const int PieceBytes = SharedBuffer.LargeBytes;

    /// <summary>No message is longer; a buffer of ours is never longer either.</summary>
    private const int MaxMessageBytes = 2 << 20;

    /// <summary>A buffer of so many bytes is part of what a task costs.</summary>
    private const int FreeBytes = 4096;

    /// <summary>Room for a piece of so many bytes of a stream, or for the whole of a message. ENOBUFS.</summary>
    public static Result<SocketBuffer> Rent(Task task, Socket socket, long bytes)
    {
        int length = (int)Math.Clamp(bytes, 1, socket.IsStream ? PieceBytes : MaxMessageBytes);
        SocketBuffer buffer = Rent(socket.SharesBuffers && length > FreeBytes, length);
        if (buffer.Bytes.Length <= FreeBytes || task.Account.TryCharge(MemoryKind.Objects, buffer.Bytes.Length))
            return buffer;
        buffer.Return();
        return Errno.ENOBUFS;
    }

    public void Return(Task task)
    {
        if (Bytes.Length > FreeBytes)
            task.Account.Return(MemoryKind.Objects, Bytes.Length);
        Return();
    }

    private static SocketBuffer Rent(bool isShared, int length)
    {
        if (!isShared)
            return new SocketBuffer(ArrayPool<byte>.Shared.Rent(length), null);
        SharedBuffer shared = SharedBuffer.Rent(length);
        return new SocketBuffer(shared.Bytes, shared);
    }

    private void Return()
    {
        if (Shared is null)
            ArrayPool<byte>.Shared.Return(Bytes);
        else
            Shared.Release();
    }
}
