using Sandbox.Harness;
using Xunit;

namespace Sandbox.HostileTests;

/// <summary>
/// Guests that try to break, starve or leave the sandbox, in every variant of it.
/// The host has the last word in each test.
/// </summary>
public sealed class HostileTests
{
    /// <summary>The names of all variants: the rows of a theory.</summary>
    public static IEnumerable<TheoryDataRow<string>> Variants => SandboxVariant.All.Select(
        variant => new TheoryDataRow<string>(variant.Name) { Traits = { [Kernel] = [variant.Name] } });

    public static IEnumerable<TheoryDataRow<string, string>> Floods => Each(
        "descriptors", "sockets", "processes", "threads", "mappings", "signals");

    /// <summary>Shared: with the Gofer writing to the host where others may write, too.</summary>
    public static IEnumerable<TheoryDataRow<string, string>> Accesses => Each("exclusive", "shared");

    /// <summary>First seed, seeds, calls for each, and the user that makes them.</summary>
    public static IEnumerable<TheoryDataRow<string, string>> Seeds => Each(
        "1 12 2000 0", "1000 12 2000 0", "2000 12 2000 1000", "3000 4 12000 1000");

    /// <summary>The trait that tells a row's variant, as in the Guest suite.</summary>
    private const string Kernel = "kernel";

    [Theory, MemberData(nameof(Variants))]
    public void The_platforms_own_pages_cannot_be_used_or_rewritten(string variant) => Endures(variant, "stub");

    [Theory, MemberData(nameof(Variants))]
    public void No_other_door_leads_to_a_kernel(string variant) => Endures(variant, "abi");

    [Theory, MemberData(nameof(Variants))]
    public void Arguments_may_change_under_a_call(string variant) => Endures(variant, "races");

    /// <summary>Threads that do not come when they are called end, and nobody waits for them.</summary>
    [Theory, MemberData(nameof(Variants))]
    public void Who_does_not_come_when_called_is_killed(string variant) => Endures(variant, "deaf");

    [Theory, MemberData(nameof(Variants))]
    public void What_is_lent_for_a_mapping_allows_no_more_than_the_open_file(string variant) =>
        Endures(variant, "lent");

    /// <summary>Random calls with fixed seeds: what fails once fails again.</summary>
    [Theory, MemberData(nameof(Seeds))]
    public void Random_calls_with_hurtful_arguments_do_no_harm(string variant, string seeds) =>
        Endures(variant, "fuzz", seeds.Split(' '));

    [Theory, MemberData(nameof(Floods))]
    public void A_flood_ends_at_a_limit(string variant, string kind) => Endures(variant, "floods", kind);

    /// <summary>What the Sentry keeps on its heap, or beside it, for guests.</summary>
    [Theory]
    [InlineData("pipes")]
    [InlineData("user-pipes")]
    [InlineData("sockets")]
    [InlineData("tables")]
    [InlineData("attributes")]
    [InlineData("messages")]
    [InlineData("filters")]
    [InlineData("watches")]
    [InlineData("epolls")]
    [InlineData("signals")]
    [InlineData("timers")]
    [InlineData("texts")]
    [InlineData("receivers")]
    [InlineData("flights")]
    [InlineData("accepts")]
    [InlineData("groups")]
    [InlineData("files")]
    [InlineData("mounts")]
    public void Kernel_objects_are_refused_before_there_is_no_memory(string kind) =>
        Endures(SandboxVariant.Default.Name, "charges", kind);

    [Theory, MemberData(nameof(Accesses))]
    public void No_path_leads_out_of_the_root_or_a_bind_mount(string variant, string access)
    {
        string secret = $"secret-{Guid.NewGuid():N}", outside = string.Empty;
        using Victim victim = new(
            SandboxVariant.Named(variant),
            "escape",
            bundle =>
            {
                string scratch = Path.GetDirectoryName(bundle.Folder)!;
                outside = Path.Combine(scratch, "secret");
                File.WriteAllText(outside, secret);
                Directory.CreateDirectory(Path.Combine(scratch, "shared", "inner"));
                Directory.CreateDirectory(Path.Combine(scratch, "rootfs", "shared"));
                bundle.Mounts.Add(Bundle.Mount("/shared", "bind", Path.Combine(scratch, "shared"), "bind", "rw"));
            },
            "--overlay2=none",
            $"--file-access={access}");
        victim.Attack(secret, outside, "/shared", "/tmp", "/");
        Assert.Equal(secret, File.ReadAllText(outside));
        victim.Survives();
    }

    /// <summary>Every program in Programs/ is some test's.</summary>
    [Fact]
    public void No_attack_is_forgotten()
    {
        string text = File.ReadAllText(Path.Combine(Victim.Programs, "..", "HostileTests.cs"));
        foreach (string file in Directory.GetFiles(Victim.Programs, "*.c"))
            Assert.Contains($"\"{Path.GetFileNameWithoutExtension(file)}\"", text);
    }

    private static IEnumerable<TheoryDataRow<string, string>> Each(params string[] values)
    {
        foreach (SandboxVariant variant in SandboxVariant.All)
        {
            foreach (string value in values)
            {
                yield return new TheoryDataRow<string, string>(variant.Name, value)
                {
                    Traits = { [Kernel] = [variant.Name] },
                };
            }
        }
    }

    /// <summary>Each attack in a fresh sandbox, whose root on the host stays as it was.</summary>
    private static void Endures(string variant, string program, params string[] arguments)
    {
        using Victim victim = new(SandboxVariant.Named(variant), program, null, "--overlay2=root:memory");
        string[] before = victim.FilesOnHost();
        victim.Attack(arguments);
        victim.Survives(before);
    }
}
