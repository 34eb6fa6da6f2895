using System.Buffers.Binary;
using Sandbox.Linux;
using Sandbox.Sentry.Kernel;

namespace Sandbox.Runsc.Boot;

/// <summary>Reads what of the host shows through in the sandbox, before the Sentry locks itself in.</summary>
internal static class HostFactsReader
{
    private const ulong HardwareCapabilities = 16, HardwareCapabilities2 = 26, MinimumSignalStack = 51;

    private const ulong FsGsBaseBit = 2;

    /// <param name="cpuInfo">A descriptor of the host's /proc/cpuinfo, or -1.</param>
    /// <param name="fsGsBase">False: guests are told that the processor has no FSGSBASE.</param>
    public static HostFacts Read(int cpuInfo, bool fsGsBase)
    {
        Dictionary<ulong, ulong> vector = ReadAuxiliaryVector();
        long memory = GC.GetGCMemoryInfo().TotalAvailableMemoryBytes;
        HostSystem.TotalMemory(ref memory);
        byte[] processors = cpuInfo >= 0 ? ReadAll(cpuInfo) : [];
        // Not Environment.ProcessorCount: that is what the container's cpuset and quota leave us.
        int count = processors.AsSpan().Count("processor\t"u8);
        return new HostFacts
        {
            CpuCount = count > 0 ? count : Environment.ProcessorCount,
            MemoryBytes = memory,
            CpuInfo = processors,
            HardwareCapabilities = vector.GetValueOrDefault(HardwareCapabilities),
            HardwareCapabilities2 = vector.GetValueOrDefault(HardwareCapabilities2) & ~(fsGsBase ? 0 : FsGsBaseBit),
            MinimumSignalStackBytes = vector.GetValueOrDefault(MinimumSignalStack, 2048ul),
        };
    }

    private static Dictionary<ulong, ulong> ReadAuxiliaryVector()
    {
        const int wordBytes = 8, entryBytes = 16;
        Dictionary<ulong, ulong> entries = [];
        if (HostFile.OpenAt(HostFile.CurrentDirectory, "/proc/self/auxv"u8, OpenFlags.CloseOnExec).Failed(
            out int file, out _))
            return entries;
        byte[] vector = ReadAll(file);
        HostFile.Close(file);
        for (int at = 0; at + entryBytes <= vector.Length; at += entryBytes)
        {
            ulong type = BinaryPrimitives.ReadUInt64LittleEndian(vector.AsSpan(at));
            entries[type] = BinaryPrimitives.ReadUInt64LittleEndian(vector.AsSpan(at + wordBytes));
        }

        return entries;
    }

    private static byte[] ReadAll(int file)
    {
        const int bytesMax = 1 << 20, chunk = 16 << 10;
        byte[] content = new byte[chunk];
        int length = 0;
        while (!HostFile.Read(file, content.AsSpan(length)).Failed(out int count, out _) && count > 0)
        {
            length += count;
            if (length >= bytesMax)
                break;
            if (content.Length - length < chunk)
                Array.Resize(ref content, content.Length * 2);
        }

        return content[..length];
    }
}
