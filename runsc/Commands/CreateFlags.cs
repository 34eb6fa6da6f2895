using Sandbox.Runsc.CommandLine;
using Sandbox.Runsc.Spec;
using Sandbox.Runsc.State;
using static Tmds.Linux.LibC;

namespace Sandbox.Runsc.Commands;

/// <summary>The flags that create and run share, and what they mean.</summary>
internal static class CreateFlags
{
    public static readonly Flag[] All =
    [
        new("bundle", FlagKind.Value, "directory with config.json", Short: "b", Default: "."),
        new("pid-file", FlagKind.Value, "file to write the container's process id to"),
        new("console-socket", FlagKind.Value, "unix socket that gets the master of the container's terminal"),
        new("preserve-fds", FlagKind.Value, "how many descriptors from 3 on the container gets", Default: "0"),
        new("no-pivot", FlagKind.Switch, "accepted for runc's sake"),
        new("no-new-keyring", FlagKind.Switch, "accepted for runc's sake"),
        new("user-log", FlagKind.Value, "accepted for other runtimes' sake"),
    ];

    /// <summary>The new container's id, its bundle's absolute path, and what config.json says there.</summary>
    public static (string Id, string Bundle, byte[] Config, Specification Specification) Read(Arguments arguments)
    {
        string id = arguments.Single("the container's id");
        StateDirectory.CheckId(id);
        string bundle = Bundle(arguments);
        byte[] config = SpecReader.ReadBytes(Path.Combine(bundle, "config.json"));
        return (id, bundle, config, SpecReader.Parse(config, "config.json"));
    }

    private static string Bundle(Arguments arguments)
    {
        string bundle = Path.GetFullPath(arguments.Get("bundle") is { Length: > 0 } given ? given : ".");
        return Directory.Exists(bundle) ? bundle : throw new Failure($"bundle {bundle}: no such file or directory");
    }

    /// <summary>--preserve-fds, each of which must be open.</summary>
    public static int PreserveFds(Arguments arguments)
    {
        const int first = 3, most = 32;
        int count = arguments.GetNumber("preserve-fds", 0);
        if (count > most)
            throw new Failure($"--preserve-fds: {count} is more than {most}");
        for (int fd = first; fd < first + count; fd++)
        {
            // What is to be closed on execution was not inherited: it is this program's own, and would be given away.
            int flags = fcntl(fd, F_GETFD);
            if (flags < 0 || (flags & FD_CLOEXEC) != 0)
                throw new Failure($"--preserve-fds: descriptor {fd} is not open");
        }

        return count;
    }

    /// <summary>Writes a process id so that nobody reads half of it.</summary>
    public static void WritePidFile(string? path, int processId)
    {
        if (path is null)
            return;
        State.ContainerDirectory.Replace(
            path, System.Text.Encoding.ASCII.GetBytes(
                processId.ToString(System.Globalization.CultureInfo.InvariantCulture)));
    }
}
