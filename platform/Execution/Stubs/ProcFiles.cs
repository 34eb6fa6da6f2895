using System.Buffers;
using System.Buffers.Text;
using Sandbox.Linux;

namespace Sandbox.Platform.Stubs;

/// <summary>Files below the procfs of the Sentry's own pid namespace, read through a directory descriptor.</summary>
internal sealed class ProcFiles(int directoryFd)
{
    private const int ChunkBytes = 4 << 10, MaxBytes = 64 << 20; // Most are small, and read at each exit.
    private const int MaxNameBytes = 128;

    /// <summary>Where proc_pid_stat(5) has the processor time in user mode.</summary>
    public const int StatUserTime = 14;

    /// <summary>The content of <c>PID/name</c>. ENOENT, ESRCH; EFBIG above 64 MiB.</summary>
    public Result<byte[]> Read(int pid, ReadOnlySpan<byte> name)
    {
        if (Open(pid, name).Failed(out int fd, out Errno error))
            return error;
        using HostFd file = new(fd);
        byte[] buffer = ArrayPool<byte>.Shared.Rent(ChunkBytes);
        try
        {
            return ReadAll(fd, ref buffer);
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    /// <summary>Bytes of <c>PID/name</c> from an offset on; short at its end. ENOENT, ESRCH, EINVAL.</summary>
    public Result<int> ReadAt(int pid, ReadOnlySpan<byte> name, long offset, Span<byte> destination)
    {
        if (Open(pid, name).Failed(out int fd, out Errno error))
            return error;
        using HostFd file = new(fd);
        return HostFile.ReadAt(fd, destination, offset);
    }

    /// <summary>The first bytes of <c>PID/name</c>, as many as fit. ENOENT, ESRCH.</summary>
    public Result<int> ReadStart(int pid, ReadOnlySpan<byte> name, Span<byte> buffer)
    {
        if (Open(pid, name).Failed(out int fd, out Errno error))
            return error;
        Result<int> result = HostFile.Read(fd, buffer);
        HostFile.Close(fd);
        return result;
    }

    /// <summary>
    /// Processor time that a process has used in user mode, in the host's ticks; 0 if it is gone.
    /// </summary>
    public long UserTicks(int pid)
    {
        Span<byte> buffer = stackalloc byte[1024];
        return ReadStart(pid, "stat"u8, buffer).Failed(out int length, out _)
            ? 0
            : NumberAt(buffer[..length], StatUserTime);
    }

    /// <summary>A field of /proc/PID/stat by its number in proc_pid_stat(5), above 2.</summary>
    public static long NumberAt(ReadOnlySpan<byte> stat, int field)
    {
        const int first = 3; // Behind the name, which may hold anything.
        ReadOnlySpan<byte> rest = stat[(stat.LastIndexOf((byte)')') + 1)..].TrimStart((byte)' ');
        for (int skipped = first; skipped < field; skipped++)
            rest = rest[(rest.IndexOf((byte)' ') + 1)..];
        return Utf8Parser.TryParse(rest, out long value, out _) ? value : 0;
    }

    private static Result<byte[]> ReadAll(int fd, ref byte[] buffer)
    {
        int length = 0;
        while (true)
        {
            if (length == buffer.Length)
            {
                if (length >= MaxBytes)
                    return Errno.EFBIG;
                byte[] larger = ArrayPool<byte>.Shared.Rent(length * 2);
                buffer.CopyTo(larger, 0);
                ArrayPool<byte>.Shared.Return(buffer);
                buffer = larger;
            }

            if (HostFile.Read(fd, buffer.AsSpan(length)).Failed(out int count, out Errno error))
                return error;
            if (count == 0)
                return buffer[..length];
            length += count;
        }
    }

    /// <summary>
    /// The mapping that contains an address, without its name where the kernel can be asked for one (Linux 6.11).
    /// EFAULT if nothing, or the stub, is mapped there.
    /// </summary>
    public Result<HostMapping> FindMapping(int pid, ulong address)
    {
        if (Open(pid, "maps"u8).Failed(out int fd, out Errno error))
            return error;
        using HostFd file = new(fd);
        if (HostProcess.QueryMapping(fd, address).Failed(out HostProcess.Mapping mapping, out error))
        {
            if (error is Errno.ENOENT)
                return Errno.EFAULT;
            return Read(pid, "maps"u8).Failed(out byte[]? maps, out error) ? error : MapsParser.Find(maps, address);
        }

        if (StubLayout.IsInWindow(mapping.Start))
            return Errno.EFAULT;
        const uint read = 1, write = 2, execute = 4, shared = 8;
        MemoryProtection protection = (MemoryProtection)(mapping.Flags & (read | write | execute));
        return new HostMapping(
            mapping.Start, mapping.End, protection, (mapping.Flags & shared) != 0, mapping.Offset,
            MapsParser.DeviceNumber(mapping.DeviceMajor, mapping.DeviceMinor), mapping.Inode, "");
    }

    private Result<int> Open(int pid, ReadOnlySpan<byte> name)
    {
        Span<byte> path = stackalloc byte[MaxNameBytes];
        if (!Utf8Formatter.TryFormat(pid, path, out int digits) || digits + 1 + name.Length > path.Length)
            return Errno.ENAMETOOLONG;
        path[digits] = (byte)'/';
        name.CopyTo(path[(digits + 1)..]);
        return HostFile.OpenAt(
            directoryFd, path[..(digits + 1 + name.Length)], OpenFlags.ReadOnly | OpenFlags.CloseOnExec);
    }
}
