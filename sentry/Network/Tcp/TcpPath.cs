namespace Sandbox.Sentry.Network.Tcp;

/// <summary>What the way to a peer allows.</summary>
/// <param name="Mtu">Bytes of the longest packet.</param>
/// <param name="IsLocal">The peer is on this host: segments are handed over, not sent.</param>
internal readonly record struct TcpPath(int Mtu, bool IsLocal)
{
    private const int V4HeaderBytes = 20, V6HeaderBytes = 40;

    /// <summary>The longest segment without options.</summary>
    public int SegmentBytes(bool isV4) =>
        (isV4 ? Math.Min(Mtu, ushort.MaxValue) - V4HeaderBytes : Mtu - V6HeaderBytes) - TcpCodec.HeaderBytes;
}
