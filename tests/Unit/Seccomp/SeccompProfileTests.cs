using System.Globalization;
using System.Reflection;
using System.Text;
using Sandbox.Linux;
using Sandbox.Platform;
using Sandbox.Runsc.CommandLine;
using Sandbox.Runsc.Spec;
using Sandbox.Sentry.Kernel.Seccomp;
using Xunit;

namespace Sandbox.UnitTests.Seccomp;

/// <summary>
/// "linux.seccomp" of config.json as a program, and the Sentry's verifier and interpreter of such programs.
/// </summary>
public sealed class SeccompProfileTests
{
    private const uint Allow = 0x7FFF0000, Fail = 0x50000;

    [Fact]
    public void Names_and_numbers_agree_with_the_constants()
    {
        int count = 0;
        foreach (FieldInfo field in typeof(Sys).GetFields(BindingFlags.Public | BindingFlags.Static))
        {
            int number = (int)field.GetRawConstantValue()!;
            Assert.Equal(field.Name, SyscallNames.NameOf(number));
            Assert.True(SyscallNames.TryGetNumber(field.Name, out int found));
            Assert.Equal(number, found);
            count++;
        }

        Assert.True(count > 350);
        Assert.Null(SyscallNames.NameOf(335));
        Assert.Null(SyscallNames.NameOf(-1));
    }

    [Theory]
    [InlineData("SCMP_CMP_EQ", 5, 0, 5, 6)]
    [InlineData("SCMP_CMP_EQ", 0x1_0000_0005, 0, 0x1_0000_0005, 5)]
    [InlineData("SCMP_CMP_NE", 5, 0, 0x1_0000_0005, 5)]
    [InlineData("SCMP_CMP_LT", 0x1_0000_0000, 0, 0xFFFF_FFFF, 0x1_0000_0000)]
    [InlineData("SCMP_CMP_LE", 0x1_0000_0000, 0, 0x1_0000_0000, 0x1_0000_0001)]
    [InlineData("SCMP_CMP_GT", 0x1_0000_0000, 0, 0x1_0000_0001, 0x1_0000_0000)]
    [InlineData("SCMP_CMP_GE", 0x1_0000_0000, 0, 0x1_0000_0000, 0xFFFF_FFFF)]
    [InlineData("SCMP_CMP_GE", 0xFFFF_FFFF, 0, 0x2_0000_0000, 5)]
    [InlineData("SCMP_CMP_MASKED_EQ", 0xF0, 0x20, 0x2F, 0x3F)]
    public void Operators_compare_64_bits(string op, long value, long second, long matching, long other)
    {
        SeccompProgram program = Compile(
            """
            {"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["personality"],"action":"SCMP_ACT_ERRNO","errnoRet":33,
             "args":[{"index":3,"value":VALUE,"valueTwo":SECOND,"op":"OP"}]}]}
            """.Replace("VALUE", Number(value), StringComparison.Ordinal)
            .Replace("SECOND", Number(second), StringComparison.Ordinal).Replace("OP", op, StringComparison.Ordinal));
        Assert.Equal(Fail | 33, Run(program, Sys.personality, 0, 0, 0, (ulong)matching));
        Assert.Equal(Allow, Run(program, Sys.personality, 0, 0, 0, (ulong)other));
        Assert.Equal(Allow, Run(program, Sys.getpid, 0, 0, 0, (ulong)matching));
        Assert.True(program.AlwaysAllows(Sys.getpid));
        Assert.False(program.AlwaysAllows(Sys.personality));
    }

    [Fact]
    public void Conditions_on_different_arguments_go_together_and_on_the_same_are_alternatives()
    {
        SeccompProgram program = Compile(
            """
            {"defaultAction":"SCMP_ACT_ERRNO","syscalls":[
             {"names":["socket","newer_than_us"],"action":"SCMP_ACT_ALLOW","args":[
              {"index":0,"value":1,"op":"SCMP_CMP_EQ"},{"index":1,"value":2,"op":"SCMP_CMP_EQ"}]},
             {"names":["personality"],"action":"SCMP_ACT_ALLOW","args":[
              {"index":0,"value":0,"op":"SCMP_CMP_EQ"},{"index":0,"value":8,"op":"SCMP_CMP_EQ"}]}]}
            """);
        Assert.Equal(Allow, Run(program, Sys.socket, 1, 2));
        Assert.Equal(Fail | 1, Run(program, Sys.socket, 1, 3));
        Assert.Equal(Allow, Run(program, Sys.personality, 0));
        Assert.Equal(Allow, Run(program, Sys.personality, 8));
        Assert.Equal(Fail | 1, Run(program, Sys.personality, 4));
        Assert.Equal(Fail | 1, Run(program, Sys.getpid));
    }

