using Sandbox.Linux;
using Sandbox.Sentry.Filesystems.Proc.Global;
using Sandbox.Sentry.Kernel;
using Sandbox.Sentry.Vfs;

namespace Sandbox.Sentry.Filesystems.Sys;

/// <summary>What a container sees of cgroups: itself as the root, without limits to change (cgroups(7)).</summary>
internal static class CgroupTree
{
    public static void Fill(StaticFileSystem files, Kernel.Kernel kernel)
    {
        ReadOnlySpan<(string Name, string Value)> constants =
        [
            ("cgroup.controllers", "cpu memory pids"), ("cgroup.subtree_control", ""), ("cgroup.type", "domain"),
            ("cgroup.max.depth", "max"), ("cgroup.max.descendants", "max"), ("cgroup.freeze", "0"),
            ("cgroup.events", "populated 1\nfrozen 0"), ("cgroup.stat", "nr_descendants 0\nnr_dying_descendants 0"),
            ("memory.max", "max"), ("memory.high", "max"), ("memory.low", "0"), ("memory.min", "0"),
            ("memory.swap.max", "max"), ("memory.swap.current", "0"), ("memory.events", "low 0\nhigh 0\nmax 0\noom 0\noom_kill 0"),
            ("cpu.max", "max 100000"), ("cpu.weight", "100"), ("pids.max", "max"),
        ];
        foreach ((string name, string value) in constants)
            files.AddText(name, value + "\n");
        files.AddFile("memory.current", new TextFile(files, (_, text) => Line(text, SandboxMemory.Measure(kernel).Used)));
        files.AddFile("memory.stat", new TextFile(files, (_, text) =>
        {
            SandboxMemory memory = SandboxMemory.Measure(kernel);
            text.Append("anon "u8).Append(memory.Anonymous).Append("\nfile "u8).Append(memory.File)
                .Append("\nshmem "u8).Append(memory.Shared).Append((byte)'\n');
            return Errno.Ok;
        }));
        files.AddFile("pids.current", new TextFile(files, (_, text) =>
        {
            using (kernel.Tree.Enter())
                return Line(text, kernel.TaskCount);
        }));
        files.AddFile("cgroup.procs", new TextFile(files, (caller, text) =>
        {
            if (caller is not Task task)
                return Errno.ENOENT;
            using (kernel.Tree.Enter())
            {
                foreach (KeyValuePair<int, Pid> entry in task.PidNamespace.Pids)
                {
                    if (entry.Value.ThreadGroup is { IsZombie: false })
                        text.Append(entry.Key).Append((byte)'\n');
                }
            }

            return Errno.Ok;
        }));
    }

    private static Errno Line(ByteBuilder text, long value)
    {
        text.Append(value).Append((byte)'\n');
        return Errno.Ok;
    }
}
