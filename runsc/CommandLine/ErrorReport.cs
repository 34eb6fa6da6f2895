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
    public static void Write(string? logFile, bool isJson, string message)
    {
        message = message.ReplaceLineEndings(" ").TrimEnd();
        WriteTo(2, $"runsc: {message}\n");
        if (logFile is null)
            return;
        string time = DateTimeOffset.Now.ToString("yyyy-MM-dd'T'HH:mm:sszzz", CultureInfo.InvariantCulture);
        string record = isJson
            ? $"{{\"level\":\"error\",\"msg\":\"{JsonEscape(message)}\",\"time\":\"{time}\"}}\n"
            : $"time=\"{time}\" level=error msg=\"{JsonEscape(message)}\"\n";
        const OpenFlags append = OpenFlags.WriteOnly | OpenFlags.Append | OpenFlags.Create | OpenFlags.CloseOnExec;
        if (HostFile.OpenAt(-100, Encoding.UTF8.GetBytes(logFile), append, 0x1A4).Failed(out int file, out _))
            return; // The error itself is already on standard error.
        WriteTo(file, record);
        HostFile.Close(file);
    }

    /// <summary>Tells something that is no reason to fail: one line on standard error.</summary>
    public static void Warn(string message) => WriteTo(2, $"runsc: warning: {message.ReplaceLineEndings(" ").TrimEnd()}\n");

    /// <summary>Writes text to a descriptor; a reader that is gone is no error.</summary>
    public static void WriteTo(int fd, string text)
    {
        ReadOnlySpan<byte> bytes = Encoding.UTF8.GetBytes(text);
        while (!bytes.IsEmpty && !HostFile.Write(fd, bytes).Failed(out int written, out _))
            bytes = bytes[written..];
    }

    private static string JsonEscape(string text) => System.Text.Json.JsonEncodedText.Encode(
        text, System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping).ToString();
}
