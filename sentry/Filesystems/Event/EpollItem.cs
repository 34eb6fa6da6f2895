using System.Runtime.InteropServices;
using Sandbox.Linux;
using Sandbox.Sentry.Sync;
using Sandbox.Sentry.Vfs;

namespace Sandbox.Sentry.Filesystems.Event;

/// <summary>struct epoll_event, packed on x86-64 (epoll_ctl(2)).</summary>
[StructLayout(LayoutKind.Sequential, Pack = 1)]
internal readonly record struct EpollEvent(PollEvents Events, ulong Data);

/// <summary>
/// One descriptor an epoll watches. It holds no reference to the file: the last close ends the watch.
/// </summary>
internal sealed class EpollItem(EpollFile epoll, int fd, OpenFile file) : FileObserver, IWaitTarget
{
    /// <summary>The bits that say how to report rather than what.</summary>
    private const PollEvents How = PollEvents.EdgeTriggered | PollEvents.OneShot | PollEvents.WakeUp
        | PollEvents.Exclusive;

    private uint _events;

    public int Fd { get; } = fd;

    public OpenFile File { get; } = file;

    /// <summary>The registration on the file's queue.</summary>
    public WaitNode Node { get; } = new();

    /// <summary>What the guest asked for. Written under the epoll's lock; a single word, read without it.</summary>
    public PollEvents Events
    {
        get => (PollEvents)Volatile.Read(ref _events);
        set => Volatile.Write(ref _events, (uint)value);
    }

    /// <summary>What the guest gets back. Guarded by the epoll's lock.</summary>
    public ulong Data { get; set; }

    /// <summary>What to report, errors and hang-ups always; nothing after EPOLLONESHOT fired.</summary>
    public PollEvents Interest => Events & ~How;

    public bool IsEdgeTriggered => (Events & PollEvents.EdgeTriggered) != 0;

    public bool IsOneShot => (Events & PollEvents.OneShot) != 0;

    private bool IsDisarmed => Interest == 0;

    // The ready list; guarded by the epoll's ready lock.
    internal EpollItem? NextReady;
    internal EpollItem? PreviousReady;
    internal bool IsReady;

    /// <summary>EPOLLONESHOT: silent until epoll_ctl(EPOLL_CTL_MOD).</summary>
    public void Disarm() => Events &= How;

    public void OnEvent(WaitNode node, PollEvents events)
    {
        if (!IsDisarmed)
            epoll.MakeReady(this);
    }

    public override void OnFileReleased(OpenFile file) => epoll.Forget(this);
}
