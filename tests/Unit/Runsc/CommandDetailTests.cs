using Sandbox.Runsc.CommandLine;
using Sandbox.Runsc.Commands;
using Sandbox.Sentry.Control;
using Xunit;

namespace Sandbox.UnitTests.Runsc;

/// <summary>Small things that commands get right.</summary>
public sealed class CommandDetailTests
{
    [Theory]
    [InlineData("500ms", 500)]
    [InlineData("5s", 5000)]
    [InlineData("7", 7000)]
    [InlineData("2m", 120_000)]
    public void An_interval_has_a_unit(string text, int milliseconds) =>
        Assert.Equal(milliseconds, EventsCommand.ParseInterval(text));

    [Theory]
    [InlineData("")]
    [InlineData("0s")]
    [InlineData("-1s")]
    [InlineData("s")]
    [InlineData("5h")]
    [InlineData("99999999999m")]
    public void What_is_no_interval_is_refused(string text) =>
        Assert.Throws<Failure>(() => EventsCommand.ParseInterval(text));

    [Theory]
    [InlineData("--log=L --log-format=json list", "L", true)]
    [InlineData("--log-format json -log L --no-such-flag list", "L", true)]
    [InlineData("--root --log --log L state x", "L", false)]
    [InlineData("exec x prog --log L --log-format json", null, false)]
    [InlineData("--log", null, false)]
    public void The_log_is_found_in_wrong_command_lines_too_but_not_behind_the_command(
        string line, string? file, bool isJson) =>
        Assert.Equal((file, isJson), ErrorReport.FindLog(line.Split(' ')));

    [Theory]
    [InlineData(0u, "/root")]
    [InlineData(7u, "/home/seven")]
    [InlineData(8u, "/")]
    [InlineData(9u, "/")]
    public void A_home_is_the_users_in_passwd_or_the_root(uint user, string home) => Assert.Equal(
        home, HomeVariable.DirectoryOf(
            user, "root:x:0:0:root:/root:/bin/sh\nseven:x:7:7::/home/seven:\nbroken:x:8\nnine:x:9:9::relative:\n"));
}
