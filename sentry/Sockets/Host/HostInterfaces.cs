using System.Buffers.Binary;
using Sandbox.Linux;
using Sandbox.Sentry.Vfs;

namespace Sandbox.Sentry.Sockets.Host;

/// <summary>
/// The questions about network interfaces that any socket answers (netdevice(7)), asked of the host. Changes are not.
/// </summary>
internal static class HostInterfaces
{
    private const uint GetConfiguration = 0x8912, First = 0x8910, Last = 0x89FF;
    private const int RequestBytes = 40, EntriesMax = 64;

    // Name, flags, address, destination, broadcast, netmask, metric, MTU, hardware address, index, queue length, map.
    private static readonly uint[] _questions =
        [0x8910, 0x8913, 0x8915, 0x8917, 0x8919, 0x891B, 0x891D, 0x8921, 0x8927, 0x8933, 0x8942, 0x8970];

    /// <summary>True if the namespace has an address or a route beyond its loopback.</summary>
    public static bool HasNetwork()
    {
        int routes = 0;
        foreach (byte letter in HostNetworkFiles.Read("route"u8))
            routes += letter == '\n' ? 1 : 0;
        if (routes > 1) // The title is the first.
            return true;
        ReadOnlySpan<byte> rest = HostNetworkFiles.Read("if_inet6"u8);
        foreach (Range range in rest.Split((byte)'\n'))
        {
            if (!rest[range].IsEmpty && !rest[range].EndsWith(" lo"u8))
                return true;
        }

        return false;
    }

    /// <summary>ENOTTY for what is not about interfaces, EPERM for changes.</summary>
    public static Errno Run(ICaller caller, int fd, uint request, UserAddress argument)
    {
        if (request is < First or > Last)
            return Errno.ENOTTY;
        if (request == GetConfiguration)
            return ListAll(caller, fd, argument);
        if (Array.IndexOf(_questions, request) < 0)
            return Errno.EPERM;
        Span<byte> bytes = stackalloc byte[RequestBytes];
        if (caller.Memory.Read(argument, bytes) is not Errno.Ok and Errno fault)
            return fault;
        Errno error = HostInet.Control(fd, request, bytes);
        return error == Errno.Ok ? caller.Memory.Write(argument, bytes) : error;
    }

    /// <summary>struct ifconf: a length and a pointer; a null pointer asks for the length alone.</summary>
    private static Errno ListAll(ICaller caller, int fd, UserAddress argument)
    {
        Span<byte> configuration = stackalloc byte[16];
        if (caller.Memory.Read(argument, configuration) is not Errno.Ok and Errno fault)
            return fault;
        byte[] entries = new byte[RequestBytes * EntriesMax];
        if (HostInet.ListInterfaces(fd, entries).Failed(out int length, out Errno error))
            return error;
        int room = BinaryPrimitives.ReadInt32LittleEndian(configuration);
        UserAddress place = new(BinaryPrimitives.ReadUInt64LittleEndian(configuration[8..]));
        if (!place.IsNull)
        {
            length = Math.Min(length, Math.Max(0, room) / RequestBytes * RequestBytes);
            if (caller.Memory.Write(place, entries.AsSpan(0, length)) is not Errno.Ok and Errno unwritten)
                return unwritten;
        }

        BinaryPrimitives.WriteInt32LittleEndian(configuration, length);
        return caller.Memory.Write(argument, configuration);
    }
}
