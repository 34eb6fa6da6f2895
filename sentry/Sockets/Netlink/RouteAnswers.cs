using System.Buffers.Binary;
using Sandbox.Linux;
using Sandbox.Sentry.Security;
using Sandbox.Sentry.Vfs;

namespace Sandbox.Sentry.Sockets.Netlink;

/// <summary>Answers rtnetlink(7) requests about the one interface there is: the loopback.</summary>
internal static class RouteAnswers
{
    private const int NewLink = 16, GetLink = 18, SetLink = 19, NewAddress = 20, GetAddress = 22, GetRoute = 26, GetNeighbor = 30,
        GetRule = 34, ErrorType = 2, DoneType = 3;

    private const int FlagRequest = 1, FlagMulti = 2, FlagAcknowledge = 4, FlagDump = 0x300;
    private const int LoopbackIndex = 1, LoopbackType = 772;
    private const uint UpLoopbackRunningLowerUp = 0x10049, FlagUp = 1;

    /// <summary>The longest answer, bytes.</summary>
    public const int MaxAnswerBytes = 2048;

    /// <summary>Writes the answer to one request: its header and body are given separately, lengths checked.</summary>
    public static void Answer(ICaller? caller, ReadOnlySpan<byte> message, uint port, ref NetlinkWriter writer)
    {
        int type = BinaryPrimitives.ReadUInt16LittleEndian(message[4..]);
        int flags = BinaryPrimitives.ReadUInt16LittleEndian(message[6..]);
        uint sequence = BinaryPrimitives.ReadUInt32LittleEndian(message[8..]);
        ReadOnlySpan<byte> body = message[NetlinkWriter.HeaderBytes..];
        if ((flags & FlagRequest) == 0 || type < NewLink)
            return; // Control messages want no answer.

        bool isDump = (flags & FlagDump) == FlagDump;
        Errno error = Errno.Ok;
        switch (type)
        {
            case GetLink when isDump:
                PutLink(sequence, port, FlagMulti, ref writer);
                break;
            case GetLink:
                error = IsLoopback(body) ? Errno.Ok : Errno.ENODEV;
                if (error == Errno.Ok)
                    PutLink(sequence, port, 0, ref writer);
                break;
            case GetAddress when isDump:
                PutAddresses(body.IsEmpty ? 0 : body[0], sequence, port, ref writer);
                break;
            case GetRoute or GetNeighbor or GetRule when isDump:
                break; // Tables without an entry.
            case GetRoute:
                error = Errno.ENETUNREACH;
                break;
            case NewLink or SetLink:
                error = BringUp(caller, body);
                break;
            default:
                error = caller?.Credentials.Has(Capability.NetAdmin) == true ? Errno.EOPNOTSUPP : Errno.EPERM;
                break;
        }

        if (error != Errno.Ok || (!isDump && (flags & FlagAcknowledge) != 0))
            PutError(error, message[..NetlinkWriter.HeaderBytes], sequence, port, ref writer);
        else if (isDump)
            PutDone(sequence, port, ref writer);
    }

    private static bool IsLoopback(ReadOnlySpan<byte> body)
    {
        const int interfaceBytes = 16, indexOffset = 4, nameAttribute = 3, attributeHeader = 4;
        if (body.Length < interfaceBytes)
            return false;
        int index = BinaryPrimitives.ReadInt32LittleEndian(body[indexOffset..]);
        if (index != 0)
            return index == LoopbackIndex;
        for (body = body[interfaceBytes..]; body.Length >= attributeHeader;)
        {
            int length = BinaryPrimitives.ReadUInt16LittleEndian(body);
            if (length < attributeHeader || length > body.Length)
                return false;
            if (BinaryPrimitives.ReadUInt16LittleEndian(body[2..]) == nameAttribute)
                return body[attributeHeader..length].TrimEnd((byte)0).SequenceEqual("lo"u8);
            body = body[Math.Min((length + 3) & ~3, body.Length)..];
        }

        return false;
    }

