using System.Globalization;
using Sandbox.Linux;
using Sandbox.Sentry.Kernel.Timers;
using Sandbox.Sentry.Vfs;

namespace Sandbox.Sentry.Filesystems.Proc.Tasks;

/// <summary>/proc/PID/timers: the POSIX timers of a process (proc_pid_timers(5)).</summary>
internal static class TimerTexts
{
    public static Errno Write(ProcTask target, ICaller reader, ByteBuilder text)
    {
        using (target.Kernel.Tree.Enter())
        {
            foreach (PosixTimer timer in ProcessTimers.PosixTimersOf(target.Group))
            {
                TimerNotice notice = timer.Notice;
                string kind = notice.Signal == Signal.None ? "none" : "signal";
                string whom = notice.Thread is { } thread
                    ? string.Create(CultureInfo.InvariantCulture, $"tid.{target.NumberOf(thread.Id)}")
                    : string.Create(CultureInfo.InvariantCulture, $"pid.{target.NumberOf(target.Group.Id)}");
                text.AppendLine(string.Create(CultureInfo.InvariantCulture, $"ID: {timer.Id}"))
                    .AppendLine(
                        string.Create(CultureInfo.InvariantCulture, $"signal: {(int)notice.Signal}/{notice.Value:x16}"))
                    .AppendLine(string.Create(CultureInfo.InvariantCulture, $"notify: {kind}/{whom}"))
                    .AppendLine(string.Create(CultureInfo.InvariantCulture, $"ClockID: {timer.Clock}"));
            }
        }

        return Errno.Ok;
    }
}
