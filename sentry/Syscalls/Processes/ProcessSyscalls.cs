using System.Runtime.InteropServices;
using Sandbox.Linux;
using Sandbox.Sentry.Kernel.Namespaces;
using Sandbox.Sentry.Kernel.Processes;
using Sandbox.Sentry.Kernel.Signals;
using Sandbox.Sentry.Kernel.Tasks;

namespace Sandbox.Sentry.Syscalls;

/// <summary>fork(2), vfork(2), clone(2), clone3(2), exit(2), exit_group(2), wait4(2), waitid(2).</summary>
internal static class ProcessSyscalls
{
    private const int CloneArgsSize0 = 64, MaxCloneArgsBytes = 4096;

    public static SyscallResult Fork(Task task) =>
        TaskClone.Clone(task, new CloneArguments { ExitSignal = Signal.Child });

    public static SyscallResult Vfork(Task task) =>
        TaskClone.Clone(
            task, new CloneArguments { Flags = CloneFlags.VFork | CloneFlags.Vm, ExitSignal = Signal.Child });

    public static SyscallResult Clone(
        Task task, ulong flags, UserAddress stack, UserAddress parentTid, UserAddress childTid, ulong tls)
    {
        CloneFlags all = (CloneFlags)flags;
        if ((all & (CloneFlags.PidFd | CloneFlags.ParentSetTid)) == (CloneFlags.PidFd | CloneFlags.ParentSetTid))
            return Errno.EINVAL; // Both would be written to the same word.
        return TaskClone.Clone(task, new CloneArguments
        {
            Flags = all & ~CloneFlags.ExitSignalMask & (CloneFlags)uint.MaxValue,
            ExitSignal = (Signal)(flags & 0xFF),
            StackPointer = stack,
            ParentTid = parentTid,
            ChildTid = childTid,
            PidFd = parentTid,
            Tls = tls,
        });
    }

    public static SyscallResult Clone3(Task task, UserAddress address, nuint size)
    {
        if (size > MaxCloneArgsBytes)
            return Errno.E2BIG;
        if (size < CloneArgsSize0)
            return Errno.EINVAL;
        Span<ulong> fields = stackalloc ulong[11];
        fields.Clear();
        Span<byte> bytes = MemoryMarshal.AsBytes(fields);
        if (CopyStruct(task, address, (int)size, bytes) is not Errno.Ok and Errno error)
            return error;
        CloneFlags flags = (CloneFlags)fields[0];
        const CloneFlags legacy = CloneFlags.Detached | CloneFlags.ExitSignalMask;
        if ((flags & legacy) != 0 || (ulong)flags >> 34 != 0 || fields[4] > (ulong)Signal.Last)
            return Errno.EINVAL;
        if (fields[8] != 0 || fields[9] != 0 || (flags & CloneFlags.IntoCgroup) != 0)
            return Errno.EINVAL; // set_tid and CLONE_INTO_CGROUP are not supported.
        ulong stack = fields[5], stackBytes = fields[6];
        if ((stack == 0) != (stackBytes == 0) || stack + stackBytes < stack)
            return Errno.EINVAL;
        return TaskClone.Clone(task, new CloneArguments
        {
            Flags = flags,
            PidFd = new UserAddress(fields[1]),
            ChildTid = new UserAddress(fields[2]),
            ParentTid = new UserAddress(fields[3]),
            ExitSignal = (Signal)fields[4],
            StackPointer = new UserAddress(stack + stackBytes),
            Tls = fields[7],
        });
    }

    public static SyscallResult Exit(Task task, int status)
    {
        task.ExitStatus = (status & 0xFF) << 8;
        return Leave(task);
    }

    public static SyscallResult ExitGroup(Task task, int status)
    {
        using (task.Kernel.Tree.Enter())
            TaskExit.BeginGroupExit(task.Group, (status & 0xFF) << 8);
        return Leave(task);
    }

    public static SyscallResult Wait4(
        Task task, int pid, UserPtr<int> status, WaitOptions options, UserPtr<ResourceUsage> usage)
    {
        const WaitOptions known = WaitOptions.NoHang | WaitOptions.Stopped | WaitOptions.Continued
            | WaitOptions.NoThread
            | WaitOptions.All | WaitOptions.CloneOnly;
        if ((options & ~known) != 0)
            return Errno.EINVAL;
        if (pid == int.MinValue)
            return Errno.ESRCH;
        (WaitTarget target, int number) = pid switch
        {
            -1 => (WaitTarget.Any, 0),
            0 => (WaitTarget.ProcessGroup, 0),
            < 0 => (WaitTarget.ProcessGroup, -pid),
            _ => (WaitTarget.Process, pid),
        };
        Pid? id = FindId(task, target, number);
        if (ChildWait.Wait(task, target, id, options | WaitOptions.Exited).Failed(
            out ChildChange change, out Errno error))
            return error;
        if (change.Pid == 0)
            return 0;
        if (!status.IsNull && task.Memory.Write(status, change.Status) is not Errno.Ok and Errno fault)
            return fault;
        if (!usage.IsNull && task.Memory.Write(usage, UsageOf(change)) is not Errno.Ok and Errno usageFault)
            return usageFault;
        return change.Pid;
    }

