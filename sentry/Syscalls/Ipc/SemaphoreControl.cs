using System.Runtime.InteropServices;
using Sandbox.Linux;
using Sandbox.Sentry.Kernel.SystemV;
using Sandbox.Sentry.Kernel.Tasks;

namespace Sandbox.Sentry.Syscalls;

/// <summary>semctl(2).</summary>
internal static class SemaphoreControl
{
    private const uint Alter = 2, Read = 4;

    private enum Command
    {
        Remove = 0,
        Set = 1,
        Stat = 2,
        Info = 3,
        GetPid = 11,
        GetValue = 12,
        GetAll = 13,
        GetTakers = 14,
        GetZeroWaiters = 15,
        SetValue = 16,
        SetAll = 17,
        StatSlot = 18,
        Usage = 19,
        StatAny = 20,
    }

    /// <summary>struct semid64_ds, x86-64 (arch/x86/include/uapi/asm/sembuf.h).</summary>
    [StructLayout(LayoutKind.Sequential)]
    internal struct SetRecord
    {
        public IpcPermissionRecord Permissions;
        public long OperationTime;
        private readonly ulong _unused0;
        public long ChangeTime;
        private readonly ulong _unused1;
        public ulong Count;
        private readonly ulong _unused2;
        private readonly ulong _unused3;
    }

    /// <summary>struct seminfo.</summary>
    [StructLayout(LayoutKind.Sequential)]
    private readonly record struct Limits(
        int Map, int MaxSets, int MaxSemaphores, int MaxUndo, int MaxInSet, int MaxOperations, int MaxUndoEntries,
        int UndoBytes, int MaxValue, int MaxAdjustment);

    public static SyscallResult Control(Task task, int id, int number, int command, ulong argument)
    {
        SystemVObjects objects = SystemVObjects.Of(task.Namespaces.Ipc);
        UserAddress address = new(argument);
        return (Command)command switch
        {
            Command.Remove => Remove(task, objects, id),
            Command.Set => Set(task, objects, id, new UserPtr<SetRecord>(address)),
            Command.Stat or Command.StatSlot or Command.StatAny =>
                Stat(task, objects, id, new UserPtr<SetRecord>(address), (Command)command),
            Command.Info or Command.Usage =>
                Info(task, objects, new UserPtr<Limits>(address), (Command)command == Command.Usage),
            Command.GetPid or Command.GetValue or Command.GetTakers or Command.GetZeroWaiters =>
                GetOne(task, objects, id, number, (Command)command),
            Command.SetValue => SetOne(task, objects, id, number, (int)argument),
            Command.GetAll => GetAll(task, objects, id, new UserPtr<ushort>(address)),
            Command.SetAll => SetAll(task, objects, id, new UserPtr<ushort>(address)),
            _ => Errno.EINVAL,
        };
    }

    private static SyscallResult Remove(Task task, SystemVObjects objects, int id)
    {
        SemaphoreSet? set;
        using (objects.Lock.Enter())
        {
            if (objects.Sets.GetOwned(id, task.Credentials).Failed(out set, out Errno error))
                return error;
            objects.Sets.Remove(set);
            objects.Semaphores -= set.Values.Length;
        }

        set.Waiters.Notify(PollEvents.In);
        return 0;
    }

    private static SyscallResult Set(Task task, SystemVObjects objects, int id, UserPtr<SetRecord> buffer)
    {
        if (task.Memory.Read(buffer, out SetRecord wanted) is not Errno.Ok and Errno fault)
            return fault;
        using (objects.Lock.Enter())
        {
            if (objects.Sets.GetOwned(id, task.Credentials).Failed(out SemaphoreSet? set, out Errno error))
                return error;
            return set.Set(wanted.Permissions, task.Credentials.UserNamespace);
        }
    }

