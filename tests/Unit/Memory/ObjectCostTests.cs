using Sandbox.Linux;
using Sandbox.Sentry.Filesystems.Event;
using Sandbox.Sentry.Filesystems.Tmp;
using Sandbox.Sentry.Kernel.Timers;
using Sandbox.Sentry.Memory;
using Sandbox.Sentry.Sockets;
using Sandbox.Sentry.Vfs;
using Sandbox.UnitTests.Filesystems;
using Xunit;

namespace Sandbox.UnitTests.Memory;

/// <summary>The prices are no lower than what objects really take of the heap.</summary>
public sealed class ObjectCostTests
{
    private const int Rounds = 400;
    private readonly FakeCaller _caller = new();
    private readonly List<object> _kept = [];

    [Fact]
    public void A_pipe_costs_what_its_ends_and_its_middle_take() =>
        Check(ObjectCost.Pipe + (2 * ObjectCost.OpenFile), _ =>
            _kept.Add(TestPipe.Create(OpenFlags.ReadOnly, _caller)));

    [Fact]
    public void A_socket_costs_what_it_takes()
    {
        NetworkStack stack = new(new TimerQueue());
        Assert.False(SocketFamilies.Of(AddressFamily.Unix, stack).Failed(out ISocketFamily? family, out _));
        Check(2 * (ObjectCost.Socket + ObjectCost.OpenFile), _ =>
        {
            family!.CreatePair(
                _caller, stack, SocketKind.Stream, 0, OpenFlags.ReadOnly, out Socket? one, out Socket? two);
            _kept.Add(one!);
            _kept.Add(two!);
        });
    }

    [Fact]
    public void A_watched_file_costs_what_an_epoll_keeps_of_it()
    {
        EpollFile epoll = new(_caller);
        (OpenFile reader, _) = TestPipe.Create(OpenFlags.ReadOnly, _caller);
        Check(ObjectCost.EpollItem, round => epoll.Add(round, reader, Sandbox.Linux.PollEvents.In, 0));
        epoll.Release();
    }

    [Fact]
    public void A_file_in_memory_costs_what_it_and_its_name_take()
    {
        Assert.False(TmpFileSystem.Create("t", "", 1L << 34).Failed(out TmpFileSystem? files, out _));
        byte[] name = new byte[250];
        Check(ObjectCost.Inode, round =>
        {
            BitConverter.TryWriteBytes(name, round);
            files!.Root.CreateFile(name, new NewInode(0x1A4, 0, 0));
        });
    }

    private static void Check(int price, Action<int> make)
    {
        make(-1);
        long before = GC.GetAllocatedBytesForCurrentThread();
        for (int round = 0; round < Rounds; round++)
            make(round);
        long each = (GC.GetAllocatedBytesForCurrentThread() - before) / Rounds;
        Assert.True(each <= price, $"one takes {each} bytes, the price is {price}");
    }
}
