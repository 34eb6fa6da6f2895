using System.Text;
using Sandbox.Gofer.Protocol;
using Sandbox.Linux;
using Sandbox.Runsc.CommandLine;
using static Tmds.Linux.LibC;

namespace Sandbox.Runsc.Launch;

/// <summary>
/// The host's files a container sees: its root file system and the sources of its bind mounts, opened by the command
/// and given to the Gofer. Their indices are what the mounts name.
/// </summary>
internal sealed class HostRoots : IDisposable
{
    private readonly List<(HostFd Fd, RootFlags Flags)> _roots = [];
    private readonly bool _mayClone = geteuid() == 0;

    /// <summary>Opens a root; gives its index and whether it is something else than a directory.</summary>
    /// <param name="path">On the host, absolute.</param>
    /// <param name="field">The configuration's field, for errors.</param>
    /// <param name="flags">What the Gofer permits below it.</param>
    /// <param name="recursive">What is mounted below the path on the host shows, too.</param>
    public (int Index, bool IsFile) Open(string path, string field, RootFlags flags, bool recursive)
    {
        byte[] terminated = Encoding.UTF8.GetBytes(path + '\0');
        Errno error = Errno.EPERM;
        int fd = -1;
        // A copy of the mounts of its own: the host can then unmount and mount there as it likes.
        bool cloned = _mayClone && !HostMount.CloneTree(terminated, recursive).Failed(out fd, out error);
        if (!cloned && HostFile.OpenAt(
            HostFile.CurrentDirectory, terminated.AsSpan(..^1), OpenFlags.Path | OpenFlags.CloseOnExec)
            .Failed(out fd, out error))
        {
            throw new Failure($"config.json: {field}: {path}: {Describe(error)}");
        }

        HostFd owner = new(fd);
        _roots.Add((owner, flags));
        if (HostFile.Stat(fd).Failed(out Stat stat, out error))
            throw new Failure($"config.json: {field}: {path}: {Describe(error)}");
        return (_roots.Count - 1, stat.Type != FileType.Directory);
    }

    /// <summary>Passes all to the Gofer; the arguments that tell it so.</summary>
    public void Pass(Descriptors descriptors, List<string> arguments)
    {
        foreach ((HostFd fd, RootFlags flags) in _roots)
            arguments.Add($"--root={descriptors.Add(fd.Number)}:{Words(flags)}");
    }

    public void Dispose()
    {
        foreach ((HostFd fd, _) in _roots)
            fd.Dispose();
    }

    private static string Words(RootFlags flags) =>
        ((flags & RootFlags.Writable) != 0 ? "rw" : "ro")
            + ((flags & RootFlags.DeviceNodes) != 0 ? ",dev" : string.Empty);

    /// <summary>The C library's words for the errors callers look for.</summary>
    public static string Describe(Errno error) => error switch
    {
        Errno.ENOENT => "no such file or directory",
        Errno.EACCES => "permission denied",
        Errno.EPERM => "operation not permitted",
        Errno.ENOTDIR => "not a directory",
        _ => error.ToString(),
    };
}
