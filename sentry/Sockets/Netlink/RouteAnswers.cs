using System.Buffers.Binary;
using Sandbox.Linux;
using Sandbox.Sentry.Network;
using Sandbox.Sentry.Security;
using Sandbox.Sentry.Vfs;

namespace Sandbox.Sentry.Sockets.Netlink;

/// <summary>Answers rtnetlink(7) requests about the interfaces of a network namespace, and changes them.</summary>
internal static class RouteAnswers
{
    private const int NewLink = 16, GetLink = 18, SetLink = 19, NewAddress = 20, DeleteAddress = 21, GetAddress = 22,
        GetRoute = 26,
        GetNeighbor = 30, GetRule = 34, ErrorType = 2, DoneType = 3;

    private const int FlagRequest = 1, FlagMulti = 2, FlagAcknowledge = 4, FlagDump = 0x300, FlagReplace = 0x100,
        KindMask = 3, GetKind = 2;

    /// <summary>Answers one request: its header and body are given together, lengths checked.</summary>
    public static void Answer(
        ICaller? caller, NetworkStack stack, ReadOnlySpan<byte> message, uint port, NetlinkWriter writer)
    {
        int type = BinaryPrimitives.ReadUInt16LittleEndian(message[4..]);
        int flags = BinaryPrimitives.ReadUInt16LittleEndian(message[6..]);
        uint sequence = BinaryPrimitives.ReadUInt32LittleEndian(message[8..]);
        ReadOnlySpan<byte> body = message[NetlinkWriter.HeaderBytes..];
        if ((flags & FlagRequest) == 0 || type < NewLink)
            return; // Control messages want no answer.

        bool isDump = (flags & FlagDump) == FlagDump && (type & KindMask) == GetKind;
        bool mayChange = caller?.Credentials.Has(Capability.NetAdmin, stack.Owner) == true;
        Errno error = (type & KindMask) != GetKind && !mayChange ? Errno.EPERM
            : isDump ? Dump(type, stack, body, sequence, port, writer)
            : Do(type, flags, stack, body, sequence, port, writer);
        if (error != Errno.Ok || (!isDump && (flags & FlagAcknowledge) != 0))
            PutError(error, message[..NetlinkWriter.HeaderBytes], sequence, port, writer);
        else if (isDump)
            PutDone(sequence, port, writer);
    }

    private static Errno Dump(
        int type, NetworkStack stack, ReadOnlySpan<byte> body, uint sequence, uint port, NetlinkWriter writer)
    {
        switch (type)
        {
            case GetLink:
                foreach (Interface each in stack.Interfaces.All)
                    PutLink(each, sequence, port, FlagMulti, writer);
                return Errno.Ok;
            case GetAddress:
                foreach (Interface each in stack.Interfaces.All)
                    PutAddresses(each, body.IsEmpty ? 0 : body[0], sequence, port, writer);
                return Errno.Ok;
            case GetRoute or GetNeighbor or GetRule:
                return Errno.Ok; // Tables without an entry.
            default:
                return Errno.EOPNOTSUPP;
        }
    }

    private static Errno Do(
        int type, int flags, NetworkStack stack, ReadOnlySpan<byte> body, uint sequence, uint port,
        NetlinkWriter writer)
    {
        switch (type)
        {
            case GetLink:
                if (FindLink(stack, body) is not { } found)
                    return Errno.ENODEV;
                PutLink(found, sequence, port, 0, writer);
                return Errno.Ok;
            case GetRoute:
                return Errno.ENETUNREACH;
            case NewLink or SetLink:
                return ChangeLink(stack, body);
            case NewAddress or DeleteAddress:
                return ChangeAddress(stack, type == NewAddress, flags, body);
            default:
                return Errno.EOPNOTSUPP;
        }
    }

    private static Interface? FindLink(NetworkStack stack, ReadOnlySpan<byte> body)
    {
        const int interfaceBytes = 16, indexOffset = 4, nameAttribute = 3;
        if (body.Length < interfaceBytes)
            return null;
        int index = BinaryPrimitives.ReadInt32LittleEndian(body[indexOffset..]);
        if (index != 0)
            return stack.Interfaces.Find(index);
        NetlinkAttributes attributes = new(body[interfaceBytes..]);
        while (attributes.Next(out int type, out ReadOnlySpan<byte> value))
        {
            if (type == nameAttribute)
                return stack.Interfaces.Find(value.TrimEnd((byte)0));
        }

        return null;
    }

    /// <summary>"ip link set NAME up" or down. Nothing else of a link can be changed, and none be made.</summary>
    private static Errno ChangeLink(NetworkStack stack, ReadOnlySpan<byte> body)
    {
        const int interfaceBytes = 16, changeOffset = 12;
        if (body.Length < interfaceBytes)
            return Errno.EINVAL;
        if (FindLink(stack, body) is not { } link)
            return Errno.ENODEV;
        uint flags = BinaryPrimitives.ReadUInt32LittleEndian(body[8..]);
        uint change = BinaryPrimitives.ReadUInt32LittleEndian(body[changeOffset..]);
        if ((change & ~(uint)InterfaceFlags.Up) != 0)
            return Errno.EOPNOTSUPP;
        bool isUp = (flags & (uint)InterfaceFlags.Up) != 0;
        return isUp == link.IsUp ? Errno.Ok : stack.Interfaces.SetUp(link.Index, isUp);
    }

