using System.Buffers.Binary;
using Sandbox.Linux;
using Sandbox.Sentry.Network.Tcp;

namespace Sandbox.Sentry.Sockets.Inet;

/// <summary>The options of tcp(7) that a connection acts on.</summary>
internal static class TcpOptions
{
    /// <summary>What SO_SNDBUF shows until it is set: net.ipv4.tcp_wmem's default.</summary>
    public const int ShownSendBuffer = 16384;

    private const int NoDelay = 1, MaxSegment = 2, Cork = 3, KeepIdle = 4, KeepInterval = 5, KeepCount = 6,
        SynCount = 7, Linger2 = 8,
        DeferAccept = 9, Information = 11, CongestionControl = 13, UserTimeout = 18;

    private const int MaxSeconds = 32767, MaxProbes = 127, MinSegment = 88, MaxFinTimeout = 120, DefaultSegment = 536,
        NameBytes = 16;

    /// <summary>getsockopt(2); null for an option this does not know.</summary>
    public static Result<int>? Get(TcpConnection connection, int name, Span<byte> value)
    {
        TcpSettings settings = connection.Settings;
        switch (name)
        {
            case NoDelay:
                return SocketOptions.PutInt(value, settings.NoDelay ? 1 : 0);
            case MaxSegment:
                bool isOpen = connection.State is not (TcpState.Closed or TcpState.Listen or TcpState.SynSent);
                return SocketOptions.PutInt(
                    value, isOpen
                        ? connection.SegmentBytes
                        : settings.MaxSegment > 0 ? settings.MaxSegment : DefaultSegment);
            case Cork:
                return SocketOptions.PutInt(value, settings.Cork ? 1 : 0);
            case KeepIdle:
                return SocketOptions.PutInt(value, settings.KeepIdle);
            case KeepInterval:
                return SocketOptions.PutInt(value, settings.KeepInterval);
            case KeepCount:
                return SocketOptions.PutInt(value, settings.KeepCount);
            case SynCount:
                return SocketOptions.PutInt(value, settings.SynRetries);
            case Linger2:
                return SocketOptions.PutInt(value, settings.FinTimeout);
            case DeferAccept:
                return SocketOptions.PutInt(value, settings.DeferAccept);
            case UserTimeout:
                return SocketOptions.PutInt(value, settings.UserTimeout);
            case CongestionControl:
                value[..NameBytes].Clear();
                (settings.IsCubic ? "cubic"u8 : "reno"u8).CopyTo(value);
                return NameBytes;
            case Information:
                TcpInformation.Write(connection.Inform(), value);
                return TcpInformation.Bytes;
            default:
                return null;
        }
    }

    /// <summary>setsockopt(2): EINVAL, ENOENT; null for an option this does not know.</summary>
    public static Errno? Set(TcpConnection connection, int name, ReadOnlySpan<byte> value)
    {
        TcpSettings settings = connection.Settings;
        if (name == CongestionControl)
            return SetCongestionControl(connection, value.TrimEnd((byte)0));
        if (name is < NoDelay or > UserTimeout)
            return null;
        if (value.Length < sizeof(int))
            return Errno.EINVAL;
        int number = BinaryPrimitives.ReadInt32LittleEndian(value);
        Errno error = Errno.Ok;
        switch (name)
        {
            case NoDelay:
                settings.NoDelay = number != 0;
                connection.Push();
                break;
            case Cork:
                settings.Cork = number != 0;
                connection.Push();
                break;
            case MaxSegment when number != 0 && number is < MinSegment or > MaxSeconds:
                return Errno.EINVAL;
            case MaxSegment:
                settings.MaxSegment = number;
                break;
            case KeepIdle:
                error = Within(number, MaxSeconds, settings, static (to, seconds) => to.KeepIdle = seconds);
                connection.OnKeepAliveSettings();
                break;
            case KeepInterval:
                error = Within(number, MaxSeconds, settings, static (to, seconds) => to.KeepInterval = seconds);
                break;
            case KeepCount:
                error = Within(number, MaxProbes, settings, static (to, count) => to.KeepCount = count);
                break;
            case SynCount:
                error = Within(number, MaxProbes, settings, static (to, count) => to.SynRetries = count);
                break;
            case Linger2:
                settings.FinTimeout = number is < 0 or > MaxFinTimeout ? -1 : number == 0 ? 60 : number;
                break;
            case DeferAccept:
                settings.DeferAccept = Math.Max(number, 0);
                break;
            case UserTimeout when number < 0:
                return Errno.EINVAL;
            case UserTimeout:
                settings.UserTimeout = number;
                break;
            default:
                return null;
        }

        return error;
    }

    private static Errno SetCongestionControl(TcpConnection connection, ReadOnlySpan<byte> name)
    {
        bool isCubic = name.SequenceEqual("cubic"u8);
        if (!isCubic && !name.SequenceEqual("reno"u8))
            return Errno.ENOENT;
        connection.SetCongestionControl(isCubic);
        return Errno.Ok;
    }

    private static Errno Within(int number, int most, TcpSettings settings, Action<TcpSettings, int> set)
    {
        if (number < 1 || number > most)
            return Errno.EINVAL;
        set(settings, number);
        return Errno.Ok;
    }
}
