using System.Buffers.Binary;
using Sandbox.Linux;

namespace Sandbox.Sentry.Sockets;

/// <summary>The SOL_SOCKET options that every socket keeps (socket(7)). Single words, read without a lock.</summary>
internal sealed class SocketOptions
{
    /// <summary>/proc/sys/net/core/wmem_default.</summary>
    public const int DefaultBuffer = 212992;

    /// <summary>/proc/sys/net/core/wmem_max; the guest gets twice what it asks for, as on Linux.</summary>
    private const int MaxBuffer = 1 << 20, MinSendBuffer = 4608, MinReceiveBuffer = 2304;

    private static readonly SocketOption[] _switches =
    [
        SocketOption.Debug, SocketOption.DontRoute, SocketOption.Broadcast, SocketOption.KeepAlive,
        SocketOption.OutOfBandInline,
        SocketOption.NoCheck, SocketOption.PassSecurity, SocketOption.Timestamp, SocketOption.TimestampNanoseconds,
        SocketOption.ReceiveQueueOverflow,
    ];

    private ulong _switchedOn; // One bit per option number.
    private int _priority;
    private int _receiveLowWater = 1;

    public int SendBuffer { get; private set; } = DefaultBuffer;

    public int ReceiveBuffer { get; private set; } = DefaultBuffer;

    public bool ReuseAddress { get; private set; }

    public bool ReusePort { get; private set; }

    /// <summary>SO_PASSCRED: messages bring their sender's credentials.</summary>
    public bool PassCredentials { get; private set; }

    /// <summary>Nanoseconds; <see cref="long.MaxValue"/> waits for ever.</summary>
    public long ReceiveTimeout { get; private set; } = long.MaxValue;

    public long SendTimeout { get; private set; } = long.MaxValue;

    /// <summary>SO_LINGER: seconds, or null when off.</summary>
    public int? LingerSeconds { get; private set; }

    /// <summary>What a kind of socket has until a program sets it.</summary>
    public void SetDefaultBuffers(int send, int receive) => (SendBuffer, ReceiveBuffer) = (send, receive);

    /// <summary>An accepted connection starts with its listener's options.</summary>
    public SocketOptions Clone() => (SocketOptions)MemberwiseClone();

    /// <summary>setsockopt(2). ENOPROTOOPT for an option this does not know; EINVAL, EDOM, EPERM.</summary>
    public Errno Set(SocketOption option, ReadOnlySpan<byte> value)
    {
        if (option is SocketOption.ReceiveTimeout or SocketOption.SendTimeout)
            return SetTimeout(option == SocketOption.SendTimeout, value);
        if (option == SocketOption.Linger)
            return SetLinger(value);
        if (value.Length < sizeof(int))
            return Errno.EINVAL;
        int number = BinaryPrimitives.ReadInt32LittleEndian(value);
        switch (option)
        {
            case SocketOption.ReuseAddress:
                ReuseAddress = number != 0;
                return Errno.Ok;
            case SocketOption.ReusePort:
                ReusePort = number != 0;
                return Errno.Ok;
            case SocketOption.PassCredentials:
                PassCredentials = number != 0;
                return Errno.Ok;
            case SocketOption.SendBuffer or SocketOption.SendBufferForce:
                SendBuffer = Math.Max(Math.Clamp(number, 0, MaxBuffer) * 2, MinSendBuffer);
                return Errno.Ok;
            case SocketOption.ReceiveBuffer or SocketOption.ReceiveBufferForce:
                ReceiveBuffer = Math.Max(Math.Clamp(number, 0, MaxBuffer) * 2, MinReceiveBuffer);
                return Errno.Ok;
            case SocketOption.Priority:
                if (number is < 0 or > 6)
                    return Errno.EPERM;
                _priority = number;
                return Errno.Ok;
            case SocketOption.ReceiveLowWater:
                // One byte wakes a reader here all the same; a program that asks for more reads again.
                _receiveLowWater = number < 0 ? int.MaxValue : Math.Max(number, 1);
                return Errno.Ok;
            default:
                return SetSwitch(option, number != 0);
        }
    }

