using System.Globalization;
using Sandbox.Gofer.Protocol;

namespace Sandbox.Gofer;

/// <summary>One root on the command line: an inherited descriptor and what it permits.</summary>
public readonly record struct GoferRootOption(int Fd, RootFlags Flags);

/// <summary>
/// What <c>runsc gofer</c> was asked to do. Everything arrives as an inherited descriptor: the server opens no path but
/// /proc/self/fd.
/// </summary>
public sealed class GoferOptions
{
    /// <summary>
    /// Our ends of the socket pairs; each gets a thread, so their number is how many requests run at once.
    /// </summary>
    public List<int> Sockets { get; } = [];

    /// <summary>The roots; a client names them by their place here.</summary>
    public List<GoferRootOption> Roots { get; } = [];

    /// <summary>A descriptor of a mounted proc, or -1 to open /proc.</summary>
    public int ProcFd { get; private set; } = -1;

    /// <summary>
    /// Parses <c>--socket=FD</c> (once or more), <c>--root=FD:ro|rw[,dev][,uds]</c> (in the order of their indices) and
    /// <c>--proc-fd=FD</c>. Null if something is wrong, with <paramref name="problem"/> saying what.
    /// </summary>
    public static GoferOptions? Parse(ReadOnlySpan<string> arguments, out string problem)
    {
        GoferOptions options = new();
        foreach (string argument in arguments)
        {
            if (!options.Take(argument))
            {
                problem = $"bad argument \"{argument}\"";
                return null;
            }
        }

        problem = options.Sockets.Count == 0 ? "no --socket"
            : options.Roots.Count is 0 or > GoferLimits.RootsMax ? "no --root, or too many" : "";
        return problem.Length == 0 ? options : null;
    }

    /// <summary>The argument for one root, as <see cref="Parse"/> reads it.</summary>
    public static string RootArgument(int fd, RootFlags flags)
    {
        string access = (flags & RootFlags.Writable) != 0 ? "rw" : "ro";
        string devices = (flags & RootFlags.DeviceNodes) != 0 ? ",dev" : "";
        return string.Create(CultureInfo.InvariantCulture, $"--root={fd}:{access}{devices}");
    }

    private bool Take(string argument)
    {
        int equals = argument.IndexOf('=', StringComparison.Ordinal);
        if (equals < 0)
            return false;
        string value = argument[(equals + 1)..];
        switch (argument[..equals])
        {
            case "--socket" when TakeFd(value, out int socket):
                Sockets.Add(socket);
                return true;
            case "--proc-fd" when TakeFd(value, out int proc):
                ProcFd = proc;
                return true;
            case "--root":
                return TakeRoot(value);
            default:
                return false;
        }
    }

    private bool TakeRoot(string value)
    {
        int colon = value.IndexOf(':', StringComparison.Ordinal);
        if (colon < 0 || !TakeFd(value[..colon], out int fd))
            return false;
        RootFlags flags = RootFlags.None;
        foreach (string word in value[(colon + 1)..].Split(','))
        {
            switch (word)
            {
                case "ro":
                    break;
                case "rw":
                    flags |= RootFlags.Writable;
                    break;
                case "dev":
                    flags |= RootFlags.DeviceNodes;
                    break;
                default:
                    return false;
            }
        }

        Roots.Add(new GoferRootOption(fd, flags));
        return true;
    }

    private static bool TakeFd(string text, out int fd) =>
        int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out fd);
}
