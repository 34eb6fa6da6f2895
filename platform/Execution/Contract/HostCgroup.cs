using System.Buffers.Text;
using Sandbox.Linux;

namespace Sandbox.Platform;

/// <summary>
/// The host's cgroups of one container, as control files the Sentry was given: stubs are put into them, so that the
/// host charges what guests use to their container, and its OOM killer finds them (cgroups(7)). Takes the descriptors.
/// </summary>
public sealed class HostCgroup : IDisposable
{
    private readonly List<HostFd> _procs = [];
    private readonly Dictionary<string, HostFd> _files = [];

    /// <summary>Files by what they tell: see <see cref="HostCgroupFile"/>. "procs" may come several times.</summary>
    public HostCgroup(ReadOnlySpan<string> names, ReadOnlySpan<int> fds)
    {
        for (int index = 0; index < Math.Min(names.Length, fds.Length); index++)
        {
            HostFd file = new(fds[index]);
            if (names[index] == HostCgroupFile.Procs)
                _procs.Add(file);
            else if (!_files.TryAdd(names[index], file))
                file.Dispose();
        }
    }

    /// <summary>True if the host counts and limits the container's memory.</summary>
    public bool HasMemory => _files.ContainsKey(HostCgroupFile.MemoryUsage);

    /// <summary>Moves a process in, before it has memory worth counting. What it forks stays there.</summary>
    public Errno Enter(int processId)
    {
        Span<byte> text = stackalloc byte[16];
        Utf8Formatter.TryFormat(processId, text, out int length);
        foreach (HostFd file in _procs)
        {
            if (HostFile.WriteAt(file.Number, text[..length], 0).Failed(out _, out Errno error))
                return error;
        }

        return Errno.Ok;
    }

    /// <summary>Bytes charged to the container; -1 if the host does not count them.</summary>
    public long MemoryUsage => ReadNumber(HostCgroupFile.MemoryUsage);

    /// <summary>The first number of a file, -1 if there is none.</summary>
    public long ReadNumber(string name) =>
        Utf8Parser.TryParse(ReadText(name), out long value, out _) ? value : -1;

    /// <summary>The number after a key in a file of "key value" lines, 0 if there is none.</summary>
    public long ReadNumber(string name, ReadOnlySpan<byte> key)
    {
        ReadOnlySpan<byte> text = ReadText(name);
        foreach (Range range in text.Split((byte)'\n'))
        {
            ReadOnlySpan<byte> line = text[range];
            if (line.Length > key.Length && line.StartsWith(key) && line[key.Length] == (byte)' ')
                return Utf8Parser.TryParse(line[(key.Length + 1)..], out long value, out _) ? value : 0;
        }

        return 0;
    }

    /// <summary>A file's text; empty if it was not given.</summary>
    public byte[] ReadText(string name)
    {
        const int bytesMax = 8192;
        if (!_files.TryGetValue(name, out HostFd? file))
            return [];
        byte[] buffer = new byte[bytesMax];
        return HostFile.ReadAt(file.Number, buffer, 0).Failed(out int count, out _) ? [] : buffer[..count];
    }

    /// <summary>Sets a limit. ENOENT if the file was not given.</summary>
    public Errno Write(string name, long value)
    {
        if (!_files.TryGetValue(name, out HostFd? file))
            return Errno.ENOENT;
        Span<byte> text = stackalloc byte[24];
        Utf8Formatter.TryFormat(value, text, out int length);
        return HostFile.WriteAt(file.Number, text[..length], 0).Error;
    }

    public void Dispose()
    {
        foreach (HostFd file in _procs)
            file.Dispose();
        foreach (HostFd file in _files.Values)
            file.Dispose();
    }
}

/// <summary>What the files of a <see cref="HostCgroup"/> are, whatever version 1 or 2 calls them.</summary>
public static class HostCgroupFile
{
    /// <summary>cgroup.procs of a hierarchy in which the stubs are not where the Sentry is.</summary>
    public const string Procs = "procs";

    /// <summary>memory.usage_in_bytes, memory.current.</summary>
    public const string MemoryUsage = "memory.usage";

    /// <summary>memory.limit_in_bytes, memory.max.</summary>
    public const string MemoryLimit = "memory.limit";

    /// <summary>memory.stat.</summary>
    public const string MemoryStat = "memory.stat";

    /// <summary>memory.oom_control, memory.events: a line "oom_kill N" counts processes that the host killed.</summary>
    public const string MemoryEvents = "memory.events";

    /// <summary>cpu.stat: throttling.</summary>
    public const string CpuStat = "cpu.stat";
}
