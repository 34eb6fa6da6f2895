using Sandbox.Linux;
using System.Buffers.Text;
using Sandbox.Platform;
using Sandbox.Sentry.Kernel.Namespaces;
using Sandbox.Sentry.Memory;

namespace Sandbox.Sentry.Kernel.Containers;

/// <summary>
/// Memory of a container in bytes, as sysinfo(2), /proc/meminfo, free(1), its cgroup and its operator see it.
/// </summary>
/// <param name="Total">Its limit, or what the host has.</param>
/// <param name="Used">All of it that something would have to be given up for.</param>
/// <param name="Anonymous">Resident memory of its processes that is no file.</param>
/// <param name="Mapped">Resident pages of files in its processes.</param>
/// <param name="Files">Files in memory.</param>
/// <param name="Kernel">Buffers and kernel objects the Sentry holds for it.</param>
internal readonly record struct ContainerMemory(
    long Total, long Used, long Anonymous, long Mapped, long Files, long Kernel)
{
    private const long PageBytes = PageSize.Bytes;

    /// <summary>What programs could still have: pages of files would make room.</summary>
    public long Available => Math.Max(0, Total - Used);

    public long Free => Math.Max(0, Total - Used - Mapped);

    /// <summary>
    /// Counts what the container's address spaces have resident; without a container those of the whole sandbox. Reads
    /// files of the host: without Tree held.
    /// </summary>
    public static ContainerMemory Measure(Kernel kernel, Container? container)
    {
        (long anonymous, long mapped) = Resident(kernel, container);
        MemoryAccount account = container?.Memory ?? MemoryAccount.Sandbox;
        long files = account.BytesOf(MemoryKind.Files), buffers = account.Bytes - files;
        long total = Math.Min(container?.Limits.Memory ?? ContainerLimits.Unlimited, kernel.Host.MemoryBytes);
        long charged = container?.Cgroup?.MemoryUsage ?? -1;
        long used = charged >= 0 ? charged + files + buffers : anonymous + files + buffers;
        // Pages of files that several processes map are counted for each: no more can be cached than there is.
        used = Math.Min(used, total);
        return new ContainerMemory(
            total, used, anonymous, Math.Min(mapped, total - used), Math.Min(files, used), buffers);
    }

    /// <summary>Anonymous and file pages of all its address spaces, bytes.</summary>
    private static (long Anonymous, long Mapped) Resident(Kernel kernel, Container? container)
    {
        HashSet<IAddressSpace> spaces = [];
        using (kernel.Tree.Enter())
        {
            foreach (KeyValuePair<int, Pid> entry in kernel.RootPids.Pids)
            {
                if (entry.Value.Task is { IsExited: false } task
                    && (container is null || task.Namespaces.Container == container))
                    spaces.Add(task.GuestMemory.Space);
            }
        }

        long anonymous = 0, mapped = 0;
        foreach (IAddressSpace space in spaces)
        {
            (long resident, long shared) = ResidentPages(space);
            anonymous += (resident - shared) * PageBytes;
            mapped += shared * PageBytes;
        }

        return (anonymous, mapped);
    }

    /// <summary>
    /// Resident pages of an address space, and those of them that are of files. Nothing if it is gone.
    /// </summary>
    public static (long Resident, long Shared) ResidentPages(IAddressSpace space) =>
        space.ReadProcFile("statm"u8).Failed(out byte[]? statm, out _) ? default : (Number(statm, 1), Number(statm, 2));

    private static long Number(ReadOnlySpan<byte> text, int index)
    {
        for (int skipped = 0; skipped < index; skipped++)
        {
            int space = text.IndexOf((byte)' ');
            if (space < 0)
                return 0;
            text = text[(space + 1)..];
        }

        return Utf8Parser.TryParse(text, out long value, out _) ? value : 0;
    }
}
