using Sandbox.Runsc.CommandLine;
using Sandbox.Runsc.Commands;
using Xunit;

namespace Sandbox.UnitTests.Runsc;

/// <summary>Command lines as callers write them.</summary>
public sealed class ArgumentsTests
{
    private static readonly Flag[] _flags =
    [
        new("bundle", FlagKind.Value, "a directory", Short: "b"),
        new("detach", FlagKind.Switch, "a switch", Short: "d"),
        new("env", FlagKind.Values, "a list", Short: "e"),
        new("preserve-fds", FlagKind.Value, "a number"),
    ];

    private static Arguments Parse(int positionalBeforeRest, params string[] arguments) =>
        Arguments.Parse("test", _flags, arguments, positionalBeforeRest);

    [Theory]
    [InlineData("--bundle", "/b")]
    [InlineData("-bundle", "/b")]
    [InlineData("-b", "/b")]
    [InlineData("--bundle=/b", null)]
    [InlineData("-bundle=/b", null)]
    [InlineData("-b=/b", null)]
    public void A_value_comes_with_one_dash_or_two_behind_an_equals_sign_or_a_space(string flag, string? value)
    {
        Arguments arguments = Parse(int.MaxValue, value is null ? [flag, "id"] : [flag, value, "id"]);
        Assert.Equal("/b", arguments.Get("bundle"));
        Assert.Equal("id", arguments.Single("the id"));
    }

    [Fact]
    public void Flags_may_stand_behind_the_id_unless_a_command_follows()
    {
        Assert.True(Parse(int.MaxValue, "id", "--detach").Has("detach"));
        Arguments exec = Parse(1, "-e", "A=1", "-e", "B=2", "id", "ls", "-d", "--", "x");
        Assert.False(exec.Has("detach"));
        Assert.Equal(["id", "ls", "-d", "--", "x"], exec.Positional);
        Assert.Equal(["A=1", "B=2"], exec.GetAll("env"));
    }

    [Fact]
    public void A_switch_can_be_turned_off_and_a_repeated_flag_takes_its_last_value()
    {
        Assert.False(Parse(int.MaxValue, "--detach=false").Has("detach"));
        Assert.Equal("2", Parse(int.MaxValue, "-b", "1", "-b", "2").Get("bundle"));
    }

    [Fact]
    public void A_dash_and_a_negative_number_are_no_flags() =>
        Assert.Equal(["-", "id", "-9"], Parse(int.MaxValue, "-", "id", "-9").Positional);

    [Theory]
    [InlineData("--nothing")]
    [InlineData("--bundle")]
    public void What_is_unknown_or_has_no_value_is_refused_by_name(string flag) =>
        Assert.Contains(
            flag, Assert.Throws<Failure>(() => Parse(int.MaxValue, flag)).Message, StringComparison.Ordinal);

    [Fact]
    public void A_number_must_be_one() =>
        Assert.Throws<Failure>(() => Parse(int.MaxValue, "--preserve-fds", "many").GetNumber("preserve-fds", 0));

    [Theory]
    [InlineData("15", 15)]
    [InlineData("TERM", 15)]
    [InlineData("SIGTERM", 15)]
    [InlineData("sigkill", 9)]
    [InlineData("-9", 9)]
    [InlineData("0", 0)]
    [InlineData("RTMIN", 34)]
    [InlineData("SYS", 31)]
    [InlineData("65", -1)]
    [InlineData("NOPE", -1)]
    public void Signals_have_numbers_and_names(string text, int number) =>
        Assert.Equal(number, KillCommand.ParseSignal(text));
}
