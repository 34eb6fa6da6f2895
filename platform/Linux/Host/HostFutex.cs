namespace Sandbox.Linux;

/// <summary>A 32-bit word in unmanaged memory that one thread of this process sleeps on (futex(2), private).</summary>
public sealed unsafe class HostFutex : IDisposable
{
    private const int WaitPrivate = 128, WakePrivate = 129, WaitBitsetPrivate = 9 | 128;
    private const int MatchAny = -1;
    private int* _word = (int*)System.Runtime.InteropServices.NativeMemory.AlignedAlloc(64, 64);

    public HostFutex() => *_word = 0;

    /// <summary>The word itself, for Interlocked and Volatile.</summary>
    public ref int Word => ref *_word;

    /// <summary>
    /// Sleeps while the word is <paramref name="expected"/>, until <see cref="Wake"/> or the absolute CLOCK_MONOTONIC time in
    /// nanoseconds (<see cref="long.MaxValue"/>: for ever). False on time-out; spurious returns are possible.
    /// </summary>
    public bool Wait(int expected, long deadlineNanoseconds)
    {
        long result;
        if (deadlineNanoseconds == long.MaxValue)
        {
            result = HostSyscall.Call(Sys.futex, (long)_word, WaitPrivate, expected);
        }
        else
        {
            Timespec deadline = Timespec.FromNanoseconds(Math.Max(deadlineNanoseconds, 0));
            result = HostSyscall.Call(Sys.futex, (long)_word, WaitBitsetPrivate, expected, (long)&deadline, 0, MatchAny);
        }

        return HostSyscall.ErrorOf(result) != Errno.ETIMEDOUT;
    }

    /// <summary>Wakes the sleeper, if there is one.</summary>
    public void Wake() => HostSyscall.Call(Sys.futex, (long)_word, WakePrivate, 1);

    public void Dispose()
    {
        int* word = _word;
        _word = null;
        System.Runtime.InteropServices.NativeMemory.AlignedFree(word);
    }
}
