using System.Buffers.Text;
using Sandbox.Platform;
using Sandbox.Sentry.Kernel;
using Sandbox.Sentry.Memory;

namespace Sandbox.Sentry.Filesystems.Proc.Global;

/// <summary>Memory of the whole sandbox in bytes, as sysinfo(2), /proc/meminfo and free(1) see it.</summary>
internal readonly record struct SandboxMemory(long Total, long Anonymous, long File, long Shared, long Kernel)
{
    private const long PageBytes = 4096;

    public long Used => Math.Min(Total, Anonymous + Shared + Kernel);

    /// <summary>What programs could still have: pages of files would make room.</summary>
    public long Available => Math.Max(0, Total - Used);

    public long Free => Math.Max(0, Total - Used - File);

    /// <summary>Counts what all address spaces have resident. Reads files of the host: without Tree held.</summary>
    public static SandboxMemory Measure(Kernel.Kernel kernel)
    {
        HashSet<IAddressSpace> spaces = [];
        using (kernel.Tree.Enter())
        {
            foreach (KeyValuePair<int, Pid> entry in kernel.RootPids.Pids)
            {
                if (entry.Value.Task is { IsExited: false } task)
                    spaces.Add(task.GuestMemory.Space);
            }
        }

        long anonymous = 0, file = 0;
        foreach (IAddressSpace space in spaces)
        {
            if (space.ReadProcFile("statm"u8).Failed(out byte[]? statm, out _))
                continue;
            long resident = Number(statm, 1), shared = Number(statm, 2);
            anonymous += (resident - shared) * PageBytes;
            file += shared * PageBytes;
        }

        return new SandboxMemory(
            kernel.Host.MemoryBytes, anonymous, file, MemoryUsage.Get(MemoryKind.Shared), MemoryUsage.Get(MemoryKind.Kernel));
    }

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
