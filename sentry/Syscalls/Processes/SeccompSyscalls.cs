using System.Runtime.InteropServices;
using Sandbox.Linux;
using Sandbox.Sentry.Filesystems.Event;
using Sandbox.Sentry.Kernel.Seccomp;
using Sandbox.Sentry.Kernel.Tasks;
using Sandbox.Sentry.Memory;

namespace Sandbox.Sentry.Syscalls;

/// <summary>seccomp(2), and its older form prctl(PR_SET_SECCOMP).</summary>
internal static class SeccompSyscalls
{
    private const uint SetStrict = 0, SetFilter = 1, GetActionAvailable = 2, GetNotificationSizes = 3;
    private const uint ThreadSync = 1, LogFlag = 2, SpeculationAllowed = 4, NewListener = 8, ThreadSyncErrno = 16,
        WaitKillable = 32;

    public static SyscallResult Control(Task task, uint operation, uint flags, UserAddress argument)
    {
        switch (operation)
        {
            case SetStrict:
                return flags != 0 || !argument.IsNull ? Errno.EINVAL : SeccompInstall.Strict(task);
            case SetFilter:
                return Install(task, flags, argument);
            case GetActionAvailable:
                if (flags != 0)
                    return Errno.EINVAL;
                if (task.Memory.Read(new UserPtr<uint>(argument), out uint action) is not Errno.Ok and Errno unread)
                    return unread;
                return SeccompAnswer.IsAction(action) ? 0 : Errno.EOPNOTSUPP;
            case GetNotificationSizes:
                const ushort notificationBytes = 80, responseBytes = 24;
                if (flags != 0)
                    return Errno.EINVAL;
                ReadOnlySpan<ushort> sizes = [notificationBytes, responseBytes, SeccompData.Bytes];
                return task.Memory.Write(argument, MemoryMarshal.AsBytes(sizes));
            default:
                return Errno.EINVAL;
        }
    }

    /// <summary>prctl(PR_SET_SECCOMP, mode, filter).</summary>
    public static SyscallResult SetMode(Task task, ulong mode, UserAddress argument) => mode switch
    {
        1 => SeccompInstall.Strict(task), // Ignores the argument, as Linux does.
        2 => Install(task, 0, argument),
        _ => Errno.EINVAL,
    };

    private static SyscallResult Install(Task task, uint flags, UserAddress argument)
    {
        const uint known = ThreadSync | LogFlag | SpeculationAllowed | NewListener | ThreadSyncErrno | WaitKillable;
        bool makesListener = (flags & NewListener) != 0, synchronizes = (flags & ThreadSync) != 0;
        // Which number would the result be: the listener's, or that of a thread that could not take the filter?
        bool isAmbiguous = makesListener && synchronizes && (flags & ThreadSyncErrno) == 0;
        if ((flags & ~known) != 0 || isAmbiguous || (!makesListener && (flags & WaitKillable) != 0))
            return Errno.EINVAL;
        if (ReadProgram(task, argument).Failed(out SeccompProgram? program, out Errno error))
            return error;
        if (makesListener && HasListener(task.Seccomp))
            return Errno.EBUSY;
        SeccompListener? listener = makesListener ? new SeccompListener((flags & WaitKillable) != 0) : null;
        CollectedCharge charge = new(task.Account);
        if (!charge.TryAdd(ObjectCost.SeccompFilter + (program.Length * sizeof(ulong))))
            return Errno.ENOMEM;
        SeccompFilter filter = new(program, task.Seccomp?.Filter)
        {
            Listener = listener, LogsDenials = (flags & LogFlag) != 0, Charge = charge,
        };
        if (listener is null)
            return SeccompInstall.Filter(task, filter, synchronizes, (flags & ThreadSyncErrno) != 0);

        if (task.Files.Reserve(task.Group.Limits.OpenFiles).Failed(out int number, out error))
            return error;
        SyscallResult result = SeccompInstall.Filter(task, filter, synchronizes, (flags & ThreadSyncErrno) != 0);
        if (result.Register != 0)
        {
            task.Files.Unreserve(number);
            return result;
        }

        task.Files.Publish(number, new SeccompFile(listener, task.Credentials), closeOnExec: true);
        return number;
    }

    /// <summary>struct sock_fprog: a count and a pointer. EFAULT, EINVAL.</summary>
    private static Result<SeccompProgram> ReadProgram(Task task, UserAddress argument)
    {
        Span<ulong> header = stackalloc ulong[2];
        if (task.Memory.Read(argument, MemoryMarshal.AsBytes(header)) is not Errno.Ok and Errno fault)
            return fault;
        int count = (ushort)header[0];
        if (count is 0 or > SeccompProgram.MaxInstructions)
            return Errno.EINVAL;
        BpfInstruction[] code = new BpfInstruction[count];
        if (task.Memory.Read(new UserAddress(header[1]), MemoryMarshal.AsBytes(code.AsSpan()))
            is not Errno.Ok and Errno unread)
            return unread;
        return SeccompProgram.Create(code);
    }

    private static bool HasListener(SeccompState? state)
    {
        for (SeccompFilter? filter = state?.Filter; filter is not null; filter = filter.Previous)
        {
            if (filter.Listener is not null)
                return true;
        }

        return false;
    }
}
