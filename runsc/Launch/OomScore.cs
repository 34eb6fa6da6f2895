using System.Globalization;
using Sandbox.Linux;
using Sandbox.Runsc.CommandLine;

namespace Sandbox.Runsc.Launch;

/// <summary>
/// process.oomScoreAdj of the configuration: how willingly the host's OOM killer takes the container's processes
/// (proc_pid_oom_score_adj(5)). Given to each of them before it executes; while it shares our memory the host
/// gives it to us, too, and so we take it back.
/// </summary>
internal sealed class OomScore(int? value) : IDisposable
{
    private const string OwnFile = "/proc/self/oom_score_adj";
    private readonly string? _own = value is null ? null : File.ReadAllText(OwnFile);

    /// <summary>Fails where the host refuses it, but for users who may not lower it.</summary>
    public void Give(int processId)
    {
        if (value is not { } score)
            return;
        try
        {
            File.WriteAllText(
                string.Create(CultureInfo.InvariantCulture, $"/proc/{processId}/oom_score_adj"),
                score.ToString(CultureInfo.InvariantCulture));
        }
        catch (Exception refused) when (refused is IOException or UnauthorizedAccessException)
        {
            if (HostSyscall.Call(Sys.geteuid) == 0)
                throw new Failure($"config.json: process.oomScoreAdj: {score}: {refused.Message}");
            ErrorReport.Warn($"config.json: process.oomScoreAdj: {score} is refused to this user");
        }
    }

    public void Dispose()
    {
        if (_own is null)
            return;
        try
        {
            File.WriteAllText(OwnFile, _own);
        }
        catch (Exception refused) when (refused is IOException or UnauthorizedAccessException)
        {
            // Only hooks could see it.
        }
    }
}
