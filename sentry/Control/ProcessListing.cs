using System.Text;
using Sandbox.Linux;
using Sandbox.Sentry.Kernel;

namespace Sandbox.Sentry.Control;

/// <summary>Describes processes for <c>runsc ps</c>.</summary>
internal static class ProcessListing
{
    /// <summary>One process as its own pid namespace sees it. With Tree held.</summary>
    public static ProcessEntry Describe(ThreadGroup group, PidNamespace viewer)
    {
        (long user, long system) = group.TotalTime();
        long sinceStart = HostClock.Now(HostClock.Boottime) - group.StartTime;
        return new ProcessEntry
        {
            Id = group.Id.In(viewer),
            ParentId = group.Parent?.Id.In(viewer) ?? 0,
            UserId = group.Leader.Credentials.UserId,
            CpuTime = user + system,
            StartTime = (HostClock.Now(HostClock.Realtime) - sinceStart) / 1_000_000_000,
            Command = Encoding.UTF8.GetString(group.Leader.Name),
        };
    }
}
