using System.Buffers.Binary;
using Sandbox.Linux;
using Sandbox.Sentry.Security;
using Sandbox.Sentry.Vfs;

namespace Sandbox.Sentry.Sockets;

/// <summary>
/// The ioctls about network interfaces that any socket answers (netdevice(7)); there is "lo" and nothing else.
/// </summary>
internal static class InterfaceControl
{
    private const uint GetName = 0x8910, GetConfiguration = 0x8912, GetFlags = 0x8913, SetFlags = 0x8914,
        GetAddress = 0x8915,
        GetDestination = 0x8917, GetBroadcast = 0x8919, GetNetmask = 0x891B, GetMetric = 0x891D, GetMtu = 0x8921,
        GetHardwareAddress = 0x8927, GetIndex = 0x8933, GetQueueLength = 0x8942, FirstRequest = 0x8910,
        LastRequest = 0x89FF;

    /// <summary>struct ifreq: a name of 16 bytes and a union of 24.</summary>
    private const int RequestBytes = 40, NameBytes = 16;

    private const int LoopbackIndex = 1, LoopbackMtu = 65536, LoopbackType = 772, QueueLength = 1000;
    private const short UpLoopbackRunning = 0x49, FlagUp = 1;

    /// <summary>ENOTTY for what is not about interfaces, ENODEV for another one, EPERM for changes.</summary>
    public static SyscallResult Run(ICaller caller, uint request, UserAddress argument)
    {
        if (request is < FirstRequest or > LastRequest)
            return Errno.ENOTTY;
        if (request == GetConfiguration)
            return ListInterfaces(caller, argument);
        Span<byte> bytes = stackalloc byte[RequestBytes];
        if (caller.Memory.Read(argument, bytes) is not Errno.Ok and Errno error)
            return error;
        Span<byte> value = bytes[NameBytes..];
        if (request == GetName)
        {
            if (BinaryPrimitives.ReadInt32LittleEndian(value) != LoopbackIndex)
                return Errno.ENODEV;
            bytes[..NameBytes].Clear();
            "lo"u8.CopyTo(bytes);
            return caller.Memory.Write(argument, bytes);
        }

        int end = bytes[..NameBytes].IndexOf((byte)0);
        if (!bytes[..(end < 0 ? NameBytes : end)].SequenceEqual("lo"u8))
            return Errno.ENODEV;
        if (request == SetFlags)
        {
            if (!caller.Credentials.Has(Capability.NetAdmin))
                return Errno.EPERM;
            return (BinaryPrimitives.ReadInt16LittleEndian(value) & FlagUp) != 0 ? Errno.Ok : Errno.EOPNOTSUPP;
        }

        Errno answer = Answer(request, value);
        return answer == Errno.Ok ? caller.Memory.Write(argument, bytes) : answer;
    }

    private static Errno Answer(uint request, Span<byte> value)
    {
        value.Clear();
        switch (request)
        {
            case GetFlags:
                BinaryPrimitives.WriteInt16LittleEndian(value, UpLoopbackRunning);
                return Errno.Ok;
            case GetAddress or GetDestination:
                PutAddress(value, [127, 0, 0, 1]);
                return Errno.Ok;
            case GetNetmask:
                PutAddress(value, [255, 0, 0, 0]);
                return Errno.Ok;
            case GetBroadcast:
                PutAddress(value, [0, 0, 0, 0]);
                return Errno.Ok;
            case GetHardwareAddress:
                BinaryPrimitives.WriteUInt16LittleEndian(value, LoopbackType);
                return Errno.Ok;
            case GetMetric:
                return Errno.Ok;
            case GetMtu:
                BinaryPrimitives.WriteInt32LittleEndian(value, LoopbackMtu);
                return Errno.Ok;
            case GetIndex:
                BinaryPrimitives.WriteInt32LittleEndian(value, LoopbackIndex);
                return Errno.Ok;
            case GetQueueLength:
                BinaryPrimitives.WriteInt32LittleEndian(value, QueueLength);
                return Errno.Ok;
            default:
                return Errno.EOPNOTSUPP;
        }
    }

    /// <summary>struct ifconf: a length and a pointer; a null pointer asks for the length alone.</summary>
    private static SyscallResult ListInterfaces(ICaller caller, UserAddress argument)
    {
        Span<byte> configuration = stackalloc byte[16];
        if (caller.Memory.Read(argument, configuration) is not Errno.Ok and Errno error)
            return error;
        int room = BinaryPrimitives.ReadInt32LittleEndian(configuration);
        UserAddress place = new(BinaryPrimitives.ReadUInt64LittleEndian(configuration[8..]));
        int length = place.IsNull || room >= RequestBytes ? RequestBytes : 0;
        if (!place.IsNull && length > 0)
        {
            Span<byte> entry = stackalloc byte[RequestBytes];
            entry.Clear();
            "lo"u8.CopyTo(entry);
            PutAddress(entry[NameBytes..], [127, 0, 0, 1]);
            if (caller.Memory.Write(place, entry) is not Errno.Ok and Errno fault)
                return fault;
        }

        BinaryPrimitives.WriteInt32LittleEndian(configuration, length);
        return caller.Memory.Write(argument, configuration);
    }

    private static void PutAddress(Span<byte> value, ReadOnlySpan<byte> address)
    {
        BinaryPrimitives.WriteUInt16LittleEndian(value, AddressFamily.Inet);
        address.CopyTo(value[4..]);
    }
}
