using System.Text;
using Sandbox.Platform;
using Sandbox.Sentry.Kernel.Containers;
using Sandbox.Sentry.Kernel.Namespaces;
using Sandbox.Sentry.Kernel.Processes;

namespace Sandbox.Sentry.Control;

/// <summary>Describes what a guest thread does, for <c>runsc debug</c>.</summary>
internal static class TaskListing
{
    /// <summary>All of a container's. No lock is held.</summary>
    public static void List(Kernel.Kernel kernel, Container container, bool withStacks, List<TaskEntry> tasks)
    {
        List<Kernel.Tasks.Task> found = [];
        using (kernel.Tree.Enter())
        {
            foreach (ThreadGroup group in ContainerProcesses.Of(kernel, container))
                found.AddRange(group.Tasks);
        }

        foreach (Kernel.Tasks.Task task in found)
            tasks.Add(Describe(kernel, task, container.Namespaces!.PidForChildren, withStacks));
    }

    /// <summary>No lock is held. With stacks a thread that runs guest code is brought in for a moment.</summary>
    private static TaskEntry Describe(
        Kernel.Kernel kernel, Kernel.Tasks.Task task, PidNamespace viewer, bool withStacks)
    {
        int call = task.SyscallNumber;
        TaskEntry entry = new()
        {
            Process = task.Group.Id.In(viewer),
            Thread = task.Id.In(viewer),
            Name = Encoding.UTF8.GetString(task.Name),
            State = task.IsStopped ? "T" : call >= 0 ? "S" : "R",
            Channel = task.WaitChannel,
        };
        if (call >= 0)
        {
            // The thread stands still as long as the call lasts; if it has ended meanwhile these are another call's.
            SyscallArguments arguments = task.Thread.Syscall;
            entry.Syscall = kernel.Syscalls.NameOf(call);
            entry.Arguments = [arguments.A0, arguments.A1, arguments.A2, arguments.A3, arguments.A4, arguments.A5];
        }

        if (withStacks)
            entry.Stack = GuestStack.Describe(task);
        return entry;
    }
}