    private static Errno ChangeAddress(NetworkStack stack, bool isNew, int flags, ReadOnlySpan<byte> body)
    {
        const int headerBytes = 8, addressAttribute = 1, localAttribute = 2, v4Bytes = 4, v6Bytes = 16;
        if (body.Length < headerBytes)
            return Errno.EINVAL;
        int family = body[0];
        byte prefix = body[1], scope = body[3];
        int index = BinaryPrimitives.ReadInt32LittleEndian(body[4..]), bytes = family == AddressFamily.Inet
            ? v4Bytes
            : v6Bytes;
        if (family is not (AddressFamily.Inet or AddressFamily.Inet6) || prefix > bytes * 8)
            return family is AddressFamily.Inet or AddressFamily.Inet6 ? Errno.EINVAL : Errno.EOPNOTSUPP;
        InetAddress? address = null;
        NetlinkAttributes attributes = new(body[headerBytes..]);
        while (attributes.Next(out int type, out ReadOnlySpan<byte> value))
        {
            if (type is not (addressAttribute or localAttribute))
                continue;
            if (value.Length != bytes)
                return Errno.EINVAL;
            if (type == localAttribute || address is null)
                address = InetAddress.FromBytes(value);
        }

        if (address is not { } given)
            return Errno.EINVAL;
        if (!isNew)
            return stack.Interfaces.RemoveAddress(index, given, prefix);
        Errno error = stack.Interfaces.AddAddress(index, new InterfaceAddress(given, prefix, (AddressScope)scope));
        return error == Errno.EEXIST && (flags & FlagReplace) != 0 ? Errno.Ok : error;
    }

    private static void PutLink(Interface link, uint sequence, uint port, int flags, NetlinkWriter writer)
    {
        const byte unknown = 0, down = 2, up = 6;
        writer.Begin(NewLink, flags, sequence, port);
        Span<byte> header = writer.Take(16);
        BinaryPrimitives.WriteUInt16LittleEndian(header[2..], (ushort)link.Type);
        BinaryPrimitives.WriteInt32LittleEndian(header[4..], link.Index);
        BinaryPrimitives.WriteUInt32LittleEndian(header[8..], (uint)link.Flags);
        writer.AttributeText(3, link.Name);     // IFLA_IFNAME
        writer.Attribute(13, 1000u);            // IFLA_TXQLEN
        writer.Attribute(16, 1)[0] = !link.IsUp ? down : link.IsLoopback ? unknown : up; // IFLA_OPERSTATE
        writer.Attribute(17, 1)[0] = 0;         // IFLA_LINKMODE
        writer.Attribute(4, (uint)link.Mtu);    // IFLA_MTU
        link.Hardware.CopyTo(writer.Attribute(1, HardwareAddress.Bytes));      // IFLA_ADDRESS
        HardwareAddress broadcast = link.IsLoopback ? default : HardwareAddress.Broadcast;
        broadcast.CopyTo(writer.Attribute(2, HardwareAddress.Bytes));          // IFLA_BROADCAST
        writer.AttributeText(6, link.IsUp || !link.IsLoopback ? "noqueue" : "noop"); // IFLA_QDISC
        writer.Attribute(7, 96);                // IFLA_STATS
        writer.Attribute(23, 192);              // IFLA_STATS64
        writer.End();
    }

    private static void PutAddresses(Interface link, int family, uint sequence, uint port, NetlinkWriter writer)
    {
        foreach (InterfaceAddress address in link.Addresses)
        {
            int own = address.Address.IsV4 ? AddressFamily.Inet : AddressFamily.Inet6;
            if (family is AddressFamily.Unspecified || family == own)
                PutAddress(link, address, own, sequence, port, writer);
        }
    }

    private static void PutAddress(
        Interface link, in InterfaceAddress address, int family, uint sequence, uint port, NetlinkWriter writer)
    {
        const byte permanent = 0x80;
        int bytes = family == AddressFamily.Inet ? 4 : 16;
        writer.Begin(NewAddress, FlagMulti, sequence, port);
        Span<byte> header = writer.Take(8);
        (header[0], header[1], header[2], header[3]) =
            ((byte)family, address.PrefixLength, permanent, (byte)address.Scope);
        BinaryPrimitives.WriteInt32LittleEndian(header[4..], link.Index);
        address.Address.CopyTo(writer.Attribute(1, bytes)); // IFA_ADDRESS
        if (family == AddressFamily.Inet)
        {
            address.Address.CopyTo(writer.Attribute(2, bytes));   // IFA_LOCAL
            writer.AttributeText(3, link.Name);                   // IFA_LABEL
        }

        writer.Attribute(8, (uint)permanent);    // IFA_FLAGS
        writer.Attribute(6, 16)[..8].Fill(0xFF); // IFA_CACHEINFO: valid for ever
        writer.End();
    }

    private static void PutError(
        Errno error, ReadOnlySpan<byte> request, uint sequence, uint port, NetlinkWriter writer)
    {
        writer.Begin(ErrorType, 0, sequence, port);
        Span<byte> body = writer.Take(sizeof(int) + NetlinkWriter.HeaderBytes);
        BinaryPrimitives.WriteInt32LittleEndian(body, -(int)error);
        request.CopyTo(body[sizeof(int)..]);
        writer.End();
    }

    private static void PutDone(uint sequence, uint port, NetlinkWriter writer)
    {
        writer.Begin(DoneType, FlagMulti, sequence, port);
        writer.Take(sizeof(int));
        writer.End();
    }
}
