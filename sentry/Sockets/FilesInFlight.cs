using Sandbox.Sentry.Memory;
using Sandbox.Sentry.Sync;
using Sandbox.Sentry.Vfs;

namespace Sandbox.Sentry.Sockets;

/// <summary>Who files in a message are charged to until somebody receives them: the sender.</summary>
internal readonly record struct FlightCharge(MemoryAccount Account, uint UserId, long Limit);

/// <summary>
/// The files in messages that nobody has received yet (SCM_RIGHTS), over the whole sandbox. Sockets that wait in each
/// other's queues and can be reached from nowhere else are found here and let go,
/// as Linux does (net/unix/garbage.c has the same task).
/// </summary>
/// <remarks>
/// Every message with files is on one list, and knows the socket in whose queue it waits, or that a sender or receiver
/// has it in hand. A socket is a candidate if all references to it are those of messages. Who receives needs a
/// reference to the socket it receives from, so nothing leaves the queue of a
/// candidate that no living message leads to.
/// </remarks>
internal static class FilesInFlight
{
    /// <summary>
    /// More than this at once is refused in any case (ETOOMANYREFS); a user's own limit is RLIMIT_NOFILE.
    /// </summary>
    private const int Max = 1 << 18;

    /// <summary>With many files in flight a look is worth it only after so many closed sockets for each.</summary>
    private const int FilesPerClose = 16;

    private static readonly RankedLock _lock = new(LockRank.Leaf);
    private static ControlData? _first; // This and what follows: guarded by _lock.
    private static int _count;
    private static int _sockets;
    private static int _closedSockets;

    [ThreadStatic]
    private static List<OpenFile>? _closing;

    /// <summary>True, and the files are in flight, unless there are too many (ETOOMANYREFS).</summary>
    public static bool TryEnter(ControlData control, OpenFile[] files, in FlightCharge charge)
    {
        if (TryCharge(files.Length, charge))
        {
            Enlist(control, files);
            return true;
        }

        Collect(); // Those that nobody can receive any more do not count.
        if (!TryCharge(files.Length, charge))
            return false;
        Enlist(control, files);
        return true;
    }

    /// <summary>
    /// The files of a message are in flight no longer: whoever took them has the references. Null if it has none.
    /// </summary>
    public static OpenFile[]? Leave(ControlData control)
    {
        using (_lock.EnterNested())
            return Unlist(control);
    }

    /// <summary>Another message carries the files from now on; nobody's queue has it.</summary>
    public static void Move(ControlData from, ControlData to)
    {
        using (_lock.EnterNested())
        {
            if (from.Files is not { } files)
                return;
            to.Charge = from.Charge;
            Unlist(from);
            Interlocked.Add(ref _count, files.Length);
            to.Charge.Account.ReturnObject(ObjectCost.FileInFlight, -files.Length);
            to.Charge.Account.Users.Charge(to.Charge.UserId, UserResource.FilesInFlight, files.Length);
            Link(to, files);
        }
    }

    /// <summary>
    /// A socket that may have been on the way to others is closed: perhaps nobody reaches some of them any more.
    /// </summary>
    public static void OnSocketClosed()
    {
        if (Volatile.Read(ref _sockets) == 0)
            return;
        if (Interlocked.Increment(ref _closedSockets) * FilesPerClose >= Volatile.Read(ref _count))
            Collect();
    }

    /// <summary>
    /// Releases files. A socket among them may hold messages with sockets with messages...: a list instead of
    /// recursion, or a guest could exhaust our stack.
    /// </summary>
    public static void Close(ReadOnlySpan<OpenFile> files)
    {
        if (_closing is { } outer)
        {
            outer.AddRange(files);
            return;
        }

        List<OpenFile> closing = [.. files];
        _closing = closing;
        try
        {
            for (int index = 0; index < closing.Count; index++)
                closing[index].Release();
        }
        finally
        {
            _closing = null;
        }
    }

