using Sandbox.Linux;

namespace Sandbox.Sentry.Network.Tcp;

/// <summary>Who owns a connection: a socket.</summary>
internal interface ITcpUser
{
    /// <summary>Something of the connection's readiness changed. Without locks held.</summary>
    void OnTcpEvents(PollEvents events);
}
