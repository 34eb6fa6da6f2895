using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Sandbox.Runsc.CommandLine;

namespace Sandbox.Runsc.Spec;

/// <summary>Reads OCI JSON files; what is wrong becomes one line that names the file and the field.</summary>
internal static class SpecReader
{
    /// <summary>The bundle's config.json, validated.</summary>
    public static Specification ReadBundle(string bundle) =>
        Parse(ReadBytes(Path.Combine(bundle, "config.json")), "config.json");

    /// <summary>A config.json that was read before.</summary>
    public static Specification Parse(byte[] json, string name)
    {
        Specification specification = Deserialize(json, name, SpecJson.Default.Specification);
        SpecValidation.Check(specification, name);
        return specification;
    }

    /// <summary>The file <c>exec --process</c> names.</summary>
    public static ProcessSpec ReadProcess(string path)
    {
        ProcessSpec process = Deserialize(ReadBytes(path), Path.GetFileName(path), SpecJson.Default.ProcessSpec);
        SpecValidation.CheckProcess(process, Path.GetFileName(path), string.Empty);
        return process;
    }

    /// <summary>Resources from a file, or from the bytes of standard input.</summary>
    public static ResourcesSpec ParseResources(byte[] json, string name) =>
        Deserialize(json, name, SpecJson.Default.ResourcesSpec);

    /// <summary>The bytes of a file that the user named.</summary>
    public static byte[] ReadBytes(string path)
    {
        try
        {
            return File.ReadAllBytes(path);
        }
        catch (Exception error) when (error is FileNotFoundException or DirectoryNotFoundException)
        {
            throw new Failure($"open {path}: no such file or directory");
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new Failure(
                $"open {path}: {(error is UnauthorizedAccessException ? "permission denied" : error.Message)}");
        }
    }

    private static T Deserialize<T>(byte[] json, string name, JsonTypeInfo<T> type)
    {
        try
        {
            return JsonSerializer.Deserialize(json, type) ?? throw new Failure($"{name}: must be an object");
        }
        catch (JsonException error)
        {
            string field = error.Path is null or "$"
                ? string.Empty
                : error.Path.Replace("$.", string.Empty, StringComparison.Ordinal);
            bool isSyntax = error.InnerException is JsonException
                || error.InnerException?.GetType().Name == "JsonReaderException";
            string place = $"line {error.LineNumber + 1}, column {error.BytePositionInLine + 1}";
            throw new Failure(
                isSyntax || field.Length == 0
                    ? $"{name}: invalid JSON at {place}"
                    : $"{name}: {field}: has the wrong type ({place})");
        }
    }
}
