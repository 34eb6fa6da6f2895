using Sandbox.Harness;
using Sandbox.Linux;
using Xunit;
using Xunit.Sdk;

namespace Sandbox.GuestTests;

/// <summary>A kernel that guest programs run on: the host's Linux, which says what is right, or the sandbox.</summary>
/// <remarks>Both run as root with an empty, writable current directory and a /tmp.</remarks>
public sealed class GuestRunner : IXunitSerializable
{
    private static readonly TimeSpan _limit = TimeSpan.FromSeconds(60);
    private SandboxVariant? _sandbox; // null: the host's Linux

    [Obsolete("For the test framework only.", error: true)]
    public GuestRunner()
    {
    }

    private GuestRunner(SandboxVariant? sandbox) => _sandbox = sandbox;

    public static GuestRunner Linux { get; } = new((SandboxVariant?)null);

    /// <summary>All kernels: the rows of a theory.</summary>
    public static TheoryData<GuestRunner> Kernels => [.. KernelsOf(null)];

    /// <summary>The kernels that the programs of a family run on; without a family, all.</summary>
    public static IEnumerable<GuestRunner> KernelsOf(string? family)
    {
        yield return Linux;
        foreach (SandboxVariant variant in SandboxVariant.All)
        {
            if (family is null || variant.Takes(family))
                yield return new GuestRunner(variant);
        }
    }

    /// <summary>Runs a built guest; 0, or the number of its first wrong step.</summary>
    public int Run(Guest guest)
    {
        using ScratchFolder folder = new("guest");
        File.WriteAllBytes(folder["program"], guest.ToElf());
        HostResult result = Run(folder["program"]);
        if (result.IsTimedOut || result.Error.Length > 0)
            Assert.Fail(result.ToString());
        return result.Status;
    }

    /// <summary>Runs a static ELF as /program with these arguments.</summary>
    public HostResult Run(string program, params string[] arguments) => _sandbox is { } variant
        ? RunInSandbox(variant, program, arguments)
        : RunOnLinux(program, arguments);

    public override string ToString() => _sandbox?.Name ?? "linux";

    void IXunitSerializable.Deserialize(IXunitSerializationInfo info) =>
        _sandbox = info.GetValue<string>("sandbox") is { } name ? SandboxVariant.Named(name) : null;

    void IXunitSerializable.Serialize(IXunitSerializationInfo info) => info.AddValue("sandbox", _sandbox?.Name);

    private static HostResult RunOnLinux(string program, string[] arguments)
    {
        using ScratchFolder folder = new("linux");
        string copy = folder["program"];

        // By another process: a descriptor of ours, open for writing, would be inherited by what other tests start
        // meanwhile, and the program be busy.
        HostProgram.Run(["install", "-m", "755", program, copy], _limit);
        string current = folder["cwd"];
        Directory.CreateDirectory(current);
        return HostProgram.Run([copy, .. arguments], _limit, current);
    }

    private static HostResult RunInSandbox(SandboxVariant variant, string program, string[] arguments)
    {
        Assert.SkipUnless(File.Exists(Checkout.Runsc), $"there is no {Checkout.Runsc}: make publish");
        using RunscState runsc = new();
        foreach (string flag in variant.Flags)
            runsc.GlobalFlags.Add(flag);
        string root = Path.Combine(runsc.Scratch, "rootfs");
        foreach (string name in (ReadOnlySpan<string>)["cwd", "tmp", "proc", "dev", "sys", "root", "etc"])
            Directory.CreateDirectory(Path.Combine(root, name));
        File.Copy(program, Path.Combine(root, "program"));
        File.SetUnixFileMode(Path.Combine(root, "program"), (UnixFileMode)Modes.O755);
        Bundle bundle = new(Path.Combine(runsc.Scratch, "bundle"), root, ["/program", .. arguments]);
        bundle.Process["cwd"] = "/cwd";
        return runsc.RunBundle(bundle, _limit);
    }
}
