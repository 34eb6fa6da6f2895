using Sandbox.Linux;
using Sandbox.Sentry.Vfs;

namespace Sandbox.Sentry.Filesystems.Proc.Tasks;

/// <summary>
/// /proc/PID/attr: labels of a security module (proc_pid_attr(5)). There is none here, and so, as on a Linux without
/// one, the files are there and answer EINVAL to read and write.
/// </summary>
internal static class SecurityAttributes
{
    private const uint Writable = 0x1B6, ReadOnly = 0x124; // 0666, 0444.

    private static readonly (string Name, uint Permissions)[] _files =
    [
        ("current", Writable), ("prev", ReadOnly), ("exec", Writable), ("fscreate", Writable), ("keycreate", Writable),
        ("sockcreate", Writable),
    ];

    public static Inode MakeDirectory(ProcTask target)
    {
        StaticDirectory directory = new(target.Proc);
        foreach ((string name, uint permissions) in _files)
            directory.Add(name, new ProcTaskTextFile(
                target, static (_, _, _) => Errno.EINVAL, null, permissions, isPrivate: false));
        return directory;
    }
}
