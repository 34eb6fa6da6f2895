using Sandbox.Harness;
using Xunit;

namespace Sandbox.HostileTests;

/// <summary>Guests that try to break, starve or leave the sandbox. The host has the last word in each test.</summary>
public sealed class HostileTests
{
    [Fact]
    public void The_platforms_own_pages_cannot_be_used_or_rewritten() => Endures("stub");

    [Fact]
    public void No_other_door_leads_to_a_kernel() => Endures("abi");

    [Fact]
    public void Arguments_may_change_under_a_call() => Endures("races");

    /// <summary>Random calls with fixed seeds: what fails once fails again.</summary>
    [Theory]
    [InlineData(1, 12, 2000, 0)]
    [InlineData(1000, 12, 2000, 0)]
    [InlineData(2000, 12, 2000, 1000)]
    [InlineData(3000, 4, 12000, 1000)]
    public void Random_calls_with_hurtful_arguments_do_no_harm(int seed, int seeds, int calls, int user) =>
        Endures("fuzz", seed.ToString(), seeds.ToString(), calls.ToString(), user.ToString());

    [Theory]
    [InlineData("descriptors")]
    [InlineData("sockets")]
    [InlineData("processes")]
    [InlineData("threads")]
    [InlineData("mappings")]
    [InlineData("signals")]
    public void A_flood_ends_at_a_limit(string kind) => Endures("floods", kind);

    /// <summary>With the Gofer writing to the host, both for itself and where others may write, too.</summary>
    [Theory]
    [InlineData("exclusive")]
    [InlineData("shared")]
    public void No_path_leads_out_of_the_root_or_a_bind_mount(string access)
    {
        string secret = $"secret-{Guid.NewGuid():N}", outside = string.Empty;
        using Victim victim = new(
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

    /// <summary>Each attack in a fresh sandbox, whose root on the host stays as it was.</summary>
    private static void Endures(string program, params string[] arguments)
    {
        using Victim victim = new(program, null, "--overlay2=root:memory");
        string[] before = victim.FilesOnHost();
        victim.Attack(arguments);
        victim.Survives(before);
    }
}
