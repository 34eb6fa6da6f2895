using System.Globalization;
using System.Text;
using Sandbox.Linux;

namespace Sandbox.Platform.Notify;

/// <summary>Files below the procfs of the Sentry's own pid namespace, read through a directory descriptor.</summary>
internal sealed class ProcFiles(int directoryFd)
{
    private const int ChunkBytes = 64 << 10, MaxBytes = 64 << 20;

    /// <summary>The content of <c>PID/name</c>. ENOENT, ESRCH; EFBIG above 64 MiB.</summary>
    public Result<byte[]> Read(int pid, ReadOnlySpan<byte> name)
    {
        string path = string.Create(CultureInfo.InvariantCulture, $"{pid}/{Encoding.ASCII.GetString(name)}");
        if (HostFile.OpenAt(directoryFd, Encoding.ASCII.GetBytes(path), OpenFlags.ReadOnly | OpenFlags.CloseOnExec)
            .Failed(out int fd, out Errno error))
        {
            return error;
        }
        using HostFd file = new(fd);
        byte[] buffer = new byte[ChunkBytes];
        int length = 0;
        while (true)
        {
            if (length == buffer.Length)
            {
                if (length >= MaxBytes)
                    return Errno.EFBIG;
                Array.Resize(ref buffer, length * 2);
            }
            if (HostFile.Read(fd, buffer.AsSpan(length)).Failed(out int count, out error))
                return error;
            if (count == 0)
                return buffer[..length];
            length += count;
        }
    }
}
