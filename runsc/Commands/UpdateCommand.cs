using System.Globalization;
using Sandbox.Linux;
using Sandbox.Runsc.Cgroups;
using Sandbox.Runsc.CommandLine;
using Sandbox.Runsc.Launch;
using Sandbox.Runsc.Spec;
using Sandbox.Runsc.State;
using Sandbox.Sentry.Control;

namespace Sandbox.Runsc.Commands;

/// <summary><c>update</c>: changes a container's limits, the host's and those the Sentry keeps.</summary>
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
            new("memory", FlagKind.Value, "bytes of memory, with k, m or g behind; -1 for no limit", Short: "m"),
            new("memory-swap", FlagKind.Value, "bytes of memory and swap together"),
            new("memory-reservation", FlagKind.Value, "bytes of memory it is left with under pressure"),
            new("cpu-share", FlagKind.Value, "relative weight"),
            new("cpu-shares", FlagKind.Value, "the same"),
            new("cpu-quota", FlagKind.Value, "microseconds of CPU time in a period"),
            new("cpu-period", FlagKind.Value, "microseconds of a period"),
            new("cpuset-cpus", FlagKind.Value, "CPUs it may use"),
            new("cpuset-mems", FlagKind.Value, "memory nodes it may use"),
            new("pids-limit", FlagKind.Value, "how many tasks it may have"),
            new("cpu-burst", FlagKind.Value, "microseconds of unused quota that may be saved up"),
            new("cpu-idle", FlagKind.Value, "1 to run only when nothing else does"),
            new("cpu-rt-period", FlagKind.Value, "microseconds of a real-time period"),
            new("cpu-rt-runtime", FlagKind.Value, "microseconds of real-time CPU in a period"),
            new("kernel-memory", FlagKind.Value, "accepted for runc's sake: kernels no longer have it"),
            new("kernel-memory-tcp", FlagKind.Value, "bytes of TCP buffers"),
            new("l3-cache-schema", FlagKind.Value, "refused: there is no Intel RDT"),
            new("mem-bw-schema", FlagKind.Value, "refused: there is no Intel RDT"),
            new("blkio-weight", FlagKind.Value, "relative weight of block I/O"),
        ],
        Run = Run,
    };

    private static int Run(GlobalOptions options, Arguments arguments)
    {
        string id = arguments.Single("the container's id");
        foreach (string flag in (ReadOnlySpan<string>)["l3-cache-schema", "mem-bw-schema"])
        {
            if (arguments.Has(flag))
                throw new Failure($"update: --{flag}: not supported");
        }

        ResourcesSpec resources = arguments.Get("resources") is { } file
            ? SpecReader.ParseResources(file == "-" ? ReadStandardInput() : SpecReader.ReadBytes(file), "resources")
            : FromFlags(arguments);
        LimitsDescription limits = DescriptionBuilder.Limits(resources);
        StateDirectory states = new(options.Root);
        using ContainerDirectory directory = states.Open(id);
        ContainerState state = directory.Load();
        if (ContainerLife.Status(state) == "stopped")
            throw new Failure("container not running");
        // The host's limits first: they can be refused.
        CgroupSet.Update(state, resources);
        using ControlClient client = ContainerLife.Connect(states, state);
        client.Ask(new ControlRequest { Method = ControlMethod.Update, Container = id, Limits = limits });
        return 0;
    }

    private static ResourcesSpec FromFlags(Arguments arguments) => new()
    {
        Memory = new MemorySpec
        {
            Limit = Bytes(arguments, "memory"),
            Swap = Bytes(arguments, "memory-swap"),
            Reservation = Bytes(arguments, "memory-reservation"),
            KernelTcp = Bytes(arguments, "kernel-memory-tcp"),
        },
        Cpu = new CpuSpec
        {
            Shares = (ulong?)(Number(arguments, "cpu-share") ?? Number(arguments, "cpu-shares")),
            Quota = Number(arguments, "cpu-quota"),
            Period = (ulong?)Number(arguments, "cpu-period"),
            Burst = (ulong?)Number(arguments, "cpu-burst"),
            Idle = Number(arguments, "cpu-idle"),
            RealtimePeriod = (ulong?)Number(arguments, "cpu-rt-period"),
            RealtimeRuntime = Number(arguments, "cpu-rt-runtime"),
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

    /// <summary>
    /// A number with a unit of 1024, 1024² or 1024³ behind it, in either case, and a "b" behind that if one likes.
    /// </summary>
    private static long? Bytes(Arguments arguments, string flag)
    {
        if (arguments.Get(flag) is not { } text)
            return null;
        string digits = text.TrimEnd('b', 'B', 'i');
        int shift = (digits.Length == 0 ? '0' : char.ToLowerInvariant(digits[^1])) switch
        {
            'k' => 10,
            'm' => 20,
            'g' => 30,
            't' => 40,
            _ => 0,
        };
        if (shift > 0)
            digits = digits[..^1];
        return long.TryParse(digits, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out long number)
            && number <= long.MaxValue >> shift
            ? number << shift
            : throw new Failure($"update: --{flag}: \"{text}\" is not a number of bytes");
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
