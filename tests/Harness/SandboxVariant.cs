using System.Linq;

namespace Sandbox.Harness;

/// <summary>
/// A way to start the sandbox that a guest must not be able to tell from the others. The Guest and the Hostile suite
/// run everything under each of them; a platform or a shortcut that can be switched off gets its line here.
/// </summary>
/// <param name="Name">As it stands in the name of a test.</param>
/// <param name="Flags">Global flags of runsc.</param>
public sealed record SandboxVariant(string Name, params string[] Flags)
{
    /// <summary>The sandbox as it is without any flag.</summary>
    public static SandboxVariant Default { get; } = new("sandbox");

    /// <summary>Every system call is a notification: nothing goes by shared memory.</summary>
    public static SandboxVariant WithoutShortcuts { get; } = new("sandbox-without-shortcuts", "--fast-path=false");

    /// <summary>As on a processor without FSGSBASE: where segment bases and the page of a thread matter.</summary>
    public static SandboxVariant WithoutFsGsBase { get; } = new("sandbox-without-fsgsbase", "--fsgsbase=false")
    {
        Families = ["fast", "process", "ptrace", "signal", "thread"],
    };

    /// <summary>Guests are traced.</summary>
    public static SandboxVariant Ptrace { get; } = new("sandbox-by-ptrace", "--platform=ptrace");

    public static IReadOnlyList<SandboxVariant> All { get; } = [Default, WithoutShortcuts, WithoutFsGsBase, Ptrace];

    /// <summary>
    /// The only families of guest programs (folders of tests/Guest/Programs) that run under it; null: all.
    /// </summary>
    public IReadOnlyList<string>? Families { get; init; }

    /// <summary>Whether the guest programs of this family run under it.</summary>
    public bool Takes(string family) => Families is null || Families.Contains(family);

    /// <summary>The variant of this name.</summary>
    public static SandboxVariant Named(string name) => All.Single(variant => variant.Name == name);

    public override string ToString() => Name;
}
