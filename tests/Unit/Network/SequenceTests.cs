using Sandbox.Sentry.Memory;
using Sandbox.Sentry.Network.Tcp;
using Xunit;

namespace Sandbox.UnitTests.Network;

/// <summary>
/// Sequence numbers, the sender's scoreboard and the receiver's reassembly, against models that are plainly right.
/// </summary>
public sealed class SequenceTests
{
    private const int Rounds = 300, Space = 400;

    [Fact]
    public void Numbers_are_ordered_across_the_wrap()
    {
        Sequence last = new(uint.MaxValue), first = last + 1;
        Assert.Equal(0u, first.Value);
        Assert.True(last < first && first > last && last <= first && !(first <= last));
        Assert.Equal(1, first - last);
        Assert.Equal(-1, last - first);
        Assert.Equal(first, Sequence.Max(last, first));
        Assert.Equal(last, Sequence.Min(last, first));
    }

    [Fact]
    public void Ranges_are_those_of_a_bit_map()
    {
        for (int seed = 0; seed < Rounds; seed++)
        {
            Random random = new(seed);
            Sequence zero = new((uint)random.Next() * 2);
            RangeSet ranges = new();
            bool[] model = new bool[Space];
            int dropped = 0;
            for (int step = 0; step < 40; step++)
            {
                int start = random.Next(Space - 1), length = random.Next(1, Math.Min(60, Space - start));
                if (random.Next(8) == 0)
                {
                    dropped = Math.Max(dropped, start);
                    ranges.DropBefore(zero + dropped);
                    Array.Clear(model, 0, dropped);
                }
                else if (start >= dropped)
                {
                    ranges.Add(new SequenceRange(zero + start, zero + start + length));
                    Array.Fill(model, true, start, length);
                }

                Check(ranges, zero, model, dropped);
            }
        }
    }

    private static void Check(RangeSet ranges, Sequence zero, bool[] model, int from)
    {
        Assert.Equal(Array.FindAll(model, static each => each).Length, ranges.Bytes);
        bool[] shown = new bool[Space];
        for (int index = 0; index < ranges.Count; index++)
        {
            Assert.True(ranges[index].Length > 0 && (index == 0 || ranges[index - 1].End < ranges[index].Start));
            Array.Fill(shown, true, ranges[index].Start - zero, ranges[index].Length);
        }

        Assert.Equal(model, shown);
        int last = Array.LastIndexOf(model, true);
        SequenceRange? gap = ranges.FirstGap(zero + from);
        int expected = last < 0 ? -1 : Array.IndexOf(model, false, from, last - from);
        Assert.Equal(expected, gap is { } found ? found.Start - zero : -1);
        if (gap is { } range)
            Assert.Equal(Array.IndexOf(model, true, expected), range.End - zero);
    }

    [Fact]
    public void A_stream_in_any_order_comes_out_as_it_was()
    {
        for (int seed = 0; seed < Rounds; seed++)
        {
            Random random = new(seed);
            byte[] stream = new byte[2000];
            random.NextBytes(stream);
            Sequence zero = new((uint)random.Next() * 2), next = zero;
            MemoryAccount account = new();
            Reassembly reassembly = new();
            SliceQueue queue = new(account);
            while (next - zero < stream.Length)
            {
                int start = random.Next(Math.Max(0, next - zero - 50), stream.Length);
                int length = random.Next(1, Math.Min(300, stream.Length - start) + 1);
                SharedBuffer buffer = SharedBuffer.Rent(length);
                stream.AsSpan(start, length).CopyTo(buffer.Bytes);
                Sequence at = zero + start;
                ByteSlice data = new(buffer, 0, length);
                int known = Math.Clamp(next - at, 0, length);
                Assert.True(known == length || reassembly.Add(at + known, data.Skip(known)));
                buffer.Release();
                next = reassembly.MoveTo(queue, next);
                Assert.Equal(next - zero, queue.Length);
            }

            byte[] received = new byte[stream.Length];
            Assert.Equal(received.Length, queue.CopyTo(0, received));
            Assert.Equal(stream, received);
            Assert.Equal(0, reassembly.Bytes);
            Assert.True(reassembly.IsEmpty);
        }
    }

    [Fact]
    public void A_queue_of_slices_is_a_queue_of_bytes()
    {
        for (int seed = 0; seed < Rounds; seed++)
        {
            Random random = new(seed);
            MemoryAccount account = new();
            SliceQueue queue = new(account);
            List<byte> model = [];
            for (int step = 0; step < 60; step++)
            {
                byte[] data = new byte[random.Next(4) == 0 ? random.Next(1, 9000) : random.Next(1, 50)];
                random.NextBytes(data);
                int action = random.Next(4);
                if (action == 0)
                {
                    queue.Append(data);
                    model.AddRange(data);
                }
                else if (action == 1)
                {
                    SharedBuffer buffer = SharedBuffer.Rent(data.Length);
                    data.CopyTo(buffer.Bytes, 0);
                    queue.Append(new ByteSlice(buffer, 0, data.Length));
                    buffer.Release();
                    model.AddRange(data);
                }
                else
                {
                    int count = random.Next(model.Count + 1);
                    queue.Drop(count);
                    model.RemoveRange(0, count);
                }

                Assert.Equal(model.Count, queue.Length);
                Assert.InRange(account.Bytes, model.Count, model.Count == 0 ? 0 : long.MaxValue); // Whole buffers.
                int offset = random.Next(model.Count + 1);
                byte[] copy = new byte[model.Count - offset];
                Assert.Equal(copy.Length, queue.CopyTo(offset, copy));
                Assert.Equal(model.GetRange(offset, copy.Length).ToArray(), copy);
            }
        }
    }

    [Fact]
    public void Headers_survive_the_wire_and_garbage_is_refused()
    {
        for (int seed = 0; seed < Rounds; seed++)
        {
            Random random = new(seed);
            TcpHeader header = new()
            {
                SourcePort = (ushort)random.Next(), DestinationPort = (ushort)random.Next(), Sequence = new(
                    (uint)random.Next()),
                Acknowledgment = new((uint)random.Next()), Flags = (TcpFlags)random.Next(64),
                Window = (ushort)random.Next(),
                UrgentPointer = (ushort)random.Next(), WindowScale = TcpHeader.NoScale,
            };
            if (header.Has(TcpFlags.Syn))
                (header.MaxSegment, header.WindowScale, header.SackPermitted) = (1460, 7, true);
            else
                header.SackCount = random.Next(4);
            for (int index = 0; index < header.SackCount; index++)
                header.Sacks[index] = new SequenceRange(new((uint)random.Next()), new((uint)random.Next()));
            (header.HasTimestamps, header.TimestampValue, header.TimestampEcho) =
                (true, (uint)random.Next(), (uint)random.Next());
            byte[] bytes = new byte[TcpCodec.MaxHeaderBytes];
            int length = TcpCodec.Write(header, bytes);
            Assert.Equal(length, TcpCodec.Parse(bytes.AsSpan(0, length), out TcpHeader parsed));
            byte[] again = new byte[TcpCodec.MaxHeaderBytes];
            Assert.Equal(length, TcpCodec.Write(parsed, again));
            Assert.Equal(bytes, again);
            Assert.Equal(0, TcpCodec.Parse(bytes.AsSpan(0, length - 1), out _));
            random.NextBytes(bytes);
            TcpCodec.Parse(bytes.AsSpan(0, random.Next(bytes.Length)), out _);
        }
    }
}
