using Sandbox.Linux;
using Sandbox.Platform;

namespace Sandbox.Sentry.Kernel.Tasks;

/// <summary>
/// prctl(PR_SET_MDWE): in a process that has asked for it no memory becomes executable that was not so when it was
/// mapped, and none is writable and executable at once. It cannot be taken back (PR_SET_MDWE(2const)).
/// </summary>
/// <remarks>
/// The Sentry checks it, and not the host, for the platform itself has to change a guest's code now and then.
/// </remarks>
internal static class WriteExecuteDenial
{
    private const uint RefuseGain = 1, NoInherit = 2;

    private static readonly int[] _calls = [Sys.mmap, Sys.mprotect, Sys.pkey_mprotect];

    /// <summary>What a child or a new program starts with.</summary>
    public static uint Inherited(uint flags) => (flags & NoInherit) != 0 ? 0 : flags;

    /// <summary>
    /// For the calling thread, which must have its full state. EINVAL, EPERM for less than before; ENOMEM, ESRCH.
    /// </summary>
    public static SyscallResult Set(Task task, ulong flags)
    {
        if ((flags & ~(ulong)(RefuseGain | NoInherit)) != 0 || flags == NoInherit)
            return Errno.EINVAL;
        uint now = task.GuestMemory.WriteExecuteDenial;
        if (now != 0 && now != flags)
            return Errno.EPERM;
        if (flags == now)
            return 0;
        if (ShowCalls(task.Kernel, task.Thread, onAllThreads: true) is not Errno.Ok and Errno error)
            return error;
        task.GuestMemory.WriteExecuteDenial = (uint)flags;
        return 0;
    }

    /// <summary>Makes the calls that it has to look at come to the Sentry. ENOMEM, ESRCH.</summary>
    public static Errno ShowCalls(Kernel kernel, IGuestThread thread, bool onAllThreads)
    {
        List<int> wanted = [];
        foreach (int number in kernel.Platform.NativeCalls)
        {
            if (Array.IndexOf(_calls, number) >= 0)
                wanted.Add(number);
        }

        return thread.TrapCalls([.. wanted], onAllThreads);
    }

    /// <summary>True if mmap(2) must answer EACCES.</summary>
    public static bool DeniesMap(GuestMemory memory, MemoryProtection protection) =>
        memory.WriteExecuteDenial != 0 && IsBoth(protection);

    /// <summary>True if mprotect(2) of this range must answer EACCES.</summary>
    public static bool DeniesProtect(GuestMemory memory, ulong address, ulong length, MemoryProtection protection)
    {
        if (memory.WriteExecuteDenial == 0 || (protection & MemoryProtection.Execute) == 0)
            return false;
        if (IsBoth(protection))
            return true;
        ulong end = address + length;
        while (address < end
            && !memory.Space.FindMapping(new UserAddress(address)).Failed(out HostMapping mapping, out _))
        {
            if ((mapping.Protection & MemoryProtection.Execute) == 0)
                return true;
            address = mapping.End;
        }

        return false;
    }

    private static bool IsBoth(MemoryProtection protection)
    {
        const MemoryProtection both = MemoryProtection.Write | MemoryProtection.Execute;
        return (protection & both) == both;
    }
}
