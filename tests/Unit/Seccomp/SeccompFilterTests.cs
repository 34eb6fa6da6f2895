using Sandbox.Linux;
using Xunit;

namespace Sandbox.UnitTests.Seccomp;

public class SeccompFilterTests
{
    private static readonly SeccompAction _other = SeccompAction.Fail(Errno.ENOSYS);

    private static uint Ask(SeccompFilterBuilder builder, int number, params ulong[] arguments) =>
        BpfInterpreter.Run(builder.Build(), number, BpfInterpreter.ArchX64, 0x1000, arguments);

    [Fact]
    public void Each_call_of_a_full_table_gets_its_own_answer()
    {
        SeccompFilterBuilder builder = new(_other, SeccompAction.Trap);
        for (int number = 0; number < 460; number += 2) // Long enough that short jumps do not reach.
            builder.Rule(
                number, SeccompAction.Fail((Errno)(1 + (number % 100))), SeccompTest.NotEqual(2, (ulong)number));
        BpfInstruction[] program = builder.Build();
        for (int number = 0; number < 470; number++)
        {
            uint expected = number % 2 == 0 && number < 460
                ? SeccompAction.Fail((Errno)(1 + (number % 100))).Value
                : _other.Value;
            Assert.Equal(
                expected, BpfInterpreter.Run(program, number, BpfInterpreter.ArchX64, 0, 0, 0, 0xFFFF_0000_0000));
            Assert.Equal(
                _other.Value, BpfInterpreter.Run(program, number, BpfInterpreter.ArchX64, 0, 0, 0, (ulong)number));
        }
    }

    [Fact]
    public void Other_architectures_and_x32_are_foreign()
    {
        SeccompFilterBuilder builder = new SeccompFilterBuilder(_other, SeccompAction.Trap).AllowAll(1);
        BpfInstruction[] program = builder.Build();
        Assert.Equal(SeccompAction.Trap.Value, BpfInterpreter.Run(program, 1, 0x40000003, 0));
        Assert.Equal(SeccompAction.Trap.Value, BpfInterpreter.Run(program, 0x40000001, BpfInterpreter.ArchX64, 0));
        Assert.Equal(SeccompAction.Allow.Value, BpfInterpreter.Run(program, 1, BpfInterpreter.ArchX64, 0));
    }

    [Theory]
    [InlineData(0x1234_0000_0010ul, true)]
    [InlineData(0x1234_0000_0011ul, false)]
    [InlineData(0x1235_0000_0010ul, false)]
    public void Equal_compares_both_halves(ulong argument, bool allowed) =>
        Expect(SeccompTest.Equal(1, 0x1234_0000_0010), argument, allowed);

    [Theory]
    [InlineData(0x1234_0000_0010ul, false)]
    [InlineData(0x1234_0000_0011ul, true)]
    [InlineData(0x1235_0000_0010ul, true)]
    public void NotEqual_needs_one_half_to_differ(ulong argument, bool allowed) =>
        Expect(SeccompTest.NotEqual(1, 0x1234_0000_0010), argument, allowed);

    [Theory]
    [InlineData(0x2_0000_0005ul, true)]
    [InlineData(0x2_0000_0006ul, false)]
    [InlineData(0x1_FFFF_FFFFul, true)]
    [InlineData(0x3_0000_0000ul, false)]
    public void AtMost_is_a_64_bit_comparison(ulong argument, bool allowed) =>
        Expect(SeccompTest.AtMost(1, 0x2_0000_0005), argument, allowed);

    [Theory]
    [InlineData(0x6FFD_FFFF_FFFFul, true)]
    [InlineData(0x6FFE_0000_0000ul, false)]
    [InlineData(0x6FFF_FFFF_FFFFul, false)]
    [InlineData(0x7000_0000_0000ul, true)]
    [InlineData(0ul, true)]
    public void HighWordOutside_excludes_a_range_of_upper_halves(ulong argument, bool allowed) =>
        Expect(SeccompTest.HighWordOutside(1, 0x6FFE, 0x6FFF), argument, allowed);

    [Theory]
    [InlineData(0xF0F0_0000_0021ul, true)]
    [InlineData(0xF0F0_0000_0031ul, false)]
    [InlineData(0x1_F0F0_0000_0021ul, false)]
    public void Masked_ignores_only_what_the_mask_leaves_out(ulong argument, bool allowed) =>
        Expect(SeccompTest.Masked(1, 0xFFFF_FFFF_0000_003F, 0xF0F0_0000_0021), argument, allowed);

    [Theory]
    [InlineData(0xDEAD_0000_0007ul, true)]
    [InlineData(8ul, false)]
    public void Int_ignores_the_upper_half(ulong argument, bool allowed) =>
        Expect(SeccompTest.Int(1, 7), argument, allowed);

    [Fact]
    public void The_first_rule_that_holds_decides_and_all_tests_of_a_rule_must_hold()
    {
        SeccompFilterBuilder builder = new SeccompFilterBuilder(_other, SeccompAction.Trap)
            .Allow(9, SeccompTest.Int(0, 1), SeccompTest.Int(1, 2))
            .Rule(9, SeccompAction.KillProcess, SeccompTest.Int(0, 1));
        Assert.Equal(SeccompAction.Allow.Value, Ask(builder, 9, 1, 2));
        Assert.Equal(SeccompAction.KillProcess.Value, Ask(builder, 9, 1, 3));
        Assert.Equal(_other.Value, Ask(builder, 9, 2, 2));
    }

    private static void Expect(SeccompTest test, ulong argument, bool allowed)
    {
        SeccompFilterBuilder builder = new SeccompFilterBuilder(_other, SeccompAction.Trap).Allow(5, test);
        Assert.Equal(allowed ? SeccompAction.Allow.Value : _other.Value, Ask(builder, 5, 77, argument));
    }
}
