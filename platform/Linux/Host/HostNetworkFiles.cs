namespace Sandbox.Linux;

/// <summary>/proc/self/net of the host, as this process's network namespace shows it (proc_pid_net(5)).</summary>
public static class HostNetworkFiles
{
    /// <summary>A whole file ("route", "tcp"); empty if there is none.</summary>
    public static byte[] Read(ReadOnlySpan<byte> name)
    {
        const int bytesMax = 4 << 20, chunk = 16 << 10;
        Span<byte> path = stackalloc byte[64];
        ReadOnlySpan<byte> folder = "self/net/"u8;
        folder.CopyTo(path);
        name.CopyTo(path[folder.Length..]);
        if (HostSelfFds.ProcDirectory < 0
            || HostFile.OpenAt(HostSelfFds.ProcDirectory, path[..(folder.Length + name.Length)], OpenFlags.CloseOnExec)
                .Failed(out int file, out _))
        {
            return [];
        }

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

        HostFile.Close(file);
        return content[..length];
    }
}
