using System.Globalization;
using System.Text;
using Sandbox.Linux;

namespace Sandbox.Runsc.CommandLine;

/// <summary>
/// Tells an error the way callers look for it: one line on standard error, and one record at the end of the --log file,
/// whose last "error" record is what containerd shows.
/// </summary>
internal static class ErrorReport
{
    private static string? _logFile;
    private static bool _isJson;

    /// <summary>Where everything goes besides standard error, from now on.</summary>
    public static void UseLog(string? file, bool isJson) => (_logFile, _isJson) = (file, isJson);

    /// <summary>Tells why the command fails.</summary>
    public static void Write(string message) => Write("error", message, alsoToStandardError: true);

    /// <summary>
    /// Tells what is not done as asked though the command goes on: in the log if there is one,
    /// for standard error may be the container's.
    /// </summary>
    public static void Warn(string message) => Write("warning", message, alsoToStandardError: _logFile is null);

    /// <summary>
    /// --log and --log-format of a command line that may be wrong otherwise; the command ends the search.
    /// </summary>
    public static (string? File, bool IsJson) FindLog(ReadOnlySpan<string> arguments)
    {
        string? file = null, format = null;
        for (int index = 0; index < arguments.Length && arguments[index].StartsWith('-'); index++)
        {
            string text = arguments[index].TrimStart('-');
            int equals = text.IndexOf('=', StringComparison.Ordinal);
            string name = equals < 0 ? text : text[..equals];
            bool takesNext = equals < 0 && Array.Exists(
                GlobalOptions.Flags, flag => flag.Name == name && flag.Kind != FlagKind.Switch);
            if (takesNext && ++index == arguments.Length)
                break;
            string value = takesNext ? arguments[index] : text[(equals + 1)..];
            file = name == "log" ? value : file;
            format = name == "log-format" ? value : format;
        }

        return (string.IsNullOrEmpty(file) ? null : file, format == "json");
    }

    /// <summary>Writes text to a descriptor; a reader that is gone is no error.</summary>
    public static void WriteTo(int fd, string text)
    {
        ReadOnlySpan<byte> bytes = Encoding.UTF8.GetBytes(text);
        while (!bytes.IsEmpty && !HostFile.Write(fd, bytes).Failed(out int written, out _))
            bytes = bytes[written..];
    }

    private static void Write(string level, string message, bool alsoToStandardError)
    {
        message = message.ReplaceLineEndings(" ").TrimEnd();
        if (alsoToStandardError)
            WriteTo(2, level == "error" ? $"runsc: {message}\n" : $"runsc: {level}: {message}\n");
        if (_logFile is null)
            return;
        string time = DateTimeOffset.Now.ToString("yyyy-MM-dd'T'HH:mm:sszzz", CultureInfo.InvariantCulture);
        string record = _isJson
            ? $"{{\"level\":\"{level}\",\"msg\":\"{JsonEscape(message)}\",\"time\":\"{time}\"}}\n"
            : $"time=\"{time}\" level={level} msg=\"{JsonEscape(message)}\"\n";
        const OpenFlags append = OpenFlags.WriteOnly | OpenFlags.Append | OpenFlags.Create | OpenFlags.CloseOnExec;
        if (HostFile.OpenAt(HostFile.CurrentDirectory, Encoding.UTF8.GetBytes(_logFile), append, Modes.O644).Failed(
            out int file, out _))
            return; // What is worse than a warning is already on standard error.
        WriteTo(file, record);
        HostFile.Close(file);
    }

    private static string JsonEscape(string text) => System.Text.Json.JsonEncodedText.Encode(
        text, System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping).ToString();
}
