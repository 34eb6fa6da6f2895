using System.Diagnostics.Tracing;
using System.Globalization;
using Microsoft.Diagnostics.NETCore.Client;
using Sandbox.Runsc.Boot;
using Sandbox.Runsc.CommandLine;
using Sandbox.Runsc.State;
using Sandbox.Sentry.Diagnostics;

namespace Sandbox.Runsc.Diagnostics;

/// <summary>A tracing session with a Sentry, over the diagnostic port in the Sentry's own root directory.</summary>
internal sealed class TraceSession : IDisposable
{
    private const string RuntimeSource = "Microsoft-Windows-DotNETRuntime";
    private readonly EventPipeSession _session;
    private int _isStopped;

    private TraceSession(EventPipeSession session) => _session = session;

    public Stream Events => _session.EventStream;

    /// <summary>
    /// Begins one: counters and summaries every so many seconds,
    /// and with <paramref name="everyCall"/> each call and collection.
    /// </summary>
    public static TraceSession Begin(ContainerState state, int intervalSeconds, bool everyCall)
    {
        const int bufferMegabytes = 16;
        const long collections = 1;
        Dictionary<string, string> arguments = new()
        {
            ["EventCounterIntervalSec"] = intervalSeconds.ToString(CultureInfo.InvariantCulture),
        };
        List<EventPipeProvider> providers =
        [
            new(
                SentryEventSource.SourceName,
                everyCall ? EventLevel.Verbose : EventLevel.Informational,
                everyCall ? (long)SentryEventSource.Keywords.EveryCall : 0,
                arguments),
        ];
        if (everyCall)
            providers.Add(new EventPipeProvider(RuntimeSource, EventLevel.Informational, collections));
        try
        {
            // The client knows no other way to a socket that it does not look for by itself.
            DiagnosticsClientConnector? connector = DiagnosticsClientConnector
                .FromDiagnosticPort($"{FindSocket(state)},connect", CancellationToken.None).GetAwaiter().GetResult();
            if (connector is null)
                throw new Failure("the sandbox's diagnostic port does not answer");
            return new TraceSession(
                connector.Instance.StartEventPipeSession(providers, requestRundown: false, bufferMegabytes));
        }
        catch (Exception error)
            when (error is DiagnosticsClientException or IOException or System.Net.Sockets.SocketException)
        {
            throw new Failure($"the sandbox's diagnostic port: {error.Message}");
        }
    }

    /// <summary>Ends it from any thread: the stream goes on to its regular end. Once; later calls do nothing.</summary>
    public void Stop()
    {
        if (Interlocked.Exchange(ref _isStopped, 1) != 0)
            return;
        try
        {
            _session.Stop();
        }
        catch (Exception error)
            when (error is DiagnosticsClientException or IOException or System.Net.Sockets.SocketException)
        {
            // The sandbox is gone, and the session with it.
        }
    }

    public void Dispose() => _session.Dispose();

    private static string FindSocket(ContainerState state)
    {
        string directory = string.Create(
            CultureInfo.InvariantCulture, $"/proc/{state.Sentry.Id}/root{DiagnosticPort.Directory}");
        string[] sockets = Directory.Exists(directory)
            ? Directory.GetFiles(directory, "dotnet-diagnostic-*-socket")
            : [];
        return sockets.Length > 0
            ? sockets[0]
            : throw new Failure(
                "the sandbox was not started with --diagnostics, or you may not look into its processes");
    }
}
