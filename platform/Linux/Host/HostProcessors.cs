namespace Sandbox.Linux;

/// <summary>Where threads run (sched_setaffinity(2), getcpu(2)).</summary>
public static unsafe class HostProcessors
{
    private const int MaskWords = 16;

    /// <summary>The processors this process may use, as it was first asked for them.</summary>
    private static readonly ulong[] _allowed = ReadAllowed();

    /// <summary>How many processors this process may use.</summary>
    public static int Count { get; } = CountAllowed();

    /// <summary>The processor the caller runs on at this moment; -1 if the host does not say.</summary>
    public static int Current()
    {
        uint processor;
        return HostSyscall.Call(Sys.getcpu, (long)&processor) == 0 ? (int)processor : -1;
    }

    /// <summary>
    /// Keeps a thread off one processor, or off none for -1. Nothing changes where that is the only one. EINVAL, EPERM,
    /// ESRCH.
    /// </summary>
    public static Errno Avoid(int threadId, int processor)
    {
        ulong* mask = stackalloc ulong[MaskWords];
        bool isEmpty = true;
        for (int i = 0; i < MaskWords; i++)
        {
            mask[i] = _allowed[i];
            if (processor >= 0 && processor / 64 == i)
                mask[i] &= ~(1ul << (processor % 64));
            isEmpty &= mask[i] == 0;
        }

        return isEmpty ? Errno.EINVAL : HostSyscall.ErrorOf(
            HostSyscall.Call(Sys.sched_setaffinity, threadId, MaskWords * sizeof(ulong), (long)mask));
    }

    /// <summary>
    /// The time the calling thread may run at a stretch (sched_setattr(2), sched_runtime of a normal thread, Linux
    /// 6.12). Nothing happens before that version. EPERM.
    /// </summary>
    public static Errno SetSlice(long nanoseconds)
    {
        const int attributesBytes = 48, runtimeWord = 3;
        ulong* attributes = stackalloc ulong[attributesBytes / sizeof(ulong)];
        new Span<ulong>(attributes, attributesBytes / sizeof(ulong)).Clear();
        attributes[0] = attributesBytes; // size; policy SCHED_OTHER
        attributes[runtimeWord] = (ulong)nanoseconds;
        return HostSyscall.ErrorOf(HostSyscall.Call(Sys.sched_setattr, 0, (long)attributes, 0));
    }

    private static int CountAllowed()
    {
        int count = 0;
        foreach (ulong word in _allowed)
            count += System.Numerics.BitOperations.PopCount(word);
        return count;
    }

    private static ulong[] ReadAllowed()
    {
        ulong[] mask = new ulong[MaskWords];
        fixed (ulong* start = mask)
        {
            if (HostSyscall.Call(Sys.sched_getaffinity, 0, MaskWords * sizeof(ulong), (long)start) < 0)
                mask[0] = 1; // More processors than fit, or none of our business: like one.
        }

        return mask;
    }
}
