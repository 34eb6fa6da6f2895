using System.Globalization;
using System.Text;
using Sandbox.Linux;
using Sandbox.Sentry.Kernel;

namespace Sandbox.Runsc.Boot;

/// <summary>What a log holds: its own level and all above it.</summary>
internal enum LogLevel
{
    Error,
    Warning,
    Info,
    Debug,
}

/// <summary>The sandbox's log: one write(2) a line, so that threads do not mix. Nothing without a descriptor.</summary>
/// <param name="fd">An append-only file, or -1.</param>
/// <param name="level">Lines below this level are dropped; those of a trace never are.</param>
internal sealed class KernelLog(int fd, LogLevel level) : IKernelLog
{
    public bool IsDebug => level >= LogLevel.Debug && fd >= 0;

    /// <summary>The level of a name that the command line has checked.</summary>
    public static LogLevel LevelOf(string name) => name switch
    {
        "error" => LogLevel.Error,
        "warning" => LogLevel.Warning,
        "debug" => LogLevel.Debug,
        _ => LogLevel.Info,
    };

    public void Debug(string message) => Write(LogLevel.Debug, 'D', message);

    public void Info(string message) => Write(LogLevel.Info, 'I', message);

    public void Warning(string message) => Write(LogLevel.Warning, 'W', message);

    public void InternalError(string message, Exception? exception) =>
        Write(LogLevel.Error, 'E', $"{message} {exception}");

    /// <summary>A line of --strace.</summary>
    public void Trace(string message) => Write(LogLevel.Error, 'T', message);

    private void Write(LogLevel wanted, char letter, string message)
    {
        if (fd < 0 || wanted > level)
            return;
        string time = DateTime.UtcNow.ToString("HH:mm:ss.ffffff", CultureInfo.InvariantCulture);
        HostFile.Write(fd, Encoding.UTF8.GetBytes($"{letter} {time} {message}\n"));
    }
}
