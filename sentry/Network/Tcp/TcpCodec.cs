using System.Buffers.Binary;

namespace Sandbox.Sentry.Network.Tcp;

/// <summary>TCP headers to and from bytes. What comes from a network is hostile: every length is checked.</summary>
internal static class TcpCodec
{
    public const int HeaderBytes = 20, MaxHeaderBytes = 60, TimestampBytes = 12;

    private const byte EndOfOptions = 0, Nop = 1, MaxSegmentKind = 2, ScaleKind = 3, SackPermittedKind = 4,
        SackKind = 5,
        TimestampKind = 8;

    private const byte MaxSegmentLength = 4, ScaleLength = 3, SackPermittedLength = 2, TimestampLength = 10,
        BlockBytes = 8;
    private const int MaxScale = 14;

    /// <summary>Takes a header apart and gives its length; 0 if it is none.</summary>
    public static int Parse(ReadOnlySpan<byte> bytes, out TcpHeader header)
    {
        header = default;
        header.WindowScale = TcpHeader.NoScale;
        if (bytes.Length < HeaderBytes)
            return 0;
        int length = (bytes[12] >> 4) * 4;
        if (length < HeaderBytes || length > bytes.Length)
            return 0;
        header.SourcePort = BinaryPrimitives.ReadUInt16BigEndian(bytes);
        header.DestinationPort = BinaryPrimitives.ReadUInt16BigEndian(bytes[2..]);
        header.Sequence = new Sequence(BinaryPrimitives.ReadUInt32BigEndian(bytes[4..]));
        header.Acknowledgment = new Sequence(BinaryPrimitives.ReadUInt32BigEndian(bytes[8..]));
        header.Flags = (TcpFlags)(bytes[13] & 0x3F);
        header.Window = BinaryPrimitives.ReadUInt16BigEndian(bytes[14..]);
        header.UrgentPointer = BinaryPrimitives.ReadUInt16BigEndian(bytes[18..]);
        ParseOptions(bytes[HeaderBytes..length], ref header);
        return length;
    }

    private static void ParseOptions(ReadOnlySpan<byte> options, ref TcpHeader header)
    {
        while (!options.IsEmpty && options[0] != EndOfOptions)
        {
            if (options[0] == Nop)
            {
                options = options[1..];
                continue;
            }

            if (options.Length < 2 || options[1] < 2 || options[1] > options.Length)
                return;
            ReadOnlySpan<byte> value = options[2..options[1]];
            switch (options[0])
            {
                case MaxSegmentKind when value.Length == sizeof(ushort) && header.Has(TcpFlags.Syn):
                    header.MaxSegment = BinaryPrimitives.ReadUInt16BigEndian(value);
                    break;
                case ScaleKind when value.Length == 1 && header.Has(TcpFlags.Syn):
                    header.WindowScale = (sbyte)Math.Min(value[0], (byte)MaxScale);
                    break;
                case SackPermittedKind when value.IsEmpty && header.Has(TcpFlags.Syn):
                    header.SackPermitted = true;
                    break;
                case TimestampKind when value.Length == 2 * sizeof(uint):
                    header.HasTimestamps = true;
                    header.TimestampValue = BinaryPrimitives.ReadUInt32BigEndian(value);
                    header.TimestampEcho = BinaryPrimitives.ReadUInt32BigEndian(value[4..]);
                    break;
                case SackKind:
                    ParseSacks(value, ref header);
                    break;
            }

            options = options[options[1]..];
        }
    }

    private static void ParseSacks(ReadOnlySpan<byte> value, ref TcpHeader header)
    {
        for (; value.Length >= BlockBytes && header.SackCount < TcpHeader.MaxSackBlocks; value = value[BlockBytes..])
        {
            header.Sacks[header.SackCount++] = new SequenceRange(
                new Sequence(BinaryPrimitives.ReadUInt32BigEndian(value)),
                new Sequence(BinaryPrimitives.ReadUInt32BigEndian(value[4..])));
        }
    }

    /// <summary>
    /// Writes a header without its checksum and gives its length; at most <see cref="MaxHeaderBytes"/>.
    /// </summary>
    public static int Write(in TcpHeader header, Span<byte> bytes)
    {
        int length = HeaderBytes;
        if (header.Has(TcpFlags.Syn))
            length += WriteSynOptions(header, bytes[length..]);
        if (header.HasTimestamps)
        {
            Span<byte> option = bytes[length..];
            (option[0], option[1], option[2], option[3]) = (Nop, Nop, TimestampKind, TimestampLength);
            BinaryPrimitives.WriteUInt32BigEndian(option[4..], header.TimestampValue);
            BinaryPrimitives.WriteUInt32BigEndian(option[8..], header.TimestampEcho);
            length += TimestampBytes;
        }

        int blocks = Math.Min(header.SackCount, (MaxHeaderBytes - length - 4) / BlockBytes);
        if (blocks > 0)
        {
            Span<byte> option = bytes[length..];
            (option[0], option[1], option[2], option[3]) = (Nop, Nop, SackKind, (byte)(2 + (blocks * BlockBytes)));
            for (int index = 0; index < blocks; index++)
            {
                BinaryPrimitives.WriteUInt32BigEndian(
                    option[(4 + (index * BlockBytes))..], header.Sacks[index].Start.Value);
                BinaryPrimitives.WriteUInt32BigEndian(
                    option[(8 + (index * BlockBytes))..], header.Sacks[index].End.Value);
            }

            length += 4 + (blocks * BlockBytes);
        }

        BinaryPrimitives.WriteUInt16BigEndian(bytes, header.SourcePort);
        BinaryPrimitives.WriteUInt16BigEndian(bytes[2..], header.DestinationPort);
        BinaryPrimitives.WriteUInt32BigEndian(bytes[4..], header.Sequence.Value);
        BinaryPrimitives.WriteUInt32BigEndian(bytes[8..], header.Acknowledgment.Value);
        (bytes[12], bytes[13]) = ((byte)(length / 4 << 4), (byte)header.Flags);
        BinaryPrimitives.WriteUInt16BigEndian(bytes[14..], header.Window);
        bytes[16..18].Clear();
        BinaryPrimitives.WriteUInt16BigEndian(bytes[18..], (ushort)Math.Min(header.UrgentPointer, ushort.MaxValue));
        return length;
    }

    private static int WriteSynOptions(in TcpHeader header, Span<byte> bytes)
    {
        int length = 0;
        if (header.MaxSegment != 0)
        {
            (bytes[0], bytes[1]) = (MaxSegmentKind, MaxSegmentLength);
            BinaryPrimitives.WriteUInt16BigEndian(bytes[2..], header.MaxSegment);
            length += MaxSegmentLength;
        }

        if (header.SackPermitted)
        {
            (bytes[length], bytes[length + 1], bytes[length + 2], bytes[length + 3]) =
                (Nop, Nop, SackPermittedKind, SackPermittedLength);
            length += 4;
        }

        if (header.WindowScale >= 0)
        {
            (bytes[length], bytes[length + 1], bytes[length + 2], bytes[length + 3]) =
                (Nop, ScaleKind, ScaleLength, (byte)header.WindowScale);
            length += 4;
        }

        return length;
    }
}
