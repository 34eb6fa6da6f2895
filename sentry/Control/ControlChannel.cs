using System.Buffers.Binary;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Sandbox.Linux;

namespace Sandbox.Sentry.Control;

/// <summary>
/// One connection of the control protocol: messages are a u32 length (little endian) and JSON; descriptors travel with
/// the length. Both ends use it. Not thread-safe per direction.
/// </summary>
internal sealed class ControlChannel(HostFd socket) : IDisposable
{
    private const int LengthBytes = 4, MessageBytesMax = 8 << 20;

    public HostFd Socket => socket;

    /// <summary>Sends one message. The descriptors stay the caller's. Errors: EPIPE if the other end is gone.</summary>
    public Errno Send<T>(T message, JsonTypeInfo<T> type, ReadOnlySpan<int> fds = default)
    {
        byte[] json = JsonSerializer.SerializeToUtf8Bytes(message, type);
        Span<byte> length = stackalloc byte[LengthBytes];
        BinaryPrimitives.WriteInt32LittleEndian(length, json.Length);
        if (HostSocket.Send(socket.Number, length, fds).Failed(out _, out Errno error))
            return error;
        for (ReadOnlySpan<byte> rest = json; !rest.IsEmpty;)
        {
            if (HostSocket.Send(socket.Number, rest).Failed(out int sent, out error))
                return error;
            rest = rest[sent..];
        }

        return Errno.Ok;
    }

    /// <summary>
    /// Receives one message; its descriptors, close-on-exec, are the caller's. Errors: EPIPE at the end of the
    /// connection, EBADMSG if it is too long or no JSON of that type.
    /// </summary>
    public Result<T> Receive<T>(JsonTypeInfo<T> type, List<int> fds)
        where T : class
    {
        Span<byte> length = stackalloc byte[LengthBytes];
        Span<int> received = stackalloc int[HostSocket.FdsPerMessageMax];
        if (HostSocket.Receive(socket.Number, length, received).Failed(out ReceivedMessage message, out Errno error))
            return error;
        fds.AddRange(received[..message.FdCount]);
        if (message.Length == 0)
            return Errno.EPIPE;
        if (Fill(length[message.Length..]) is not Errno.Ok and Errno cut)
            return cut;
        int bytes = BinaryPrimitives.ReadInt32LittleEndian(length);
        if (bytes is <= 0 or > MessageBytesMax)
            return Errno.EBADMSG;
        byte[] json = new byte[bytes];
        if (Fill(json) is not Errno.Ok and Errno short_)
            return short_;
        try
        {
            return JsonSerializer.Deserialize(json, type) is { } value ? value : Errno.EBADMSG;
        }
        catch (JsonException)
        {
            return Errno.EBADMSG;
        }
    }

    public void Dispose() => socket.Dispose();

    private Errno Fill(Span<byte> buffer)
    {
        while (!buffer.IsEmpty)
        {
            if (HostSocket.Receive(socket.Number, buffer).Failed(out ReceivedMessage message, out Errno error))
                return error;
            if (message.Length == 0)
                return Errno.EPIPE;
            buffer = buffer[message.Length..];
        }

        return Errno.Ok;
    }
}
