using Sandbox.Sentry.Memory;

namespace Sandbox.Sentry.Network.Tcp;

/// <summary>
/// What a program has set of a connection (tcp(7)). Single words, read without a lock; a child starts with a copy.
/// </summary>
internal sealed class TcpSettings
{
    /// <summary>
    /// What a connection begins with; the window to receive grows up to the last while a program does not set it.
    /// </summary>
    public const int DefaultReceiveBuffer = 131072, DefaultSendBuffer = 1 << 20, MaxReceiveBuffer = 4 << 20;

    public const int DefaultSynRetries = 6, DefaultRetries = 15;

    public int ReceiveBuffer { get; set; } = DefaultReceiveBuffer;

    /// <summary>False once SO_RCVBUF was set: then the window does not grow by itself.</summary>
    public bool IsReceiveBufferAutomatic { get; set; } = true;

    public int SendBuffer { get; set; } = DefaultSendBuffer;

    /// <summary>False once SO_SNDBUF was set.</summary>
    public bool IsSendBufferAutomatic { get; set; } = true;

    public bool NoDelay { get; set; }

    public bool Cork { get; set; }

    public bool KeepAlive { get; set; }

    /// <summary>Seconds.</summary>
    public int KeepIdle { get; set; } = 7200;

    /// <summary>Seconds.</summary>
    public int KeepInterval { get; set; } = 75;

    public int KeepCount { get; set; } = 9;

    public int SynRetries { get; set; } = DefaultSynRetries;

    /// <summary>Milliseconds; 0 for the number of retries to decide.</summary>
    public int UserTimeout { get; set; }

    /// <summary>Seconds that an abandoned connection waits for the peer's FIN.</summary>
    public int FinTimeout { get; set; } = 60;

    /// <summary>Seconds that a listener waits for a connection's first data; 0 hands it out at once.</summary>
    public int DeferAccept { get; set; }

    /// <summary>TCP_MAXSEG; 0 for what the path allows.</summary>
    public int MaxSegment { get; set; }

    public bool IsUrgentInline { get; set; }

    public bool IsCubic { get; set; } = true;

    public byte Ttl { get; set; } = 64;

    public byte TypeOfService { get; set; }

    /// <summary>SO_REUSEADDR.</summary>
    public bool ReuseAddress { get; set; }

    /// <summary>SO_REUSEPORT.</summary>
    public bool ReusePort { get; set; }

    public bool IsV6Only { get; set; }

    /// <summary>Who is charged for what waits in its queues.</summary>
    public MemoryAccount Account { get; init; } = MemoryAccount.Sandbox;

    /// <summary>Who made the socket.</summary>
    public uint UserId { get; init; }

    public TcpSettings Clone() => (TcpSettings)MemberwiseClone();
}
