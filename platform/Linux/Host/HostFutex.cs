namespace Sandbox.Linux;

/// <summary>
/// A 32-bit word that one thread of this process sleeps on (futex(2), private). It lies in an array that the collector
/// does not move and takes away with the last who might wake the sleeper.
/// </summary>
public sealed unsafe class HostFutex
{
    private const int WaitPrivate = 128, WakePrivate = 129, WaitBitsetPrivate = 9 | 128;
    private const int MatchAny = -1, CacheLineWords = 16;
    private readonly int[] _words = GC.AllocateArray<int>(CacheLineWords, pinned: true);

    /// <summary>The word itself, for Interlocked and Volatile.</summary>
    public ref int Word => ref _words[0];

    private long Address => (long)System.Runtime.CompilerServices.Unsafe.AsPointer(ref _words[0]);

    /// <summary>
    /// Sleeps while the word is <paramref name="expected"/>, until <see cref="Wake"/> or the absolute CLOCK_MONOTONIC
    /// time in nanoseconds (<see cref="long.MaxValue"/>: for ever). False on time-out; spurious returns are possible.
    /// </summary>
    public bool Wait(int expected, long deadlineNanoseconds)
    {
        long result;
        if (deadlineNanoseconds == long.MaxValue)
        {
            result = HostSyscall.Call(Sys.futex, Address, WaitPrivate, expected);
        }
        else
        {
            Timespec deadline = Timespec.FromNanoseconds(Math.Max(deadlineNanoseconds, 0));
            result = HostSyscall.Call(Sys.futex, Address, WaitBitsetPrivate, expected, (long)&deadline, 0, MatchAny);
        }

        GC.KeepAlive(_words);
        return HostSyscall.ErrorOf(result) != Errno.ETIMEDOUT;
    }

    /// <summary>Wakes the sleeper, if there is one.</summary>
    public void Wake()
    {
        HostSyscall.Call(Sys.futex, Address, WakePrivate, 1);
        GC.KeepAlive(_words);
    }
}
