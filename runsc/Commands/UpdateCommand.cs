using System.Globalization;
using Sandbox.Linux;
using Sandbox.Runsc.Cgroups;
using Sandbox.Runsc.CommandLine;
using Sandbox.Runsc.Spec;
using Sandbox.Runsc.State;

namespace Sandbox.Runsc.Commands;

/// <summary><c>update</c>: changes the limits of a container's cgroups.</summary>
internal static class UpdateCommand
{
    public static Command Definition { get; } = new()
    {
        Name = "update",
        Usage = "CONTAINER",
        Summary = "change a container's resource limits",
        Flags =
        [
            new("resources", FlagKind.Value, "file with the limits as JSON, or - for standard input", Short: "r"),
            new("memory", FlagKind.Value, "bytes of memory"),
            new("memory-swap", FlagKind.Value, "bytes of memory and swap together"),
            new("memory-reservation", FlagKind.Value, "bytes of memory it is left with under pressure"),
            new("cpu-share", FlagKind.Value, "relative weight"),
            new("cpu-quota", FlagKind.Value, "microseconds of CPU time in a period"),
            new("cpu-period", FlagKind.Value, "microseconds of a period"),
            new("cpuset-cpus", FlagKind.Value, "CPUs it may use"),
            new("cpuset-mems", FlagKind.Value, "memory nodes it may use"),
            new("pids-limit", FlagKind.Value, "how many tasks it may have"),
            new("blkio-weight", FlagKind.Value, "relative weight of block I/O"),
        ],
        Run = Run,
    };

    private static int Run(GlobalOptions options, Arguments arguments)
    {
        string id = arguments.Single("the container's id");
        ResourcesSpec resources = arguments.Get("resources") is { } file
            ? SpecReader.ParseResources(file == "-" ? ReadStandardInput() : SpecReader.ReadBytes(file), "resources")
            : FromFlags(arguments);
        // The limit is kept inside the sandbox, which has no call to change it yet: saying yes would be a lie.
        if (resources.Pids?.Limit is { } and not 0)
            throw new Failure("update: pids limit: cannot be changed while the container runs");
        using ContainerDirectory directory = new StateDirectory(options.Root).Open(id);
        ContainerState state = directory.Load();
        if (ContainerLife.Status(state) == "stopped")
            throw new Failure("container not running");
        CgroupSet.Update(state, resources);
        return 0;
    }

    private static ResourcesSpec FromFlags(Arguments arguments) => new()
    {
        Memory = new MemorySpec
        {
            Limit = Number(arguments, "memory"),
            Swap = Number(arguments, "memory-swap"),
            Reservation = Number(arguments, "memory-reservation"),
        },
        Cpu = new CpuSpec
        {
            Shares = (ulong?)Number(arguments, "cpu-share"),
            Quota = Number(arguments, "cpu-quota"),
            Period = (ulong?)Number(arguments, "cpu-period"),
            Cpus = arguments.Get("cpuset-cpus"),
            Mems = arguments.Get("cpuset-mems"),
        },
        Pids = new PidsSpec { Limit = Number(arguments, "pids-limit") },
        BlockIO = new BlockIOSpec { Weight = (ushort?)Number(arguments, "blkio-weight") },
    };

    private static long? Number(Arguments arguments, string flag)
    {
        if (arguments.Get(flag) is not { } text)
            return null;
        return long.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out long number)
            ? number
            : throw new Failure($"update: --{flag}: \"{text}\" is not a number");
    }

    private static byte[] ReadStandardInput()
    {
        const int bytesMax = 1 << 20;
        byte[] buffer = new byte[bytesMax];
        int length = 0;
        while (length < bytesMax && !HostFile.Read(0, buffer.AsSpan(length)).Failed(out int count, out _) && count > 0)
            length += count;
        return buffer[..length];
    }
}
