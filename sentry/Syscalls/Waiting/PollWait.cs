using System.Runtime.InteropServices;
using Sandbox.Linux;
using Sandbox.Sentry.Kernel.Tasks;
using Sandbox.Sentry.Sync;
using Sandbox.Sentry.Vfs;

namespace Sandbox.Sentry.Syscalls;

/// <summary>struct pollfd (poll(2)); the event fields are 16 bits wide.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct PollDescriptor
{
    public int Fd;
    public ushort Wanted;
    public ushort Ready;
}

/// <summary>
/// The wait of poll and select. Its nodes and arrays belong to the handler's thread and are used again and again.
/// </summary>
internal sealed class PollWait
{
    private const int MostKept = 1024;

    [ThreadStatic]
    private static PollWait? _mine;

    private OpenFile?[] _files = new OpenFile?[16];
    private WaitNode[] _nodes = [];

    /// <summary>
    /// Waits until a descriptor is ready and gives the number of those that are, with
    /// <see cref="PollDescriptor.Ready"/> filled in; 0 after the deadline, ERESTARTNOHAND for a signal.
    /// </summary>
    public static Result<int> Wait(Task task, Span<PollDescriptor> descriptors, Deadline deadline)
    {
        PollWait wait = _mine ?? new PollWait();
        _mine = null; // Nobody else on this thread can use it meanwhile; an exception loses it, no more.
        wait.Resolve(task, descriptors);
        Result<int> result = wait.Run(task.Sleeper, descriptors, deadline);
        wait.ReleaseFiles(descriptors.Length);
        if (descriptors.Length <= MostKept)
            _mine = wait; // What more took is not kept: it was charged while it waited.
        return result;
    }

    private Result<int> Run(Sleeper sleeper, Span<PollDescriptor> descriptors, Deadline deadline)
    {
        int count = Scan(descriptors);
        if (count > 0 || deadline.Nanoseconds == 0)
            return count;
        if (sleeper.MayDefer)
            return Errno.EIOCBQUEUED; // Its nodes are this thread's, so it sleeps where it has one to itself.

        sleeper.Parker.Reset();
        Register(sleeper, descriptors);
        try
        {
            while (true)
            {
                count = Scan(descriptors);
                if (count > 0)
                    return count;
                if (sleeper.Parker.Park(deadline) is not Errno.Ok and Errno reason)
                    return reason == Errno.ETIMEDOUT ? Scan(descriptors) : Errno.ERESTARTNOHAND;
            }
        }
        finally
        {
            Unregister(descriptors.Length);
        }
    }

    private void Resolve(Task task, Span<PollDescriptor> descriptors)
    {
        if (_files.Length < descriptors.Length)
            _files = new OpenFile?[descriptors.Length];
        for (int index = 0; index < descriptors.Length; index++)
        {
            int fd = descriptors[index].Fd;
            _files[index] = fd >= 0 && !task.Files.Get(new Fd(fd)).Failed(out OpenFile? file, out _) ? file : null;
        }
    }

    private int Scan(Span<PollDescriptor> descriptors)
    {
        int count = 0;
        for (int index = 0; index < descriptors.Length; index++)
        {
            ref PollDescriptor descriptor = ref descriptors[index];
            PollEvents ready = PollEvents.None;
            if (_files[index] is { } file)
                ready = file.Poll() & ((PollEvents)descriptor.Wanted | PollEvents.Error | PollEvents.HangUp);
            else if (descriptor.Fd >= 0)
                ready = PollEvents.Invalid;
            descriptor.Ready = (ushort)ready;
            count += ready != 0 ? 1 : 0;
        }

        return count;
    }

    private void Register(Sleeper sleeper, Span<PollDescriptor> descriptors)
    {
        int old = _nodes.Length;
        if (old < descriptors.Length)
        {
            Array.Resize(ref _nodes, Math.Max(16, descriptors.Length));
            for (int index = old; index < _nodes.Length; index++)
                _nodes[index] = new WaitNode();
        }

        for (int index = 0; index < descriptors.Length; index++)
            _files[index]?.Waiters?.Add(_nodes[index], sleeper, (PollEvents)descriptors[index].Wanted);
    }

    private void Unregister(int count)
    {
        for (int index = 0; index < count; index++)
            _nodes[index].Queue?.Remove(_nodes[index]);
    }

    private void ReleaseFiles(int count)
    {
        for (int index = 0; index < count; index++)
        {
            _files[index]?.Release();
            _files[index] = null;
        }

        // One huge poll must not pin its arrays to the thread for ever.
        if (_files.Length > 1024)
            (_files, _nodes) = (new OpenFile?[16], []);
    }
}