    private static SyscallResult Stat(
        Task task, SystemVObjects objects, int id, UserPtr<SetRecord> buffer, Command command)
    {
        SetRecord record;
        int answer = 0;
        using (objects.Lock.Enter())
        {
            uint wanted = command == Command.StatAny ? 0 : Read;
            Result<SemaphoreSet> found = command == Command.Stat
                ? objects.Sets.Get(id, wanted, task.Credentials)
                : objects.Sets.GetSlot(id, wanted, task.Credentials);
            if (found.Failed(out SemaphoreSet? set, out Errno error))
                return error;
            record = new SetRecord
            {
                Permissions = set.Describe(task.Credentials.UserNamespace),
                OperationTime = set.OperationTime,
                ChangeTime = set.ChangeTime,
                Count = (ulong)set.Values.Length,
            };
            if (command != Command.Stat)
                answer = set.Id;
        }

        return task.Memory.Write(buffer, record) is not Errno.Ok and Errno fault ? fault : answer;
    }

    private static SyscallResult Info(Task task, SystemVObjects objects, UserPtr<Limits> buffer, bool isUsage)
    {
        const int undoBytes = 20;
        int sets, semaphores = 0, highest;
        using (objects.Lock.Enter())
        {
            foreach (SemaphoreSet set in objects.Sets.All)
                semaphores += set.Values.Length;
            (sets, highest) = (objects.Sets.Count, objects.Sets.HighestSlot);
        }

        IpcLimits own = objects.Limits;
        int most = own.Number(IpcLimit.Semaphores), operations = own.Number(IpcLimit.Operations);
        Limits limits = new(
            most, own.Number(IpcLimit.Sets), most, most, own.Number(IpcLimit.SetSemaphores), operations, operations,
            isUsage ? sets : undoBytes, SystemVObjects.MaxSemaphoreValue,
            isUsage ? semaphores : SystemVObjects.MaxSemaphoreValue);
        return task.Memory.Write(buffer, limits) is not Errno.Ok and Errno fault ? fault : highest;
    }

    private static SyscallResult GetOne(Task task, SystemVObjects objects, int id, int number, Command command)
    {
        using (objects.Lock.Enter())
        {
            if (objects.Sets.Get(id, Read, task.Credentials).Failed(out SemaphoreSet? set, out Errno error))
                return error;
            if ((uint)number >= (uint)set.Values.Length)
                return Errno.EINVAL;
            return command switch
            {
                Command.GetPid => set.LastUsers[number]?.In(task.PidNamespace) ?? 0,
                Command.GetValue => set.Values[number],
                Command.GetTakers => set.WaitingToTake[number],
                _ => set.WaitingForZero[number],
            };
        }
    }

    private static SyscallResult SetOne(Task task, SystemVObjects objects, int id, int number, int value)
    {
        SemaphoreSet? set;
        using (objects.Lock.Enter())
        {
            if (objects.Sets.Get(id, Alter, task.Credentials).Failed(out set, out Errno error))
                return error;
            if ((uint)number >= (uint)set.Values.Length)
                return Errno.EINVAL;
            if (value is < 0 or > SystemVObjects.MaxSemaphoreValue)
                return Errno.ERANGE;
            set.Set(number, (ushort)value, task.Group.Id);
        }

        set.Waiters.Notify(PollEvents.In);
        return 0;
    }

    private static SyscallResult GetAll(Task task, SystemVObjects objects, int id, UserPtr<ushort> buffer)
    {
        ushort[] values;
        using (objects.Lock.Enter())
        {
            if (objects.Sets.Get(id, Read, task.Credentials).Failed(out SemaphoreSet? set, out Errno error))
                return error;
            values = (ushort[])set.Values.Clone();
        }

        return task.Memory.WriteArray<ushort>(buffer, values);
    }

    private static SyscallResult SetAll(Task task, SystemVObjects objects, int id, UserPtr<ushort> buffer)
    {
        SemaphoreSet? set;
        using (objects.Lock.Enter())
        {
            if (objects.Sets.Get(id, Alter, task.Credentials).Failed(out set, out Errno error))
                return error;
        }

        ushort[] values = new ushort[set.Values.Length];
        if (task.Memory.ReadArray<ushort>(buffer, values) is not Errno.Ok and Errno fault)
            return fault;
        if (Array.Exists(values, static value => value > SystemVObjects.MaxSemaphoreValue))
            return Errno.ERANGE;
        using (objects.Lock.Enter())
        {
            if (set.IsRemoved)
                return Errno.EIDRM;
            for (int number = 0; number < values.Length; number++)
                set.Set(number, values[number], task.Group.Id);
        }

        set.Waiters.Notify(PollEvents.In);
        return 0;
    }
}
