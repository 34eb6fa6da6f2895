using System.Globalization;
using System.Text;
using Sandbox.Linux;
using Sandbox.Sentry.Loader;
using Sandbox.Sentry.Security;
using Sandbox.Sentry.Vfs;

namespace Sandbox.Sentry.Control;

/// <summary>
/// HOME of a process started from outside whose environment has none: the one in the container's /etc/passwd,
/// as under runc.
/// </summary>
internal static class HomeVariable
{
    private const int PasswdBytesMax = 64 << 10;

    /// <summary>The environment, with HOME.</summary>
    public static string[] AddTo(string[] environment, FsContext fs, Credentials credentials)
    {
        foreach (string variable in environment)
        {
            if (variable.StartsWith("HOME=", StringComparison.Ordinal))
                return environment;
        }

        return [.. environment, "HOME=" + DirectoryOf(credentials.UserId, ReadPasswd(fs, credentials))];
    }

    /// <summary>Field 6 of the user's line (passwd(5)), or "/".</summary>
    public static string DirectoryOf(uint user, string passwd)
    {
        const int id = 2, directory = 5;
        string number = user.ToString(CultureInfo.InvariantCulture);
        foreach (string line in passwd.Split('\n'))
        {
            string[] fields = line.Split(':');
            if (fields.Length > directory && fields[id] == number && fields[directory].StartsWith('/'))
                return fields[directory];
        }

        return "/";
    }

    private static string ReadPasswd(FsContext fs, Credentials credentials)
    {
        BootCaller caller = new(credentials with { Effective = CapabilitySet.Full, FileSystemUserId = 0 }, fs);
        if (PathWalk.Resolve(caller, fs.Root, "/etc/passwd"u8, follow: true).Failed(out VfsPath place, out _)
            || !place.Inode.IsRegular // A FIFO's writer would be waited for.
            || place.Inode.Open(place, OpenFlags.ReadOnly, caller).Failed(out OpenFile? file, out _))
        {
            return string.Empty;
        }

        byte[] bytes = new byte[PasswdBytesMax];
        int length = 0;
        while (length < bytes.Length && !file.ReadAt(bytes.AsSpan(length), length).Failed(out int count, out _)
            && count > 0)
            length += count;
        file.Release();
        return Encoding.UTF8.GetString(bytes, 0, length);
    }
}
