using System.Text.Json;

namespace Sandbox.Runsc.State;

/// <summary>The state of a container as the runtime specification and its callers want to see it.</summary>
internal static class StateOutput
{
    /// <summary>The specification's word for a phase.</summary>
    public static string NameOf(ContainerPhase phase) => phase switch
    {
        ContainerPhase.Creating => "creating",
        ContainerPhase.Created => "created",
        ContainerPhase.Running => "running",
        _ => "paused",
    };

    public static byte[] ToJson(ContainerState state, string status, int processId)
    {
        using MemoryStream stream = new();
        using (Utf8JsonWriter writer = new(stream))
            Write(writer, state, status, processId);
        return stream.ToArray();
    }

    public static void Write(Utf8JsonWriter writer, ContainerState state, string status, int processId)
    {
        writer.WriteStartObject();
        writer.WriteString("ociVersion", state.OciVersion);
        writer.WriteString("id", state.Id);
        writer.WriteString("status", status);
        writer.WriteNumber("pid", processId);
        writer.WriteString("bundle", state.Bundle);
        writer.WriteString("rootfs", state.Rootfs);
        writer.WriteString("created", state.Created);
        writer.WriteString("owner", state.OwnerId == 0 ? "root" : string.Empty);
        if (state.Annotations is { Count: > 0 } annotations)
        {
            writer.WriteStartObject("annotations");
            foreach ((string name, string value) in annotations)
                writer.WriteString(name, value);
            writer.WriteEndObject();
        }

        writer.WriteEndObject();
    }
}
