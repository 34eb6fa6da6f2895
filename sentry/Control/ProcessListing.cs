using System.Text;
using Sandbox.Linux;
using Sandbox.Sentry.Kernel.Containers;
using Sandbox.Sentry.Kernel.Namespaces;
using Sandbox.Sentry.Kernel.Processes;
using Sandbox.Sentry.Kernel.Tasks;

namespace Sandbox.Sentry.Control;

/// <summary>Describes processes for <c>runsc ps</c>.</summary>
internal static class ProcessListing
{
    /// <summary>All processes of a container, as its own pid namespace sees them.</summary>
    public static void Add(Kernel.Kernel kernel, Container container, List<ProcessEntry> processes)
    {
        PidNamespace pids = container.Namespaces!.PidForChildren;
        List<ThreadGroup> groups;
        using (kernel.Tree.Enter())
        {
            groups = ContainerProcesses.Of(kernel, container);
            foreach (ThreadGroup group in groups)
                processes.Add(Describe(group, pids));
        }

        for (int index = 0; index < groups.Count; index++)
        {
            processes[index].CpuTime = CpuTime.OfGroup(groups[index]).Total;
            AddArguments(processes[index], groups[index].Leader);
        }
    }

    /// <summary>One process as its own pid namespace sees it, without its CPU time. With Tree held.</summary>
    private static ProcessEntry Describe(ThreadGroup group, PidNamespace viewer)
    {
        long sinceStart = HostClock.Now(HostClock.Boottime) - group.StartTime;
        return new ProcessEntry
        {
            Id = group.Id.In(viewer),
            ParentId = group.Parent?.Id.In(viewer) ?? 0,
            UserId = group.Leader.Credentials.UserId,
            StartTime = (HostClock.Now(HostClock.Realtime) - sinceStart) / 1_000_000_000,
            Command = Encoding.UTF8.GetString(group.Leader.Name),
        };
    }

    /// <summary>
    /// Replaces the command's name by its arguments, from the guest's memory: whatever stands there now. Without locks;
    /// a process that has ended meanwhile keeps the name.
    /// </summary>
    private static void AddArguments(ProcessEntry entry, Kernel.Tasks.Task task)
    {
        const int bytesMax = 4096;
        GuestMemory memory = task.GuestMemory;
        if (memory.ArgumentsEnd <= memory.ArgumentsStart)
            return;
        byte[] bytes = new byte[(int)Math.Min(memory.ArgumentsEnd - memory.ArgumentsStart, bytesMax)];
        if (memory.Space.Read(new UserAddress(memory.ArgumentsStart), bytes).Failed(out int count, out _) || count == 0)
            return;
        foreach (ref byte letter in bytes.AsSpan(0, count))
        {
            const byte firstPrintable = 0x20, delete = 0x7F;
            if (letter is < firstPrintable or delete)
                letter = (byte)' '; // One line for each process, and nothing for the operator's terminal to obey.
        }

        entry.Command = Encoding.UTF8.GetString(bytes, 0, count).TrimEnd(' ');
    }
}