    /// <summary>getsockopt(2): writes the value and gives its length. ENOPROTOOPT.</summary>
    public Result<int> Get(SocketOption option, Span<byte> value)
    {
        value.Clear();
        switch (option)
        {
            case SocketOption.ReuseAddress:
                return PutInt(value, ReuseAddress ? 1 : 0);
            case SocketOption.ReusePort:
                return PutInt(value, ReusePort ? 1 : 0);
            case SocketOption.PassCredentials:
                return PutInt(value, PassCredentials ? 1 : 0);
            case SocketOption.SendBuffer:
                return PutInt(value, SendBuffer);
            case SocketOption.ReceiveBuffer:
                return PutInt(value, ReceiveBuffer);
            case SocketOption.Priority:
                return PutInt(value, _priority);
            case SocketOption.ReceiveLowWater:
                return PutInt(value, _receiveLowWater);
            case SocketOption.SendLowWater:
                return PutInt(value, 1);
            case SocketOption.Mark or SocketOption.BusyPoll:
                return PutInt(value, 0);
            case SocketOption.IncomingCpu:
                return PutInt(value, -1);
            case SocketOption.Linger:
                PutInt(value, LingerSeconds is null ? 0 : 1);
                PutInt(value[sizeof(int)..], LingerSeconds ?? 0);
                return 2 * sizeof(int);
            case SocketOption.ReceiveTimeout:
                return PutTime(value, ReceiveTimeout);
            case SocketOption.SendTimeout:
                return PutTime(value, SendTimeout);
            case SocketOption.BindToDevice:
                return 0;
            default:
                return IsSwitch(option) ? PutInt(value, IsOn(option) ? 1 : 0) : Errno.ENOPROTOOPT;
        }
    }

    /// <summary>Writes an int and gives its size.</summary>
    public static int PutInt(Span<byte> value, int number)
    {
        BinaryPrimitives.WriteInt32LittleEndian(value, number);
        return sizeof(int);
    }

    /// <summary>Is this option, of those that are on or off and nothing else, on?</summary>
    public bool IsOn(SocketOption option) => (_switchedOn >> (int)option & 1) != 0;

    private static bool IsSwitch(SocketOption option) => Array.IndexOf(_switches, option) >= 0;

    private Errno SetSwitch(SocketOption option, bool isOn)
    {
        if (!IsSwitch(option))
            return Errno.ENOPROTOOPT;
        ulong bit = 1ul << (int)option;
        _switchedOn = isOn ? _switchedOn | bit : _switchedOn & ~bit;
        return Errno.Ok;
    }

    private Errno SetLinger(ReadOnlySpan<byte> value)
    {
        if (value.Length < 2 * sizeof(int))
            return Errno.EINVAL;
        LingerSeconds = BinaryPrimitives.ReadInt32LittleEndian(value) == 0
            ? null
            : BinaryPrimitives.ReadInt32LittleEndian(value[sizeof(int)..]);
        return Errno.Ok;
    }

    private Errno SetTimeout(bool isSend, ReadOnlySpan<byte> value)
    {
        if (value.Length < 2 * sizeof(long))
            return Errno.EINVAL;
        long seconds = BinaryPrimitives.ReadInt64LittleEndian(value);
        long microseconds = BinaryPrimitives.ReadInt64LittleEndian(value[sizeof(long)..]);
        if (microseconds is < 0 or >= 1_000_000)
            return Errno.EDOM;
        long timeout = seconds < 0 ? 1 // Linux: a negative time-out does not wait.
            : seconds == 0 && microseconds == 0 ? long.MaxValue
            : new Timespec(seconds, microseconds * 1000).TotalNanoseconds;
        if (isSend)
            SendTimeout = timeout;
        else
            ReceiveTimeout = timeout;
        return Errno.Ok;
    }

    private static int PutTime(Span<byte> value, long nanoseconds)
    {
        Timeval time = nanoseconds == long.MaxValue ? default : Timeval.FromNanoseconds(nanoseconds);
        BinaryPrimitives.WriteInt64LittleEndian(value, time.Seconds);
        BinaryPrimitives.WriteInt64LittleEndian(value[sizeof(long)..], time.Microseconds);
        return 2 * sizeof(long);
    }
}
