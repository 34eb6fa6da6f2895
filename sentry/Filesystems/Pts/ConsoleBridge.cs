using System.Diagnostics.CodeAnalysis;
using Sandbox.Linux;
using Sandbox.Sentry.Sync;

namespace Sandbox.Sentry.Filesystems.Pts;

/// <summary>
/// Connects a terminal of the guest with one of the host: the host's slave is set to raw, and one thread carries what
/// is typed there to the guest's master, and what the guest shows back. Ends when either side is gone.
/// </summary>
[SuppressMessage("Design", "CA1001", Justification = "The thread it starts disposes what it owns when it ends.")]
internal sealed class ConsoleBridge : IWaitTarget, IHostReadiness
{
    private const int ChunkBytes = 4096, StackBytes = 256 << 10;
    private readonly HostFd _host;
    private readonly Terminal _terminal;
    private readonly WaitNode _node = new();
    private readonly Parker _parker = new();

    private ConsoleBridge(HostFd host, Terminal terminal) => (_host, _terminal) = (host, terminal);

    /// <summary>
    /// Takes the host's descriptor over and begins to carry. Null: the host has no room for the thread.
    /// </summary>
    public static ConsoleBridge? Start(int hostFd, Terminal terminal)
    {
        ConsoleBridge bridge = new(new HostFd(hostFd), terminal);
        if (HostTerminal.GetAttributes(hostFd, out Termios termios) == Errno.Ok)
            _ = HostTerminal.SetAttributes(hostFd, HostTerminal.MakeRaw(termios));
        bridge.WindowSizeChanged();
        if (HostThread.TryStart("console", StackBytes, bridge.Run))
            return bridge;
        bridge._host.Dispose();
        return null;
    }

    /// <summary>The host's terminal has another size (SIGWINCH): so has the guest's.</summary>
    public void WindowSizeChanged()
    {
        int fd = _host.Number;
        if (fd >= 0 && HostTerminal.GetWindowSize(fd, out WindowSize size) == Errno.Ok)
            _terminal.SetSize(size);
    }

    void IWaitTarget.OnEvent(WaitNode node, PollEvents events) => _parker.Wake();

    void IHostReadiness.OnHostReady(PollEvents events) => _parker.Wake();

    private void Run()
    {
        Result<ulong> watched = HostPoller.Add(_host.Number, this);
        _terminal.MasterWaiters.Add(_node, this, PollEvents.Readable | PollEvents.Writable);
        byte[] typed = new byte[ChunkBytes], shown = new byte[ChunkBytes];
        int first = 0, last = 0;
        bool goesOn = true;
        while (goesOn)
        {
            _parker.Reset();
            goesOn = CarryIn(typed, ref first, ref last) && CarryOut(shown);
            if (goesOn)
                _parker.Park(Deadline.Never);
        }

        _terminal.MasterWaiters.Remove(_node);
        if (!watched.Failed(out ulong id, out _))
            HostPoller.Remove(_host.Number, id);
        _terminal.CloseMaster();
        _host.Dispose();
    }

    // False if the host's side is closed.
    private bool CarryIn(byte[] typed, ref int first, ref int last)
    {
        while (true)
        {
            while (first < last)
            {
                if (_terminal.WriteMaster(typed.AsSpan(first, last - first)).Failed(out int taken, out _))
                    return true; // Full: the guest's next read wakes this thread.
                first += taken;
            }

            Result<int> read = HostNonBlocking.Read(_host.Number, typed);
            if (read.Error == Errno.EAGAIN)
                return true;
            if (read.Failed(out last, out _) || last == 0)
                return false;
            first = 0;
        }
    }

    // False if nobody will show anything any more, or nobody looks.
    private bool CarryOut(byte[] shown)
    {
        while (true)
        {
            Result<int> read = _terminal.ReadMaster(shown);
            if (read.Failed(out int count, out Errno error))
                return error == Errno.EAGAIN;
            for (int done = 0; done < count;)
            {
                if (HostFile.Write(_host.Number, shown.AsSpan(done, count - done)).Failed(out int written, out error))
                {
                    if (error != Errno.EAGAIN)
                        return false;
                    continue;
                }

                done += written;
            }
        }
    }
}