    public static SyscallResult WaitId(
        Task task, int idType, int id, UserPtr<SignalInfo> info, WaitOptions options, UserPtr<ResourceUsage> usage)
    {
        const WaitOptions states = WaitOptions.Exited | WaitOptions.Stopped | WaitOptions.Continued;
        const WaitOptions known = states | WaitOptions.NoHang | WaitOptions.NoReap | WaitOptions.NoThread
            | WaitOptions.All
            | WaitOptions.CloneOnly;
        if ((options & ~known) != 0 || (options & states) == 0)
            return Errno.EINVAL;
        if (FindTarget(task, idType, id).Failed(out (WaitTarget Target, Pid? Id) who, out Errno error))
            return error;
        if (ChildWait.Wait(task, who.Target, who.Id, options).Failed(out ChildChange change, out error))
            return error;
        SignalInfo result = default;
        if (change.Pid != 0)
        {
            result.Number = (int)Signal.Child;
            result.Code = change.Code;
            result.SenderPid = change.Pid;
            result.SenderUserId = task.Credentials.UserNamespace.UserFromKernel(change.UserId);
            result.Status = StatusValue(change);
        }

        if (!info.IsNull && task.Memory.Write(info, result) is not Errno.Ok and Errno fault)
            return fault;
        if (!usage.IsNull && change.Pid != 0
            && task.Memory.Write(usage, UsageOf(change)) is not Errno.Ok and Errno usageFault)
            return usageFault;
        return 0;
    }

    private static SyscallResult Leave(Task task)
    {
        task.NextAction = TaskExit.Run(task);
        return 0;
    }

    private static Result<(WaitTarget, Pid?)> FindTarget(Task task, int idType, int id)
    {
        const int all = 0, process = 1, processGroup = 2, pidFd = 3;
        switch (idType)
        {
            case all:
                return (WaitTarget.Any, null);
            case process:
                return id <= 0 ? Errno.EINVAL : (WaitTarget.Process, FindId(task, WaitTarget.Process, id));
            case processGroup:
                return id < 0 ? Errno.EINVAL : (WaitTarget.ProcessGroup, FindId(task, WaitTarget.ProcessGroup, id));
            case pidFd:
                if (task.Files.Get(new Fd(id)).Failed(out Vfs.OpenFile? file, out Errno error))
                    return error;
                Pid? pid = (file as IPidFile)?.Process.Id;
                file.Release();
                return pid is null ? Errno.EINVAL : (WaitTarget.Process, pid);
            default:
                return Errno.EINVAL;
        }
    }

    private static Pid? FindId(Task task, WaitTarget target, int number)
    {
        if (target == WaitTarget.Any)
            return null;
        using (task.Kernel.Tree.Enter())
        {
            return target == WaitTarget.ProcessGroup && number == 0
                ? task.Group.ProcessGroup.Id
                : task.PidNamespace.Find(number);
        }
    }

    private static int StatusValue(in ChildChange change) => change.Code switch
    {
        SignalInfo.ChildExited => (change.Status >> 8) & 0xFF,
        SignalInfo.ChildStopped => (change.Status >> 8) & 0xFF,
        SignalInfo.ChildContinued => (int)Signal.Continue,
        _ => change.Status & 0x7F,
    };

    private static ResourceUsage UsageOf(in ChildChange change) => new()
    {
        UserTime = Timeval.FromNanoseconds(change.UserTime),
        SystemTime = Timeval.FromNanoseconds(change.SystemTime),
        MaxResident = change.PeakResident,
    };

    /// <summary>
    /// Copies a versioned structure in (copy_struct_from_user): unknown trailing bytes must be zero, E2BIG otherwise.
    /// </summary>
    internal static Errno CopyStruct(Task task, UserAddress address, int size, Span<byte> destination)
    {
        int known = Math.Min(size, destination.Length);
        if (task.Memory.Read(address, destination[..known]) is not Errno.Ok and Errno error)
            return error;
        if (size <= destination.Length)
            return Errno.Ok;
        byte[] rest = new byte[size - destination.Length];
        if (task.Memory.Read(address + (ulong)destination.Length, rest) is not Errno.Ok and Errno fault)
            return fault;
        return rest.AsSpan().IndexOfAnyExcept((byte)0) >= 0 ? Errno.E2BIG : Errno.Ok;
    }
}
