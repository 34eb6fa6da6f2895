using Sandbox.Linux;
using Sandbox.Sentry.Memory;
using Sandbox.Sentry.Network;
using Sandbox.Sentry.Network.Tcp;
using Xunit;

namespace Sandbox.UnitTests.Network;

/// <summary>Two ends over a network that loses, repeats and reorders: every byte comes, once, in order.</summary>
public sealed class TcpLossTests
{
    private const long Millisecond = NetworkTestClock.Millisecond;

    [Fact]
    public void All_bytes_come_through_a_bad_network()
    {
        for (int seed = 0; seed < 12; seed++)
        {
            BadNetwork network = new(seed);
            byte[] sent = new byte[200_000];
            network.Random.NextBytes(sent);
            byte[] received = network.Carry(sent);
            Assert.Equal(sent.Length, received.Length);
            Assert.Equal(sent, received);
        }
    }

    /// <summary>Hosts A and B; a segment takes some milliseconds, or is lost, or comes twice.</summary>
    private sealed class BadNetwork
    {
        private static readonly InetAddress _a = InetAddress.FromV4(1), _b = InetAddress.FromV4(2);

        private readonly NetworkTestClock _clock = new();
        private readonly List<(long At, TcpLayer To, TcpSegment Segment)> _underWay = [];
        private readonly TcpLayer _layerA;
        private readonly TcpLayer _layerB;

        public BadNetwork(int seed)
        {
            Random = new Random(seed);
            _layerA = new TcpLayer(_clock, new Wire(this, _a));
            _layerB = new TcpLayer(_clock, new Wire(this, _b));
        }

        public Random Random { get; }

        public byte[] Carry(byte[] data)
        {
            TcpConnection listener = new(_layerB, new TcpSettings(), InetAddress.AnyV4);
            TcpConnection client = new(_layerA, new TcpSettings(), InetAddress.AnyV4);
            Assert.Equal(Errno.Ok, listener.Bind(new InetEndpoint(_b, 80)));
            Assert.Equal(Errno.Ok, listener.Listen(1));
            Assert.Equal(Errno.Ok, client.Connect(_a, new InetEndpoint(_b, 80)));
            TcpConnection? server = null;
            byte[] received = new byte[data.Length + 1];
            int written = 0, read = 0;
            bool isEnded = false;
            for (int step = 0; step < 200_000 && !isEnded; step++)
            {
                Pass();
                if (server is null && !listener.Accept().Failed(out TcpConnection? child, out _))
                    server = child;
                if (written < data.Length
                    && !client.Send(data.AsSpan(written), false, false).Failed(out int count, out _))
                {
                    written += count;
                    if (written == data.Length)
                        client.Shutdown(isRead: false, isWrite: true);
                }

                if (server is not null
                    && !server.Receive(received.AsSpan(read), isPeek: false).Failed(out count, out _))
                {
                    read += count;
                    isEnded = count == 0;
                }
            }

            Assert.True(isEnded, $"{written} written, {read} read, {client.State}");
            return received[..read];
        }

        private void Pass()
        {
            _clock.Advance(Millisecond);
            for (int index = 0; index < _underWay.Count; index++)
            {
                (long at, TcpLayer to, TcpSegment segment) = _underWay[index];
                if (at > _clock.Now)
                    continue;
                _underWay.RemoveAt(index--);
                to.Deliver(segment);
                Delivery.Run();
            }
        }

        private sealed class Wire(BadNetwork network, InetAddress own) : ITcpWire
        {
            public TcpPath PathTo(InetAddress address) => new(1500, address == own);

            public void Send(
                in TcpHeader header, InetAddress source, InetAddress destination, byte ttl, byte typeOfService,
                SliceQueue? queue,
                int offset, int length)
            {
                int copies = network.Random.Next(20) switch { 0 => 0, 1 => 2, _ => 1 };
                for (int copy = 0; copy < copies; copy++)
                {
                    SharedBuffer buffer = SharedBuffer.Rent(Math.Max(length, 1));
                    queue?.CopyTo(offset, buffer.Bytes.AsSpan(0, length));
                    long at = network._clock.Now
                        + ((5 + (network.Random.Next(6) == 0 ? network.Random.Next(10) : 0)) * Millisecond);
                    network._underWay.Add((
                        at, own == _a ? network._layerB : network._layerA,
                        TcpSegment.Rent(source, destination, header, new ByteSlice(buffer, 0, length))));
                }
            }
        }
    }
}
