using System.Runtime.CompilerServices;

namespace Sandbox.Sentry.Network.Tcp;

/// <summary>The control bits of a segment.</summary>
[Flags]
internal enum TcpFlags : byte
{
    None = 0,
    Fin = 0x01,
    Syn = 0x02,
    Reset = 0x04,
    Push = 0x08,
    Ack = 0x10,
    Urgent = 0x20,
}

/// <summary>A segment's header, taken apart (RFC 9293, 3.1; RFC 7323; RFC 2018).</summary>
internal struct TcpHeader
{
    public const int MaxSackBlocks = 4;

    /// <summary>No window scale option came.</summary>
    public const int NoScale = -1;

    public ushort SourcePort;
    public ushort DestinationPort;
    public Sequence Sequence;
    public Sequence Acknowledgment;
    public TcpFlags Flags;

    /// <summary>As it stands in the header, not scaled.</summary>
    public ushort Window;
    public int UrgentPointer;

    /// <summary>The maximum segment size option of a SYN; 0 without.</summary>
    public ushort MaxSegment;
    public sbyte WindowScale;
    public bool SackPermitted;
    public bool HasTimestamps;
    public uint TimestampValue;
    public uint TimestampEcho;
    public int SackCount;
    public SackBlocks Sacks;

    public readonly bool Has(TcpFlags flag) => (Flags & flag) != 0;

    /// <summary>Sequence numbers that a segment with so many bytes takes up: SYN and FIN count.</summary>
    public readonly int SequenceLength(int bytes) => bytes + (Has(TcpFlags.Syn) ? 1 : 0) + (Has(TcpFlags.Fin) ? 1 : 0);

    /// <summary>Blocks of a SACK option.</summary>
    [InlineArray(MaxSackBlocks)]
    internal struct SackBlocks
    {
        private SequenceRange _first;
    }
}
