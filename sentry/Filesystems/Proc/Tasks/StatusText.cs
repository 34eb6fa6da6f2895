using Sandbox.Linux;
using Sandbox.Sentry.Kernel.Containers;
using Sandbox.Sentry.Kernel.Processes;
using Sandbox.Sentry.Kernel.Tasks;
using Sandbox.Sentry.Security;
using Sandbox.Sentry.Vfs;

namespace Sandbox.Sentry.Filesystems.Proc.Tasks;

/// <summary>/proc/PID/status (proc_pid_status(5)).</summary>
internal static class StatusText
{
    public static Errno Write(ProcTask target, ICaller reader, ByteBuilder text)
    {
        Task task = target.Task;
        WriteIdentity(target, task, reader, text);
        if (!target.IsZombie)
            WriteMemory(target, text);
        WriteSignals(target, task, text);
        WriteSecurity(task, text);
        int[] allowed = ProcessorSet.Allowed(task.Namespaces.Container.Limits, target.Kernel.Host.CpuCount);
        text.Append("Cpus_allowed:\t"u8).AppendHex(ProcessorSet.Mask(allowed, 1)[0]).Append((byte)'\n')
            .Append("Cpus_allowed_list:\t"u8).Append(ProcessorSet.Format(allowed))
            .Append("\nMems_allowed:\t1\nMems_allowed_list:\t0\nvoluntary_ctxt_switches:\t0\nnonvoluntary_ctxt_switches:\t0\n"u8);
        return Errno.Ok;
    }

    private static void WriteIdentity(ProcTask target, Task task, ICaller reader, ByteBuilder text)
    {
        Credentials credentials = task.Credentials;
        UserNamespace viewer = reader.Credentials.UserNamespace;
        int parent;
        using (target.Kernel.Tree.Enter())
            parent = target.NumberOf(target.Group.Parent?.Id);
        text.Append("Name:\t"u8).AppendEscaped(task.Name, "\n\\"u8).Append((byte)'\n');
        if (!target.IsZombie)
            text.Append("Umask:\t"u8).AppendLine("0" + Convert.ToString(task.Fs.Umask & 0x1FF, 8).PadLeft(3, '0'));
        text.Append("State:\t"u8).AppendLine(ProcTask.DescribeState(target.StateFor(reader)));
        text.Append("Tgid:\t"u8).Append(target.NumberOf(target.Group.Id)).Append("\nNgid:\t0\nPid:\t"u8)
            .Append(target.NumberOf(target.Thread?.Id ?? target.Group.Id)).Append("\nPPid:\t"u8).Append(parent)
            .Append("\nTracerPid:\t0\nUid:"u8);
        foreach (uint id in (ReadOnlySpan<uint>)
            [credentials.UserId, credentials.EffectiveUserId, credentials.SavedUserId, credentials.FileSystemUserId])
        {
            text.Append((byte)'\t').Append(viewer.UserFromKernel(id));
        }

        text.Append("\nGid:"u8);
        foreach (uint id in (ReadOnlySpan<uint>)
            [credentials.GroupId, credentials.EffectiveGroupId, credentials.SavedGroupId,
                credentials.FileSystemGroupId])
        {
            text.Append((byte)'\t').Append(viewer.GroupFromKernel(id));
        }

        text.Append("\nFDSize:\t"u8).Append(target.IsZombie ? 0 : task.Files.Size).Append("\nGroups:\t"u8);
        foreach (uint group in credentials.Groups)
            text.Append(viewer.GroupFromKernel(group)).Append((byte)' ');
        text.Append("\nNStgid:\t"u8).Append(target.NumberOf(target.Group.Id))
            .Append("\nNSpid:\t"u8).Append(target.NumberOf(target.Thread?.Id ?? target.Group.Id));
        using (target.Kernel.Tree.Enter())
        {
            text.Append("\nNSpgid:\t"u8).Append(target.NumberOf(target.Group.ProcessGroup.Id))
                .Append("\nNSsid:\t"u8).Append(target.NumberOf(target.Group.Session.Id)).Append((byte)'\n');
        }
    }

    // The host's own lines for the stub: what a guest has mapped and touched, only the host knows.
    private static void WriteMemory(ProcTask target, ByteBuilder text)
    {
        ReadOnlySpan<byte> rest = target.ReadHostFile("status"u8);
        while (!rest.IsEmpty)
        {
            int end = rest.IndexOf((byte)'\n');
            ReadOnlySpan<byte> line = end < 0 ? rest : rest[..(end + 1)];
            rest = end < 0 ? default : rest[(end + 1)..];
            if (line.StartsWith("Vm"u8) || line.StartsWith("Rss"u8) || line.StartsWith("HugetlbPages"u8))
                text.Append(line);
        }

        text.Append("CoreDumping:\t0\nTHP_enabled:\t1\n"u8);
    }

    private static void WriteSignals(ProcTask target, Task task, ByteBuilder text)
    {
        SignalMasks masks;
        int threads, queued;
        using (target.Kernel.Tree.Enter())
        {
            masks = SignalMasks.Of(task);
            threads = Math.Max(1, target.Group.Tasks.Count);
            queued = task.Pending.Count + target.Group.Pending.Count;
        }

        text.Append("Threads:\t"u8).Append(threads).Append("\nSigQ:\t"u8).Append(queued).Append((byte)'/')
            .Append(target.Group.Limits[Resource.PendingSignals].Soft);
        ReadOnlySpan<ulong> sets = [masks.Pending, masks.SharedPending, masks.Blocked, masks.Ignored, masks.Caught];
        ReadOnlySpan<string> names = ["SigPnd", "ShdPnd", "SigBlk", "SigIgn", "SigCgt"];
        for (int index = 0; index < sets.Length; index++)
            text.Append((byte)'\n').Append(names[index]).Append(":\t"u8).AppendHex(sets[index], 16);
        text.Append((byte)'\n');
    }

    private static void WriteSecurity(Task task, ByteBuilder text)
    {
        Credentials credentials = task.Credentials;
        ReadOnlySpan<CapabilitySet> sets =
            [credentials.Inheritable, credentials.Permitted, credentials.Effective, credentials.Bounding,
                credentials.Ambient];
        ReadOnlySpan<string> names = ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"];
        for (int index = 0; index < sets.Length; index++)
            text.Append(names[index]).Append(":\t"u8).AppendHex(sets[index].Mask, 16).Append((byte)'\n');
        text.Append("NoNewPrivs:\t"u8).Append(credentials.NoNewPrivileges ? 1 : 0)
            .Append("\nSeccomp:\t"u8).Append(task.Seccomp?.Mode ?? 0)
            .Append("\nSeccomp_filters:\t"u8).Append(task.Seccomp?.Count ?? 0)
            .Append("\nSpeculation_Store_Bypass:\tvulnerable\n"u8)
            .Append("SpeculationIndirectBranch:\tconditional enabled\n"u8);
    }
}
