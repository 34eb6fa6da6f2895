namespace Sandbox.Linux;

/// <summary>
/// Owns one descriptor of this process. Its owner disposes it; everybody else borrows <see cref="Number"/> for the
/// length of a call, or keeps the owner alive. Deliberately no SafeHandle: two interlocked operations per call and a
/// finalizer are not worth it where every descriptor has one owner.
/// </summary>
public sealed class HostFd(int number) : IDisposable
{
    private int _number = number;

    /// <summary>The descriptor, or -1 once disposed.</summary>
    public int Number => Volatile.Read(ref _number);

    /// <summary>Closes the descriptor; the second call does nothing.</summary>
    public void Dispose()
    {
        int number = Interlocked.Exchange(ref _number, -1);
        if (number >= 0)
            HostSyscall.Call(Sys.close, number);
    }

    /// <summary>Gives the descriptor away: the caller owns it now, this object owns nothing.</summary>
    public int Release() => Interlocked.Exchange(ref _number, -1);
}
