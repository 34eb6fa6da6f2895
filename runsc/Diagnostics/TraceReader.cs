using System.Text;

namespace Sandbox.Runsc.Diagnostics;

/// <summary>
/// Reads events from a trace in the "Nettrace" format, version 4, as it comes from a live session
/// (github.com/microsoft/perfview, EventPipeFormat.md). Only what the live view needs: no stacks,
/// no order among threads.
/// </summary>
internal sealed class TraceReader(Stream stream, Action<TraceEvent> onEvent)
{
    private const byte NullReference = 1, BeginObject = 5, EndObject = 6;
    private const int BlockBytesMax = 64 << 20;

    private readonly Dictionary<uint, TraceEventKind> _kinds = [];
    private long _position;

    /// <summary>Reads until the end of the stream. False if it is no trace of a known format.</summary>
    public bool Run()
    {
        const int intro = 4;
        if (!Take("Nettrace"u8.Length).AsSpan().SequenceEqual("Nettrace"u8))
            return false;
        BlockReader length = new(Take(intro));
        Take(length.I32());
        try
        {
            while (Take(1) is [BeginObject])
            {
                if (!ReadObject())
                    return false;
            }
        }
        catch (EndOfStreamException)
        {
            // The sandbox ended in the middle: what was whole has been told.
        }

        return true;
    }

    private bool ReadObject()
    {
        const int typeHead = 14, traceBytes = 48, alignment = 4, size = 4;
        BlockReader type = new(Take(typeHead)); // Begin, null, version, least reader version, length of the name.
        if (type.U8() != BeginObject || type.U8() != NullReference)
            return false;
        type.Bytes(size + size);
        int nameBytes = type.I32();
        if ((uint)nameBytes > byte.MaxValue)
            return false;
        string name = Encoding.ASCII.GetString(Take(nameBytes));
        if (Take(1) is not [EndObject])
            return false;
        if (name == "Trace")
        {
            Take(traceBytes);
            return Take(1) is [EndObject];
        }

        BlockReader sizeReader = new(Take(size));
        int blockBytes = sizeReader.I32();
        if ((uint)blockBytes > BlockBytesMax)
            return false;
        Take((int)((alignment - (_position % alignment)) % alignment));
        byte[] block = Take(blockBytes);
        if (name is "EventBlock" or "MetadataBlock")
            ReadEvents(block, isMetadata: name == "MetadataBlock");
        return Take(1) is [EndObject];
    }

    private void ReadEvents(ReadOnlySpan<byte> block, bool isMetadata)
    {
        const int compressed = 1;
        BlockReader reader = new(block);
        int headerBytes = reader.I16();
        bool isCompressed = (reader.I16() & compressed) != 0;
        reader.Bytes(headerBytes - sizeof(short) - sizeof(short));
        if (!isCompressed)
            return; // No runtime that we start writes such blocks into a session.
        EventHeader header = default;
        while (!reader.IsEmpty && !reader.IsBroken)
        {
            header.Read(ref reader);
            BlockReader payload = new(reader.Bytes((int)header.PayloadBytes));
            if (reader.IsBroken)
                return;
            if (isMetadata)
                AddKind(ref payload);
            else
                Tell(header.KindId, ref payload);
        }
    }

    private void AddKind(ref BlockReader payload)
    {
        const int keywordsVersionLevel = 16;
        uint id = (uint)payload.I32();
        string provider = payload.Text();
        payload.I32();
        string name = payload.Text();
        payload.Bytes(keywordsVersionLevel);
        List<TraceField> fields = ReadFields(ref payload, 0);
        if (!payload.IsBroken)
            _kinds[id] = new TraceEventKind(provider, name, fields);
    }

    private static List<TraceField> ReadFields(ref BlockReader payload, int depth)
    {
        const int fieldsMax = 256, depthMax = 8, structure = 1;
        List<TraceField> fields = [];
        int count = payload.I32();
        for (int index = 0; index < Math.Min(count, fieldsMax) && depth < depthMax && !payload.IsBroken; index++)
        {
            int type = payload.I32();
            List<TraceField>? parts = type == structure ? ReadFields(ref payload, depth + 1) : null;
            fields.Add(new TraceField(payload.Text(), type, parts));
        }

        return fields;
    }

    private void Tell(uint kindId, ref BlockReader payload)
    {
        if (!_kinds.TryGetValue(kindId, out TraceEventKind? kind))
            return;
        TraceEvent told = new(kind);
        if (told.Read(ref payload))
            onEvent(told);
    }

    private byte[] Take(int count)
    {
        byte[] bytes = new byte[count];
        stream.ReadExactly(bytes);
        _position += count;
        return bytes;
    }

    /// <summary>The head of a compressed event: what is not said is as in the one before.</summary>
    private struct EventHeader
    {
        public uint KindId;
        public uint PayloadBytes;

        public void Read(ref BlockReader reader)
        {
            const int hasKind = 1, hasSequence = 2, hasThread = 4, hasStack = 8, hasActivity = 16, hasRelated = 32,
                hasLength = 128,
                activityBytes = 16;
            int flags = reader.U8();
            if ((flags & hasKind) != 0)
                KindId = (uint)reader.Variable();
            if ((flags & hasSequence) != 0)
            {
                reader.Variable();
                reader.Variable();
                reader.Variable();
            }

            if ((flags & hasThread) != 0)
                reader.Variable();
            if ((flags & hasStack) != 0)
                reader.Variable();
            reader.Variable(); // Time since the event before.
            if ((flags & hasActivity) != 0)
                reader.Bytes(activityBytes);
            if ((flags & hasRelated) != 0)
                reader.Bytes(activityBytes);
            if ((flags & hasLength) != 0)
                PayloadBytes = (uint)reader.Variable();
        }
    }
}