    /// <summary>"ip link set lo up" finds it up. Anything else cannot be changed.</summary>
    private static Errno BringUp(ICaller? caller, ReadOnlySpan<byte> body)
    {
        const int interfaceBytes = 16, changeOffset = 12;
        if (caller?.Credentials.Has(Capability.NetAdmin) != true)
            return Errno.EPERM;
        if (!IsLoopback(body))
            return Errno.ENODEV;
        bool onlyUp = body.Length >= interfaceBytes
            && (BinaryPrimitives.ReadUInt32LittleEndian(body[changeOffset..]) & ~FlagUp) == 0
            && (BinaryPrimitives.ReadUInt32LittleEndian(body[8..]) & FlagUp) != 0;
        return onlyUp ? Errno.Ok : Errno.EOPNOTSUPP;
    }

    private static void PutLink(uint sequence, uint port, int flags, ref NetlinkWriter writer)
    {
        writer.Begin(NewLink, flags, sequence, port);
        Span<byte> link = writer.Take(16);
        BinaryPrimitives.WriteUInt16LittleEndian(link[2..], LoopbackType);
        BinaryPrimitives.WriteInt32LittleEndian(link[4..], LoopbackIndex);
        BinaryPrimitives.WriteUInt32LittleEndian(link[8..], UpLoopbackRunningLowerUp);
        writer.Attribute(3, "lo\0"u8);          // IFLA_IFNAME
        writer.Attribute(13, 1000u);            // IFLA_TXQLEN
        writer.Attribute(16, 1)[0] = 0;         // IFLA_OPERSTATE: unknown, as Linux has it for lo
        writer.Attribute(4, 65536u);            // IFLA_MTU
        writer.Attribute(1, 6);             // IFLA_ADDRESS
        writer.Attribute(2, 6);             // IFLA_BROADCAST
        writer.Attribute(6, "noqueue\0"u8);     // IFLA_QDISC
        writer.Attribute(7, 96);                // IFLA_STATS
        writer.Attribute(23, 192);              // IFLA_STATS64
        writer.End();
    }

    private static void PutAddresses(int family, uint sequence, uint port, ref NetlinkWriter writer)
    {
        if (family is AddressFamily.Unspecified or AddressFamily.Inet)
            PutAddress(AddressFamily.Inet, 8, [127, 0, 0, 1], sequence, port, ref writer);
        if (family is AddressFamily.Unspecified or AddressFamily.Inet6)
            PutAddress(AddressFamily.Inet6, 128, [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1], sequence, port, ref writer);
    }

    private static void PutAddress(
        int family, byte prefix, ReadOnlySpan<byte> address, uint sequence, uint port, ref NetlinkWriter writer)
    {
        const byte permanent = 0x80, scopeHost = 254;
        writer.Begin(NewAddress, FlagMulti, sequence, port);
        Span<byte> header = writer.Take(8);
        (header[0], header[1], header[2], header[3]) = ((byte)family, prefix, permanent, scopeHost);
        BinaryPrimitives.WriteInt32LittleEndian(header[4..], LoopbackIndex);
        writer.Attribute(1, address); // IFA_ADDRESS
        if (family == AddressFamily.Inet)
        {
            writer.Attribute(2, address);   // IFA_LOCAL
            writer.Attribute(3, "lo\0"u8);  // IFA_LABEL
        }

        writer.Attribute(8, (uint)permanent);    // IFA_FLAGS
        writer.Attribute(6, 16)[..8].Fill(0xFF); // IFA_CACHEINFO: valid for ever
        writer.End();
    }

    private static void PutError(Errno error, ReadOnlySpan<byte> request, uint sequence, uint port, ref NetlinkWriter writer)
    {
        writer.Begin(ErrorType, 0, sequence, port);
        Span<byte> body = writer.Take(sizeof(int) + NetlinkWriter.HeaderBytes);
        BinaryPrimitives.WriteInt32LittleEndian(body, -(int)error);
        request.CopyTo(body[sizeof(int)..]);
        writer.End();
    }

    private static void PutDone(uint sequence, uint port, ref NetlinkWriter writer)
    {
        writer.Begin(DoneType, FlagMulti, sequence, port);
        writer.Take(sizeof(int));
        writer.End();
    }
}
