using Sandbox.Linux;
using Sandbox.Sentry.Filesystems.Event;
using Sandbox.Sentry.Filesystems.Pipe;
using Sandbox.Sentry.Sync;
using Xunit;

namespace Sandbox.UnitTests.Filesystems;

/// <summary>epoll(7): level, edge and one-shot reporting, nesting, files that go away.</summary>
public sealed class EpollTests
{
    private readonly FakeCaller _caller = new();
    private readonly EpollFile _epoll;
    private readonly PipeFile _reader;
    private readonly PipeFile _writer;
    private readonly EpollEvent[] _events = new EpollEvent[8];

    public EpollTests()
    {
        _epoll = new EpollFile(_caller);
        (_reader, _writer) = TestPipe.Create(OpenFlags.NonBlock, _caller);
    }

    [Fact]
    public void Level_triggered_reports_until_the_file_is_drained()
    {
        Assert.Equal(Errno.Ok, _epoll.Add(3, _reader, PollEvents.In, 42));
        Assert.Equal(0, Collect());
        _writer.Write("ab"u8);
        Assert.Equal(1, Collect());
        Assert.Equal(new EpollEvent(PollEvents.In, 42), _events[0]);
        Assert.Equal(1, Collect());
        _reader.Read(new byte[2]);
        Assert.Equal(0, Collect());
    }

    [Fact]
    public void Edge_triggered_reports_each_arrival_once()
    {
        _epoll.Add(3, _reader, PollEvents.In | PollEvents.EdgeTriggered, 1);
        _writer.Write("a"u8);
        Assert.Equal(1, Collect());
        Assert.Equal(0, Collect());
        _writer.Write("b"u8);
        Assert.Equal(1, Collect());
        Assert.Equal(0, Collect());
    }

    [Fact]
    public void One_shot_is_silent_until_modified()
    {
        _epoll.Add(3, _reader, PollEvents.In | PollEvents.OneShot, 1);
        _writer.Write("a"u8);
        Assert.Equal(1, Collect());
        _writer.Write("b"u8);
        Assert.Equal(0, Collect());
        Assert.Equal(Errno.Ok, _epoll.Modify(3, _reader, PollEvents.In | PollEvents.OneShot, 2));
        Assert.Equal(1, Collect());
        Assert.Equal(2ul, _events[0].Data);
    }

    [Fact]
    public void Space_is_an_edge_for_a_writer_that_found_none()
    {
        _epoll.Add(4, _writer, PollEvents.Out | PollEvents.EdgeTriggered, 9);
        Assert.Equal(1, Collect());
        while (_writer.Write(new byte[4096]).Error == Errno.Ok)
            continue;
        Assert.Equal(0, Collect());
        _reader.Read(new byte[65536]);
        Assert.Equal(1, Collect());
    }

    [Fact]
    public void A_file_that_is_closed_leaves_the_interest_list()
    {
        _epoll.Add(3, _reader, PollEvents.In, 1);
        _writer.Write("a"u8);
        _reader.Release();
        Assert.Equal(0, Collect());
        Assert.Equal(Errno.ENOENT, _epoll.Remove(3, _reader));
    }

    [Fact]
    public void Errors_are_those_of_epoll_ctl()
    {
        Assert.Equal(Errno.EINVAL, _epoll.Add(3, _epoll, PollEvents.In, 0));
        Assert.Equal(Errno.ENOENT, _epoll.Modify(3, _reader, PollEvents.In, 0));
        Assert.Equal(Errno.Ok, _epoll.Add(3, _reader, PollEvents.In, 0));
        Assert.Equal(Errno.EEXIST, _epoll.Add(3, _reader, PollEvents.In, 0));
        Assert.Equal(Errno.Ok, _epoll.Add(5, _reader, PollEvents.In, 0));
        Assert.Equal(Errno.Ok, _epoll.Remove(3, _reader));
        Assert.Equal(Errno.ENOENT, _epoll.Remove(3, _reader));
    }

    [Fact]
    public void Nested_instances_pass_events_on_and_refuse_circles_and_deep_chains()
    {
        EpollFile outer = new(_caller);
        Assert.Equal(Errno.Ok, outer.Add(5, _epoll, PollEvents.In, 7));
        Assert.Equal(Errno.ELOOP, _epoll.Add(6, outer, PollEvents.In, 7));
        _epoll.Add(3, _reader, PollEvents.In, 1);
        Assert.Equal(Errno.EAGAIN, outer.Collect(_events).Error);
        _writer.Write("a"u8);
        Assert.False(outer.Collect(_events).Failed(out int count, out _));
        Assert.Equal(1, count);
        Assert.Equal(7ul, _events[0].Data);

        EpollFile top = outer;
        for (int level = 3; level <= 5; level++)
        {
            EpollFile next = new(_caller);
            Assert.Equal(Errno.Ok, next.Add(1, top, PollEvents.In, 0));
            top = next;
        }

        Assert.Equal(Errno.ELOOP, new EpollFile(_caller).Add(1, top, PollEvents.In, 0));
        Assert.Equal(Errno.ELOOP, _epoll.Add(9, new EpollFile(_caller), PollEvents.In, 0));
    }

    [Fact]
    public void A_waiter_is_woken_by_an_event_on_another_thread()
    {
        _epoll.Add(3, _reader, PollEvents.In, 1);
        Thread writer = new(() =>
        {
            Thread.Sleep(20);
            _writer.Write("x"u8);
        });
        writer.Start();
        Result<int> found = Blocking.Until(
            _caller.Sleeper, _epoll.Waiters, PollEvents.Readable, Deadline.After(5_000_000_000), (_epoll, _events),
            static state => state._epoll.Collect(state._events));
        Assert.Equal(Errno.Ok, found.Error);
        writer.Join();
    }

    private int Collect() => _epoll.Collect(_events).Failed(out int count, out Errno error)
        ? error == Errno.EAGAIN ? 0 : -(int)error
        : count;
}
