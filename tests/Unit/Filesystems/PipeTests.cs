using Sandbox.Linux;
using Sandbox.Sentry.Filesystems.Pipe;
using Sandbox.Sentry.Sync;
using Sandbox.Sentry.Vfs;
using Xunit;

namespace Sandbox.UnitTests.Filesystems;

/// <summary>pipe(7), fifo(7).</summary>
public sealed class PipeTests
{
    private readonly FakeCaller _caller = new();
    private readonly PipeFile _reader;
    private readonly PipeFile _writer;

    public PipeTests() => (_reader, _writer) = TestPipe.Create(OpenFlags.ReadOnly, _caller);

    [Fact]
    public void Empty_pipe_is_EAGAIN_while_a_writer_is_open_and_end_of_file_after()
    {
        Assert.Equal(Errno.EAGAIN, _reader.Read(new byte[4]).Error);
        Assert.Equal(2, Count(_writer.Write("hi"u8)));
        Assert.Equal(PollEvents.Readable, _reader.Poll());
        byte[] bytes = new byte[8];
        Assert.Equal(2, Count(_reader.Read(bytes)));
        Assert.Equal("hi"u8, bytes.AsSpan(0, 2));
        _writer.Release();
        Assert.Equal(PollEvents.HangUp, _reader.Poll());
        Assert.Equal(0, Count(_reader.Read(bytes)));
    }

    [Fact]
    public void Writing_without_a_reader_is_EPIPE_and_polls_as_error()
    {
        _reader.Release();
        Assert.Equal(Errno.EPIPE, _writer.Write("x"u8).Error);
        Assert.Equal(0, Count(_writer.Write([])));
        Assert.Equal(PollEvents.Writable | PollEvents.Error, _writer.Poll());
    }

    [Fact]
    public void Writes_up_to_PIPE_BUF_are_whole_or_not_at_all()
    {
        Assert.Equal(PipeBuffer.DefaultBytes - 100, Count(_writer.Write(new byte[PipeBuffer.DefaultBytes - 100])));
        Assert.Equal(Errno.EAGAIN, _writer.Write(new byte[101]).Error);
        Assert.Equal(PollEvents.None, _writer.Poll());
        Assert.Equal(100, Count(_writer.Write(new byte[5000])));
        Assert.Equal(Errno.EAGAIN, _writer.Write(new byte[1]).Error);
    }

    [Fact]
    public void Bytes_come_out_in_order_however_the_ring_wraps()
    {
        Random random = new(7);
        byte next = 0, expected = 0;
        byte[] buffer = new byte[9000];
        for (int round = 0; round < 2000; round++)
        {
            int length = random.Next(1, buffer.Length);
            for (int i = 0; i < length; i++)
                buffer[i] = (byte)(next + i);
            Result<int> written = _writer.Write(buffer.AsSpan(0, length));
            if (written.Error == Errno.Ok)
                next += (byte)Count(written);
            Result<int> read = _reader.Read(buffer.AsSpan(0, random.Next(1, buffer.Length)));
            if (read.Error == Errno.EAGAIN)
                continue;
            for (int i = 0; i < Count(read); i++)
                Assert.Equal(expected++, buffer[i]);
        }
    }

    [Fact]
    public void Capacity_rounds_up_to_pages_and_refuses_to_lose_bytes()
    {
        Assert.Equal(8192, Count(_writer.Pipe.SetCapacity(5000, _caller)));
        Assert.Equal(8192, Count(_writer.Write(new byte[10000])));
        Assert.Equal(Errno.EBUSY, _writer.Pipe.SetCapacity(4096, _caller).Error);
        Assert.Equal(Errno.EPERM, _writer.Pipe.SetCapacity(PipeBuffer.MaxBytes + 1, _caller).Error);
        Assert.Equal(PipeBuffer.MaxBytes, Count(_writer.Pipe.SetCapacity(PipeBuffer.MaxBytes, _caller)));
    }

    [Fact]
    public void A_reader_that_sleeps_is_woken_by_a_write_from_another_thread()
    {
        FakeCaller sleeper = new();
        Thread writer = new(() =>
        {
            Thread.Sleep(20);
            _writer.Write("late"u8);
        });
        writer.Start();
        Result<int> read = Blocking.Until(
            sleeper.Sleeper, _reader.Waiters!, PollEvents.Readable, Deadline.After(5_000_000_000), _reader,
            static file => file.Read(new byte[10]));
        Assert.Equal(4, Count(read));
        writer.Join();
    }

    [Fact]
    public void A_nonblocking_fifo_writer_without_reader_is_ENXIO_and_a_reader_is_not_hung_up_before_a_writer_came()
    {
        AnonymousInode inode = new(AnonymousFileSystem.Pipes, (uint)FileType.Fifo | Modes.O777);
        OpenFlags write = OpenFlags.WriteOnly | OpenFlags.NonBlock, read = OpenFlags.ReadOnly | OpenFlags.NonBlock;
        Assert.Equal(Errno.ENXIO, PipeBuffer.OpenFifo(inode, default, write, _caller).Error);
        Assert.False(PipeBuffer.OpenFifo(inode, default, read, _caller).Failed(out OpenFile? reader, out _));
        Assert.Equal(PollEvents.None, reader!.Poll());
        Assert.Equal(0, Count(reader.Read(new byte[1])));
        Assert.False(PipeBuffer.OpenFifo(inode, default, write, _caller).Failed(out OpenFile? writer, out _));
        Assert.Equal(Errno.EAGAIN, reader.Read(new byte[1]).Error);
        writer!.Release();
        Assert.Equal(PollEvents.HangUp, reader.Poll());
    }

    [Fact]
    public void Opening_a_fifo_waits_for_the_other_side()
    {
        AnonymousInode inode = new(AnonymousFileSystem.Pipes, (uint)FileType.Fifo | Modes.O777);
        Errno writerError = Errno.EIO;
        Thread other = new(() =>
        {
            FakeCaller caller = new();
            Thread.Sleep(20);
            writerError = PipeBuffer.OpenFifo(inode, default, OpenFlags.WriteOnly, caller).Error;
        });
        other.Start();
        Assert.Equal(Errno.Ok, PipeBuffer.OpenFifo(inode, default, OpenFlags.ReadOnly, _caller).Error);
        other.Join();
        Assert.Equal(Errno.Ok, writerError);
    }

    private static int Count(Result<int> result)
    {
        Assert.False(result.Failed(out int count, out Errno error), error.ToString());
        return count;
    }
}
