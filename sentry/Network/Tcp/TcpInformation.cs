using System.Buffers.Binary;

namespace Sandbox.Sentry.Network.Tcp;

/// <summary>struct tcp_info (tcp(7)): how a connection fares.</summary>
internal static class TcpInformation
{
    public const int Bytes = 232;

    private const byte OptionTimestamps = 1, OptionSacks = 2, OptionScaling = 4;
    private const int Microsecond = 1000, Millisecond = 1_000_000;

    /// <summary>What a connection knows, taken under its lock.</summary>
    public readonly record struct Snapshot(
        TcpState State, bool IsRecovering, int Retries, int Probes, int Backoff, bool UsesTimestamps, bool UsesSacks,
        bool UsesScaling,
        int SendScale, int ReceiveScale, RoundTrip RoundTrip, int Segment, int PeerSegment, int Unacknowledged,
        int Sacked,
        int TotalRetransmits, long SinceSent, long SinceHeard, int Mtu, int Window, int Threshold, int ReceiveSpace,
        long BytesSent,
        long BytesReceived, int Unsent);

    public static void Write(in Snapshot of, Span<byte> info)
    {
        info[..Bytes].Clear();
        info[0] = (byte)of.State;
        info[1] = (byte)(of.IsRecovering ? 3 : of.Backoff > 0 ? 4 : 0);
        (info[2], info[3], info[4]) = ((byte)of.Retries, (byte)of.Probes, (byte)of.Backoff);
        info[5] = (byte)((of.UsesTimestamps ? OptionTimestamps : 0) | (of.UsesSacks ? OptionSacks : 0)
            | (of.UsesScaling ? OptionScaling : 0));
        info[6] = (byte)(of.SendScale | (of.ReceiveScale << 4));
        int segment = Math.Max(of.Segment, 1);
        Put(info, 8, of.RoundTrip.Timeout / Microsecond);
        Put(info, 12, 40_000);
        Put(info, 16, of.Segment);
        Put(info, 20, of.PeerSegment);
        Put(info, 24, (of.Unacknowledged + segment - 1) / segment);
        Put(info, 28, of.Sacked / segment);
        Put(info, 44, of.SinceSent / Millisecond);
        Put(info, 52, of.SinceHeard / Millisecond);
        Put(info, 56, of.SinceHeard / Millisecond);
        Put(info, 60, of.Mtu);
        Put(info, 64, of.ReceiveSpace);
        Put(info, 68, of.RoundTrip.Smoothed / Microsecond);
        Put(info, 72, of.RoundTrip.Variation / Microsecond);
        Put(info, 76, Math.Min(of.Threshold / segment, int.MaxValue));
        Put(info, 80, of.Window / segment);
        Put(info, 84, of.Segment);
        Put(info, 88, 3);
        Put(info, 96, of.ReceiveSpace);
        Put(info, 100, of.TotalRetransmits);
        BinaryPrimitives.WriteUInt64LittleEndian(info[104..], ulong.MaxValue);
        BinaryPrimitives.WriteUInt64LittleEndian(info[112..], ulong.MaxValue);
        BinaryPrimitives.WriteInt64LittleEndian(info[120..], of.BytesSent);
        BinaryPrimitives.WriteInt64LittleEndian(info[128..], of.BytesReceived);
        Put(info, 144, of.Unsent);
        Put(info, 148, of.RoundTrip.Least / Microsecond);
    }

    private static void Put(Span<byte> info, int offset, long value) =>
        BinaryPrimitives.WriteUInt32LittleEndian(info[offset..], (uint)value);
}
