using System.Buffers.Text;
using Sandbox.Linux;
using Sandbox.Platform;
using Sandbox.Sentry.Vfs;

namespace Sandbox.Sentry.Filesystems.Proc.Tasks;

/// <summary>
/// /proc/PID/maps, smaps and smaps_rollup: the host knows the mappings,
/// the guest's names for the files come from the kernel.
/// </summary>
internal static class MapsText
{
    public static Errno WriteMaps(ProcTask target, ICaller reader, ByteBuilder text)
    {
        if (target.IsZombie)
            return Errno.Ok;
        List<HostMapping> mappings = [];
        if (target.Task.GuestMemory.Space.ListMappings(mappings) != Errno.Ok)
            return Errno.Ok;
        foreach (HostMapping mapping in mappings)
            WriteHeader(target, reader, mapping, text);
        return Errno.Ok;
    }

    public static Errno WriteSmaps(ProcTask target, ICaller reader, ByteBuilder text)
    {
        if (target.IsZombie)
            return Errno.Ok;
        Dictionary<ulong, HostMapping> known = ListByStart(target);
        ReadOnlySpan<byte> rest = target.ReadHostFile("smaps"u8);
        bool isShown = false;
        while (!rest.IsEmpty)
        {
            int end = rest.IndexOf((byte)'\n');
            ReadOnlySpan<byte> line = end < 0 ? rest : rest[..(end + 1)];
            rest = end < 0 ? default : rest[(end + 1)..];
            if (!TryParseStart(line, out ulong start))
            {
                if (isShown)
                    text.Append(line);
                continue;
            }

            // Mappings that are the stub's own are not in the list.
            isShown = known.TryGetValue(start, out HostMapping mapping);
            if (isShown)
                WriteHeader(target, reader, mapping, text);
        }

        return Errno.Ok;
    }

    /// <summary>
    /// How many pages of each mapping are there, on the one memory node (numa(7), /proc/PID/numa_maps).
    /// </summary>
    public static Errno WriteNumaMaps(ProcTask target, ICaller reader, ByteBuilder text)
    {
        if (target.IsZombie)
            return Errno.Ok;
        const int pageKibibytes = 4;
        Dictionary<ulong, HostMapping> known = ListByStart(target);
        ReadOnlySpan<byte> rest = target.ReadHostFile("smaps"u8);
        bool isShown = false;
        long resident = 0;
        while (!rest.IsEmpty)
        {
            int end = rest.IndexOf((byte)'\n');
            ReadOnlySpan<byte> line = end < 0 ? rest : rest[..end];
            rest = end < 0 ? default : rest[(end + 1)..];
            if (TryParseStart(line, out ulong start))
            {
                isShown = known.TryGetValue(start, out HostMapping mapping);
                if (isShown)
                    WriteNumaHeader(target, reader, mapping, text);
            }
            else if (isShown && TryParseField(line, "Rss:"u8, out long kibibytes))
            {
                resident = kibibytes / pageKibibytes;
            }
            else if (isShown && TryParseField(line, "Anonymous:"u8, out long anonymous))
            {
                WriteNumaPages(resident, anonymous / pageKibibytes, text);
            }
        }

        return Errno.Ok;
    }

    public static Errno WriteRollup(ProcTask target, ICaller reader, ByteBuilder text)
    {
        ReadOnlySpan<byte> host = target.ReadHostFile("smaps_rollup"u8);
        int end = host.IndexOf((byte)'\n');
        if (end >= 0)
            text.Append("00400000-7fffffffe000 ---p 00000000 00:00 0                          [rollup]"u8).Append(
                host[end..]);
        return Errno.Ok;
    }

    private static void WriteNumaHeader(ProcTask target, ICaller reader, in HostMapping mapping, ByteBuilder text)
    {
        text.AppendHex(mapping.Start, 8).Append(" default"u8);
        VfsPath file = mapping.Inode == 0 ? default : target.Task.GuestMemory.FindFile(mapping);
        if (file.IsSome)
            text.Append(" file="u8).AppendEscaped(PathText.Describe(file, reader.Fs.Root), "\n\t= "u8);
        else if (mapping.HostName is "[heap]" or "[stack]")
            text.Append((byte)' ').Append(mapping.HostName.Trim('[', ']'));
    }

    private static void WriteNumaPages(long resident, long anonymous, ByteBuilder text)
    {
        if (anonymous > 0)
            text.Append(" anon="u8).Append(anonymous).Append(" dirty="u8).Append(anonymous);
        if (resident > anonymous)
            text.Append(" mapped="u8).Append(resident);
        if (resident > 0)
            text.Append(" N0="u8).Append(resident).Append(" kernelpagesize_kB=4"u8);
        text.Append((byte)'\n');
    }

    // "Rss:    4 kB".
    private static bool TryParseField(ReadOnlySpan<byte> line, ReadOnlySpan<byte> name, out long kibibytes)
    {
        kibibytes = 0;
        return line.StartsWith(name)
            && Utf8Parser.TryParse(line[name.Length..].TrimStart((byte)' '), out kibibytes, out _);
    }

    private static Dictionary<ulong, HostMapping> ListByStart(ProcTask target)
    {
        List<HostMapping> mappings = [];
        Dictionary<ulong, HostMapping> known = [];
        if (target.Task.GuestMemory.Space.ListMappings(mappings) == Errno.Ok)
        {
            foreach (HostMapping mapping in mappings)
                known[mapping.Start] = mapping;
        }

        return known;
    }

    // "7f00-7f01 r--p …" is a header; "Size: 4 kB" is not.
    private static bool TryParseStart(ReadOnlySpan<byte> line, out ulong start) =>
        Utf8Parser.TryParse(line, out start, out int used, 'x') && used > 0 && used < line.Length
            && line[used] == (byte)'-';

    private static void WriteHeader(ProcTask target, ICaller reader, in HostMapping mapping, ByteBuilder text)
    {
        VfsPath file = mapping.Inode == 0 ? default : target.Task.GuestMemory.FindFile(mapping);
        ulong device = file.IsSome ? file.Dentry.FileSystem.Device : 0;
        ulong inode = file.IsSome ? file.Inode.Number : 0;
        int before = text.Length;
        text.AppendHex(mapping.Start, 8).Append((byte)'-').AppendHex(mapping.End, 8).Append((byte)' ')
            .Append((mapping.Protection & MemoryProtection.Read) != 0 ? (byte)'r' : (byte)'-')
            .Append((mapping.Protection & MemoryProtection.Write) != 0 ? (byte)'w' : (byte)'-')
            .Append((mapping.Protection & MemoryProtection.Execute) != 0 ? (byte)'x' : (byte)'-')
            .Append(mapping.IsShared ? (byte)'s' : (byte)'p').Append((byte)' ')
            .AppendHex(mapping.Offset, 8).Append((byte)' ')
            .AppendHex(DeviceNumber.Major(device), 2).Append((byte)':').AppendHex(DeviceNumber.Minor(device), 2)
            .Append((byte)' ').Append(inode);
        if (file.IsSome || mapping.HostName.StartsWith('['))
        {
            // The name starts in column 74, as on Linux; some readers rely on it.
            for (int column = text.Length - before; column < 72; column++)
                text.Append((byte)' ');
            text.Append((byte)' ');
            if (file.IsSome)
                text.AppendEscaped(PathText.Describe(file, reader.Fs.Root), "\n"u8);
            else
                text.Append(mapping.HostName);
        }

        text.Append((byte)'\n');
    }
}
