using Sandbox.Linux;
using Sandbox.Sentry.Kernel.Processes;
using Sandbox.Sentry.Security;
using Sandbox.Sentry.Vfs;

namespace Sandbox.Sentry.Filesystems.Proc.Tasks;

/// <summary>/proc/PID/oom_score, oom_score_adj and its predecessor oom_adj (proc_pid_oom_score_adj(5)).</summary>
internal static class OomTexts
{
    private const int MostScore = 1000, OldDisable = -17, OldMost = 15;

    public static Errno WriteScore(ProcTask target, ICaller reader, ByteBuilder text)
    {
        long memory = Math.Max(
            1, Math.Min(target.Task.Namespaces.Container.Limits.Memory, target.Kernel.Host.MemoryBytes));
        long used = StatText.MemoryPages(target).Resident * 4096;
        text.Append(Math.Clamp((used * 1000 / memory) + target.Group.OomScoreAdjustment, 0, 2000)).Append((byte)'\n');
        return Errno.Ok;
    }

    public static Errno WriteAdjustment(ProcTask target, ICaller reader, ByteBuilder text)
    {
        text.Append(target.Group.OomScoreAdjustment).Append((byte)'\n');
        return Errno.Ok;
    }

    /// <summary>
    /// -1000 to 1000. Without CAP_SYS_RESOURCE not below what somebody with it set last, or the process began with:
    /// EACCES.
    /// </summary>
    public static Errno ReadAdjustment(ProcTask target, ICaller writer, ReadOnlySpan<byte> text)
    {
        if (!ProcNumberText.TryParse(text, out long value) || value is < -MostScore or > MostScore)
            return Errno.EINVAL;
        ThreadGroup group = target.Group;
        bool isPrivileged = writer.Credentials.Has(Capability.SysResource);
        if (value < group.OomScoreAdjustmentMin && !isPrivileged)
            return Errno.EACCES;
        group.OomScoreAdjustment = (int)value;
        if (isPrivileged)
            group.OomScoreAdjustmentMin = (int)value;
        return Errno.Ok;
    }

    public static Errno WriteOldAdjustment(ProcTask target, ICaller reader, ByteBuilder text)
    {
        int score = target.Group.OomScoreAdjustment;
        int old = score == MostScore ? OldMost : Math.Min(score * -OldDisable / MostScore, OldMost);
        text.Append(old).Append((byte)'\n');
        return Errno.Ok;
    }

    /// <summary>-17 to 15, scaled. Lowering it needs CAP_SYS_RESOURCE: EACCES.</summary>
    public static Errno ReadOldAdjustment(ProcTask target, ICaller writer, ReadOnlySpan<byte> text)
    {
        if (!ProcNumberText.TryParse(text, out long old) || old is < OldDisable or > OldMost)
            return Errno.EINVAL;
        int value = old == OldMost ? MostScore : (int)old * MostScore / -OldDisable;
        if (value < target.Group.OomScoreAdjustment && !writer.Credentials.Has(Capability.SysResource))
            return Errno.EACCES;
        target.Group.OomScoreAdjustment = value;
        return Errno.Ok;
    }
}
