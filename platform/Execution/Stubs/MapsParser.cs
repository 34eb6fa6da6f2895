using System.Buffers.Text;
using System.Text;
using Sandbox.Linux;

namespace Sandbox.Platform.Stubs;

/// <summary>Reads /proc/PID/maps (proc_pid_maps(5)): "start-end rwxp offset major:minor inode   name".</summary>
internal static class MapsParser
{
    /// <summary>
    /// The mapping with <paramref name="address"/>; EFAULT if there is none outside the stub's window.
    /// </summary>
    public static Result<HostMapping> Find(ReadOnlySpan<byte> maps, ulong address)
    {
        while (TryTakeLine(ref maps, out ReadOnlySpan<byte> line))
        {
            if (TryParse(line, out HostMapping mapping) && address >= mapping.Start && address < mapping.End)
                return IsStub(mapping) ? Errno.EFAULT : mapping;
        }

        return Errno.EFAULT;
    }

    public static void List(ReadOnlySpan<byte> maps, List<HostMapping> mappings)
    {
        while (TryTakeLine(ref maps, out ReadOnlySpan<byte> line))
        {
            if (TryParse(line, out HostMapping mapping) && !IsStub(mapping))
                mappings.Add(mapping);
        }
    }

    /// <summary>st_dev (makedev(3)).</summary>
    public static ulong DeviceNumber(ulong major, ulong minor) =>
        (minor & 0xFF) | ((major & 0xFFF) << 8) | ((minor & ~0xFFul) << 12) | ((major & ~0xFFFul) << 32);

    private static bool IsStub(in HostMapping mapping) => StubLayout.IsInWindow(mapping.Start);

    private static bool TryTakeLine(ref ReadOnlySpan<byte> text, out ReadOnlySpan<byte> line)
    {
        int end = text.IndexOf((byte)'\n');
        if (end < 0)
        {
            line = default;
            return false;
        }

        line = text[..end];
        text = text[(end + 1)..];
        return true;
    }

    private static bool TryParse(ReadOnlySpan<byte> line, out HostMapping mapping)
    {
        mapping = default;
        if (!TryHex(ref line, (byte)'-', out ulong start) || !TryHex(ref line, (byte)' ', out ulong end)
            || line.Length < 5)
            return false;
        MemoryProtection protection = (line[0] == 'r' ? MemoryProtection.Read : 0)
            | (line[1] == 'w' ? MemoryProtection.Write : 0) | (line[2] == 'x' ? MemoryProtection.Execute : 0);
        bool isShared = line[3] == 's';
        line = line[5..];
        if (!TryHex(ref line, (byte)' ', out ulong offset) || !TryHex(ref line, (byte)':', out ulong major)
            || !TryHex(ref line, (byte)' ', out ulong minor)
            || !Utf8Parser.TryParse(line, out ulong inode, out int used))
        {
            return false;
        }

        string name = Encoding.UTF8.GetString(line[used..].TrimStart((byte)' '));
        mapping = new HostMapping(start, end, protection, isShared, offset, DeviceNumber(major, minor), inode, name);
        return true;
    }

    private static bool TryHex(ref ReadOnlySpan<byte> text, byte separator, out ulong value)
    {
        if (!Utf8Parser.TryParse(text, out value, out int used, 'x') || used >= text.Length || text[used] != separator)
            return false;
        text = text[(used + 1)..];
        return true;
    }
}