    /// <summary>
    /// Closes what only messages refer to that only each other's receivers could take. Without locks.
    /// </summary>
    private static void Collect()
    {
        List<OpenFile> garbage = [];
        using (_lock.Enter())
        {
            _closedSockets = 0;
            if (_sockets == 0)
                return;
            Dictionary<Socket, List<ControlData>> waiting = FindCandidates();
            MarkReachable(waiting);
            foreach (List<ControlData> messages in waiting.Values)
            {
                foreach (ControlData message in messages)
                    garbage.AddRange(Unlist(message) ?? []);
            }
        }

        Close(System.Runtime.InteropServices.CollectionsMarshal.AsSpan(garbage));
    }

    // The sockets that only messages refer to, each with the messages that wait in it.
    private static Dictionary<Socket, List<ControlData>> FindCandidates()
    {
        Dictionary<Socket, List<ControlData>> waiting = [];
        for (ControlData? message = _first; message is not null; message = message.Next)
        {
            foreach (OpenFile file in message.Files!)
            {
                if (file is Socket socket && socket.References == socket.FlightCount)
                    waiting.TryAdd(socket, []);
            }
        }

        for (ControlData? message = _first; message is not null; message = message.Next)
        {
            if (HolderOf(message) is { } holder && waiting.TryGetValue(holder, out List<ControlData>? messages))
                messages.Add(message);
        }

        return waiting;
    }

    // Takes out of the candidates what a message leads to that somebody can still receive.
    private static void MarkReachable(Dictionary<Socket, List<ControlData>> waiting)
    {
        Stack<ControlData> living = new();
        for (ControlData? message = _first; message is not null; message = message.Next)
        {
            if (HolderOf(message) is not { } holder || !waiting.ContainsKey(holder))
                living.Push(message);
        }

        while (living.TryPop(out ControlData? message))
        {
            foreach (OpenFile file in message.Files!)
            {
                if (file is not Socket socket || !waiting.Remove(socket, out List<ControlData>? reached))
                    continue;
                foreach (ControlData next in reached)
                    living.Push(next);
            }
        }
    }

    // A connection that nobody has accepted yet is its listener's.
    private static Socket? HolderOf(ControlData message) =>
        message.Holder is { } holder ? holder.PendingOn ?? holder : null;

    private static bool TryCharge(int count, in FlightCharge charge)
    {
        if (Interlocked.Add(ref _count, count) > Max)
        {
            Interlocked.Add(ref _count, -count);
            return false;
        }

        if (charge.Account.Users.TryTake(charge.UserId, UserResource.FilesInFlight, count, charge.Limit))
        {
            if (charge.Account.TryChargeObject(ObjectCost.FileInFlight, count))
                return true;
            charge.Account.Users.Return(charge.UserId, UserResource.FilesInFlight, count);
        }

        Interlocked.Add(ref _count, -count);
        return false;
    }

    private static void Enlist(ControlData control, OpenFile[] files)
    {
        using (_lock.EnterNested())
            Link(control, files);
    }

    private static void Link(ControlData control, OpenFile[] files)
    {
        control.Files = files;
        control.Holder = null;
        control.Next = _first;
        control.Previous = null;
        if (_first is not null)
            _first.Previous = control;
        _first = control;
        CountSockets(files, 1);
    }

    private static OpenFile[]? Unlist(ControlData control)
    {
        if (control.Files is not { } files)
            return null;
        control.Files = null;
        if (control.Previous is null)
            _first = control.Next;
        else
            control.Previous.Next = control.Next;
        if (control.Next is not null)
            control.Next.Previous = control.Previous;
        (control.Next, control.Previous) = (null, null);
        CountSockets(files, -1);
        Interlocked.Add(ref _count, -files.Length);
        control.Charge.Account.ReturnObject(ObjectCost.FileInFlight, files.Length);
        control.Charge.Account.Users.Return(control.Charge.UserId, UserResource.FilesInFlight, files.Length);
        return files;
    }

    private static void CountSockets(OpenFile[] files, int change)
    {
        foreach (OpenFile file in files)
        {
            if (file is not Socket socket)
                continue;
            socket.FlightCount += change;
            _sockets += change;
        }
    }
}
