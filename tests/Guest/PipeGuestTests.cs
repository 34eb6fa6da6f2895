using Sandbox.Linux;
using Xunit;

namespace Sandbox.GuestTests;

/// <summary>pipe2(2), seen from a guest; and that the guest builder itself can tell right from wrong.</summary>
public sealed class PipeGuestTests
{
    private const int NonBlock = 0x800;

    [Theory, MemberData(nameof(GuestRunner.Kernels), MemberType = typeof(GuestRunner))]
    public void Empty_pipe_is_EAGAIN_while_a_writer_is_open_and_end_of_file_after(GuestRunner kernel)
    {
        Guest guest = new();
        ulong fds = guest.Space(8);
        ulong buffer = guest.Data("hi......"u8);
        Guest.Arg reader = Guest.Arg.IntAt(fds), writer = Guest.Arg.IntAt(fds + 4);

        guest.Returns(0, Sys.pipe2, fds, NonBlock);
        guest.Fails(Errno.EAGAIN, Sys.read, reader, buffer, 8);
        guest.Returns(2, Sys.write, writer, buffer, 2);
        guest.Returns(2, Sys.read, reader, buffer + 4, 8);
        guest.Holds(buffer, "hi..hi.."u8);
        guest.Returns(0, Sys.close, writer);
        guest.Returns(0, Sys.read, reader, buffer, 8);

        Assert.Equal(0, kernel.Run(guest));
    }

    [Theory, MemberData(nameof(GuestRunner.Kernels), MemberType = typeof(GuestRunner))]
    public void Wrong_step_is_told_by_its_number(GuestRunner kernel)
    {
        Guest guest = new();
        guest.Succeeds(Sys.getpid);
        guest.Returns(0, Sys.close, 12345);

        Assert.Equal(2, kernel.Run(guest));
    }

    [Theory, MemberData(nameof(GuestRunner.Kernels), MemberType = typeof(GuestRunner))]
    public void Child_of_fork_writes_what_the_parent_reads(GuestRunner kernel)
    {
        Guest guest = new();
        ulong fds = guest.Space(8);
        ulong buffer = guest.Data("from child......"u8);
        ulong status = guest.Space(8);

        guest.Returns(0, Sys.pipe2, fds, 0);
        int fork = guest.Succeeds(Sys.fork);
        guest.InChildOf(fork, () => guest.Returns(10, Sys.write, Guest.Arg.IntAt(fds + 4), buffer, 10));
        guest.Returns(10, Sys.read, Guest.Arg.IntAt(fds), buffer + 10, 10);
        guest.Succeeds(Sys.wait4, Guest.Arg.ResultOf(fork), status, 0, 0);
        guest.HoldsLong(status, 0);
        guest.Fails(Errno.ECHILD, Sys.wait4, -1, 0, 0, 0);

        Assert.Equal(0, kernel.Run(guest));
    }
}
