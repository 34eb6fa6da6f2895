using System.Numerics;

namespace Sandbox.Platform.Stubs;

/// <summary>
/// The descriptor numbers of a stub under which files are lent for commands: each batch has one of its own, so that no
/// two threads use the same number for different files, and a guest's own mmap is never lent a file under one of them.
/// </summary>
internal sealed class LentNumbers
{
    /// <summary>Below the least limit of open files that hosts give, and above what programs come to.</summary>
    public const int First = 960, Count = 64;

    private ulong _taken;

    /// <summary>Whether a guest's number is one of these.</summary>
    public static bool Contains(uint number) => number - First < Count;

    /// <summary>A number that no other batch has, or -1 if all are in use.</summary>
    public int Take()
    {
        while (true)
        {
            ulong taken = Volatile.Read(ref _taken);
            if (taken == ulong.MaxValue)
                return -1;
            int index = BitOperations.TrailingZeroCount(~taken);
            if (Interlocked.CompareExchange(ref _taken, taken | (1ul << index), taken) == taken)
                return First + index;
        }
    }

    public void Return(int number) => Interlocked.And(ref _taken, ~(1ul << (number - First)));
}