    [Theory]
    [InlineData("SCMP_ACT_KILL", 0u)]
    [InlineData("SCMP_ACT_KILL_THREAD", 0u)]
    [InlineData("SCMP_ACT_KILL_PROCESS", 0x80000000u)]
    [InlineData("SCMP_ACT_TRAP", 0x30000u)]
    [InlineData("SCMP_ACT_ERRNO", 0x50001u)]
    [InlineData("SCMP_ACT_TRACE", 0x7FF00001u)]
    [InlineData("SCMP_ACT_LOG", 0x7FFC0000u)]
    public void Actions_become_answers(string action, uint answer)
    {
        SeccompProgram program = Compile(
            """{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["getpid"],"action":"ACTION"}]}"""
                .Replace("ACTION", action, StringComparison.Ordinal));
        Assert.Equal(answer, Run(program, Sys.getpid));
        Assert.Equal(Allow, Run(program, Sys.gettid));
    }

    [Theory]
    [InlineData("""{"defaultAction":"SCMP_ACT_NOTIFY"}""", "SCMP_ACT_NOTIFY is not supported")]
    [InlineData("""{"defaultAction":"SCMP_ACT_WHAT"}""", "\"SCMP_ACT_WHAT\" is not an action")]
    [InlineData("""{"defaultAction":"SCMP_ACT_ALLOW","defaultErrnoRet":1}""", "errnoRet only goes with")]
    [InlineData("""{"defaultAction":"SCMP_ACT_ERRNO","defaultErrnoRet":5000}""", "5000 is not an errno")]
    [InlineData("""{"defaultAction":"SCMP_ACT_ALLOW","architectures":["SCMP_ARCH_PDP11"]}""", "\"SCMP_ARCH_PDP11\" is not an architecture")]
    [InlineData("""{"defaultAction":"SCMP_ACT_ALLOW","flags":["FAST"]}""", "\"FAST\" is not a flag")]
    [InlineData("""{"defaultAction":"SCMP_ACT_ALLOW","listenerPath":"/run/x"}""", "listenerPath: is not supported")]
    [InlineData(
        """{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["read"],"action":"SCMP_ACT_KILL","args":[{"index":6,"op":"SCMP_CMP_EQ"}]}]}""",
        "6 is not an argument")]
    [InlineData(
        """{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["read"],"action":"SCMP_ACT_KILL","args":[{"index":1,"op":"LIKE"}]}]}""",
        "\"LIKE\" is not an operator")]
    public void What_cannot_be_honoured_is_refused_by_name(string profile, string message) =>
        Assert.Contains(message, Assert.Throws<Failure>(() => Parse(profile)).Message, StringComparison.Ordinal);

    [Fact]
    public void A_profile_that_denies_nothing_costs_nothing() =>
        Assert.Null(Parse("""{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["read"],"action":"SCMP_ACT_ALLOW"}]}"""));

    [Fact]
    public void A_profile_of_hundreds_of_names_fits_and_its_calls_cost_one_bit()
    {
        StringBuilder names = new();
        for (int number = 0; number < 462; number++)
        {
            if (SyscallNames.NameOf(number) is { } name && number != Sys.mount)
                names.Append('"').Append(name).Append("\",");
        }

        SeccompProgram program = Compile(
            """{"defaultAction":"SCMP_ACT_ERRNO","architectures":["SCMP_ARCH_X86_64","SCMP_ARCH_X86"],"syscalls":[{"names":[NAMES"arm_fadvise64_64"],"action":"SCMP_ACT_ALLOW"}]}"""
                .Replace("NAMES", names.ToString(), StringComparison.Ordinal));
        SeccompState state = SeccompState.Extend(null, new SeccompFilter(program, null))!;
        Assert.True(state.AlwaysAllows(Sys.read));
        Assert.True(state.AlwaysAllows(Sys.mseal - 1));
        Assert.False(state.AlwaysAllows(Sys.mount));
        Assert.Empty(state.NotAlwaysAllowed([Sys.mmap, Sys.brk, Sys.sched_yield]));
        Assert.Equal(Fail | 1, Run(program, Sys.mount));
    }

    private static string Number(long value) => value.ToString(CultureInfo.InvariantCulture);

    private static BpfInstruction[]? Parse(string profile)
    {
        string config = """{"ociVersion":"1.0.2","process":{"args":["x"],"cwd":"/"},"root":{"path":"r"},"linux":{"seccomp":PROFILE}}"""
            .Replace("PROFILE", profile, StringComparison.Ordinal);
        Specification specification = SpecReader.Parse(Encoding.UTF8.GetBytes(config), "config.json");
        return SeccompProfile.Compile(specification.Linux!.Seccomp!, "config.json");
    }

    private static SeccompProgram Compile(string profile) =>
        SeccompProgram.Create(Parse(profile)!).Failed(out SeccompProgram? program, out Errno error)
            ? throw new InvalidOperationException(error.ToString())
            : program;

    private static uint Run(SeccompProgram program, int number, params ulong[] arguments)
    {
        ulong[] all = new ulong[6];
        arguments.CopyTo(all, 0);
        SyscallArguments call = new()
        {
            Number = number, A0 = all[0], A1 = all[1], A2 = all[2], A3 = all[3], A4 = all[4], A5 = all[5],
        };
        return program.Run(SeccompData.Of(call));
    }
}
