using System.Buffers.Text;
using Sandbox.Linux;

namespace Sandbox.Platform.Stubs;

/// <summary>
/// Finds and kills children of ours that nobody knows: a guest can take the child of a fork off its way to its first
/// doorbell, and can keep its parent from telling that there is one. Such a child makes no call that is answered, but
/// it computes.
/// </summary>
/// <remarks>
/// A child is a stray if it is there, everything that was being made at that moment has come to its end, and still it
/// is not registered. Looks are taken by a thread of the platform's, and only after a fork that ended without a child.
/// </remarks>
/// <param name="knows">True of a process that is somebody's: a registered stub, or the zygote.</param>
/// <param name="children">What /proc lists as our children, read anew with each call.</param>
internal sealed class StrayStubs(Func<int, bool> knows, Func<byte[]> children, Action<string> log)
{
    /// <summary>Suspects of one look, each of which takes a descriptor; others come later.</summary>
    private const int MaxSuspects = 32;

    private readonly record struct Suspect(int ProcessId, int PidFd);

    private readonly Lock _lock = new();

    // Guarded by _lock.
    private readonly HashSet<long> _making = [];
    private long _lastTicket;
    private bool _isWanted;

    // That thread's own.
    private readonly List<Suspect> _suspects = [];
    private readonly List<Suspect> _killed = [];
    private long _newest;

    /// <summary>A look is wanted, or one is not at its end.</summary>
    public bool IsAtWork
    {
        get
        {
            lock (_lock)
                return _isWanted || _suspects.Count > 0 || _killed.Count > 0;
        }
    }

    /// <summary>
    /// A process is being made, which is registered, or killed and reaped, before <see cref="EndMaking"/>.
    /// </summary>
    public long BeginMaking()
    {
        lock (_lock)
        {
            _making.Add(++_lastTicket);
            return _lastTicket;
        }
    }

    /// <param name="ticket">What <see cref="BeginMaking"/> gave.</param>
    /// <param name="mayHaveStray">A process may have been made of which nothing was seen.</param>
    public void EndMaking(long ticket, bool mayHaveStray)
    {
        lock (_lock)
        {
            _making.Remove(ticket);
            _isWanted |= mayHaveStray;
        }
    }

    /// <summary>Goes one step further, without waiting for anything. That thread's.</summary>
    public void Look()
    {
        _killed.RemoveAll(static killed => TryReap(killed));
        if (_suspects.Count == 0)
            FindSuspects();
        else if (AreMade())
            KillStrays();
    }

    private void FindSuspects()
    {
        lock (_lock)
        {
            if (!_isWanted)
                return;
            (_isWanted, _newest) = (false, _lastTicket);
        }

        ReadOnlySpan<byte> list = children();
        while (Utf8Parser.TryParse(list, out int child, out int digits))
        {
            list = list[digits..].TrimStart((byte)' ');
            if (knows(child) || _killed.Exists(killed => killed.ProcessId == child))
                continue;
            if (_suspects.Count < MaxSuspects && !HostProcess.OpenPidFd(child).Failed(out int pidFd, out _))
            {
                _suspects.Add(new Suspect(child, pidFd));
                continue;
            }

            lock (_lock)
                _isWanted = true;
            return;
        }
    }

    /// <summary>What was being made when the suspects were found is made.</summary>
    private bool AreMade()
    {
        lock (_lock)
        {
            foreach (long ticket in _making)
            {
                if (ticket <= _newest)
                    return false;
            }

            return true;
        }
    }

    private void KillStrays()
    {
        foreach (Suspect suspect in _suspects)
        {
            // Another's by now if ours has ended: then the descriptor, which is still ours, reaches nobody.
            if (knows(suspect.ProcessId))
            {
                HostFile.Close(suspect.PidFd);
                continue;
            }

            if (HostProcess.Signal(suspect.PidFd, Signal.Kill) == Errno.Ok)
                log($"host process {suspect.ProcessId} is nobody's child: killed");
            if (!TryReap(suspect))
                _killed.Add(suspect);
        }

        _suspects.Clear();
    }

    /// <summary>True if it has ended; its descriptor is closed then.</summary>
    private static bool TryReap(Suspect suspect)
    {
        if (HostPoll.Now(suspect.PidFd, PollEvents.In) == PollEvents.None)
            return false;
        HostProcess.Wait(suspect.PidFd);
        HostFile.Close(suspect.PidFd);
        return true;
    }
}
