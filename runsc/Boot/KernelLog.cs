using System.Globalization;
using System.Text;
using Sandbox.Linux;
using Sandbox.Sentry.Kernel;

namespace Sandbox.Runsc.Boot;

/// <summary>The sandbox's log: one write(2) a line, so that threads do not mix. Nothing without a descriptor.</summary>
/// <param name="fd">An append-only file, or -1.</param>
/// <param name="isDebug">Debug lines are wanted.</param>
internal sealed class KernelLog(int fd, bool isDebug) : IKernelLog
{
    public bool IsDebug => isDebug && fd >= 0;

    public void Debug(string message)
    {
        if (IsDebug)
            Write('D', message);
    }

    public void Warning(string message) => Write('W', message);

    public void InternalError(string message, Exception? exception) => Write('E', $"{message} {exception}");

    /// <summary>A line of --strace.</summary>
    public void Trace(string message) => Write('T', message);

    private void Write(char level, string message)
    {
        if (fd < 0)
            return;
        string time = DateTime.UtcNow.ToString("HH:mm:ss.ffffff", CultureInfo.InvariantCulture);
        HostFile.Write(fd, Encoding.UTF8.GetBytes($"{level} {time} {message}\n"));
    }
}
