using System.Text.Json;
using Sandbox.Runsc.CommandLine;
using Sandbox.Runsc.State;

namespace Sandbox.Runsc.Commands;

/// <summary><c>state</c>: the container's state as JSON.</summary>
internal static class StateCommand
{
    public static Command Definition { get; } = new()
    {
        Name = "state",
        Usage = "CONTAINER",
        Summary = "print a container's state as JSON",
        Run = Run,
    };

    private static int Run(GlobalOptions options, Arguments arguments)
    {
        StateDirectory states = new(options.Root);
        ContainerState state = states.Read(arguments.Single("the container's id"));
        string status = ContainerLife.StatusWithoutLock(states, state);
        using MemoryStream stream = new();
        using (Utf8JsonWriter writer = new(stream, new JsonWriterOptions { Indented = true }))
            StateOutput.Write(writer, state, status, status == "stopped" ? 0 : state.Monitor.Id);
        ErrorReport.WriteTo(1, System.Text.Encoding.UTF8.GetString(stream.ToArray()) + "\n");
        return 0;
    }
}
