using Xunit;

namespace Sandbox.GuestTests;

/// <summary>Pipes and what waits: eventfd, timerfd, signalfd, epoll, poll, select.</summary>
public sealed class EventProgramTests : CProgramTests
{
    public static MatrixTheoryData<string, GuestRunner> Rows => Cross("pipe", "event");

    [Theory, MemberData(nameof(Rows))]
    public void Program_sees_what_Linux_shows(string program, GuestRunner kernel) => Run(program, kernel);
}
