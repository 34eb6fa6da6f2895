using System.Buffers.Binary;
using System.Globalization;
using System.Net;
using System.Net.Http;
using System.Net.Http.Headers;
using System.Net.Sockets;

namespace Sandbox.RuntimeTests.Containerd;

/// <summary>An error of a call, as gRPC tells it: a status number and a message.</summary>
public sealed class CriException(string method, string status, string message)
    : Exception($"{method}: status {status}: {message}");

/// <summary>
/// Kubernetes' container runtime interface as kubelet uses it: gRPC (HTTP/2 without encryption, five bytes before each
/// message, the status in the trailers) on containerd's socket.
/// </summary>
public sealed class CriClient : IDisposable
{
    private const int PrefixBytes = 5;
    private readonly HttpClient _client;

    public CriClient(string socket) => _client = new HttpClient(new SocketsHttpHandler
    {
        ConnectCallback = async (_, cancellation) =>
        {
            Socket connected = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
            await connected.ConnectAsync(new UnixDomainSocketEndPoint(socket), cancellation);
            return new NetworkStream(connected, ownsSocket: true);
        },
    })
    { Timeout = TimeSpan.FromMinutes(5) };

    /// <summary>Calls a method of the runtime service, and waits for its answer.</summary>
    public ProtoMessage Call(string method, ProtoMessage request)
    {
        byte[] message = request.ToArray();
        byte[] framed = new byte[PrefixBytes + message.Length];
        BinaryPrimitives.WriteInt32BigEndian(framed.AsSpan(1), message.Length);
        message.CopyTo(framed, PrefixBytes);
        using HttpRequestMessage http = new(HttpMethod.Post, $"http://localhost/runtime.v1.RuntimeService/{method}")
        {
            Version = HttpVersion.Version20,
            VersionPolicy = HttpVersionPolicy.RequestVersionExact,
            Content = new ByteArrayContent(framed),
        };
        http.Content.Headers.ContentType = new MediaTypeHeaderValue("application/grpc");
        http.Headers.TE.Add(new TransferCodingWithQualityHeaderValue("trailers"));
        using HttpResponseMessage response = _client.SendAsync(http).GetAwaiter().GetResult();
        using MemoryStream body = new();
        response.Content.ReadAsStream().CopyTo(body);
        string status = Header(response, "grpc-status");
        if (status != "0")
            throw new CriException(
                method, status, WebUtility.UrlDecode(Header(response, "grpc-message").Replace("+", "%2B")));
        return ProtoMessage.Parse(body.ToArray().AsSpan(PrefixBytes));
    }

    public void Dispose() => _client.Dispose();

    /// <summary>From the trailers, or from the headers when there is nothing but an error.</summary>
    private static string Header(HttpResponseMessage response, string name)
    {
        foreach (HttpResponseHeaders headers in (ReadOnlySpan<HttpResponseHeaders>)[
            response.TrailingHeaders, response.Headers])
        {
            if (headers.TryGetValues(name, out IEnumerable<string>? values))
                return string.Join(' ', values);
        }

        return string.Create(CultureInfo.InvariantCulture, $"(none; HTTP status {(int)response.StatusCode})");
    }
}
