using Sandbox.Linux;
using Sandbox.Platform;
using Sandbox.Sentry.Kernel.Tasks;
using Sandbox.Sentry.Security;

namespace Sandbox.Sentry.Syscalls;

/// <summary>prctl(2), set_tid_address(2).</summary>
internal static class PrctlSyscalls
{
    private const int NameBytes = 16;

    private enum Option
    {
        SetParentDeathSignal = 1,
        GetParentDeathSignal = 2,
        GetDumpable = 3,
        SetDumpable = 4,
        GetKeepCaps = 7,
        SetKeepCaps = 8,
        GetTiming = 13,
        SetTiming = 14,
        SetName = 15,
        GetName = 16,
        GetSeccomp = 21,
        SetSeccomp = 22,
        ReadBounding = 23,
        DropBounding = 24,
        GetTimestampCounter = 25,
        SetTimestampCounter = 26,
        GetSecureBits = 27,
        SetSecureBits = 28,
        SetTimerSlack = 29,
        GetTimerSlack = 30,
        GetMachineCheckPolicy = 34,
        SetChildSubreaper = 36,
        GetChildSubreaper = 37,
        SetNoNewPrivileges = 38,
        GetNoNewPrivileges = 39,
        GetTidAddress = 40,
        SetHugePagesDisabled = 41,
        GetHugePagesDisabled = 42,
        Ambient = 47,
        SetWriteExecuteDenial = 65,
        GetWriteExecuteDenial = 66,
        GetAuxiliaryVector = 0x41555856,
        SetPtracer = 0x59616d61,
        SetMappingName = 0x53564d41,
    }

    public static SyscallResult Control(Task task, int option, ulong a, ulong b, ulong c, ulong d)
    {
        switch ((Option)option)
        {
            case Option.SetName:
                return SetName(task, new UserAddress(a));
            case Option.GetName:
                return GetName(task, new UserAddress(a));
            case Option.SetParentDeathSignal:
                if (a > (ulong)Signal.Last)
                    return Errno.EINVAL;
                task.ParentDeathSignal = (Signal)a;
                return 0;
            case Option.GetParentDeathSignal:
                return task.Memory.Write(new UserPtr<int>(new UserAddress(a)), (int)task.ParentDeathSignal);
            case Option.SetChildSubreaper:
                task.Group.IsChildSubreaper = a != 0;
                return 0;
            case Option.GetChildSubreaper:
                return task.Memory.Write(new UserPtr<int>(new UserAddress(a)), task.Group.IsChildSubreaper ? 1 : 0);
            case Option.GetTidAddress:
                return task.Memory.Write(new UserPtr<ulong>(new UserAddress(a)), task.ClearChildTid.Value);
            case Option.SetTimerSlack:
                task.Scheduling = task.Scheduling with { TimerSlack = a == 0 ? Scheduling.Default.TimerSlack : a };
                return 0;
            case Option.GetTimerSlack:
                return (long)task.Scheduling.TimerSlack;
            case Option.SetPtracer:
                return 0; // Yama's exception list: the Sentry lets no sibling trace anyway.
            default:
                return IsPrivilegeOption((Option)option)
                    ? ControlPrivileges(task, (Option)option, a, b, c, d)
                    : ControlMemory(task, (Option)option, a, b, c, d);
        }
    }

    public static SyscallResult SetTidAddress(Task task, UserAddress address)
    {
        task.ClearChildTid = address;
        return task.Id.In(task.PidNamespace);
    }

    private static bool IsPrivilegeOption(Option option) => option is Option.GetKeepCaps or Option.SetKeepCaps
        or Option.ReadBounding or Option.DropBounding or Option.GetSecureBits or Option.SetSecureBits
        or Option.SetNoNewPrivileges or Option.GetNoNewPrivileges or Option.Ambient;

    private static SyscallResult ControlPrivileges(Task task, Option option, ulong a, ulong b, ulong c, ulong d)
    {
        Credentials own = task.Credentials;
        switch (option)
        {
            case Option.GetKeepCaps:
                return (own.SecureBits & SecureBits.KeepCaps) != 0 ? 1 : 0;
            case Option.SetKeepCaps:
                return SetKeepCaps(task, a);
            case Option.ReadBounding:
                return a > (ulong)Capability.Last ? Errno.EINVAL : own.Bounding.Has((Capability)a) ? 1 : 0;
            case Option.DropBounding:
                if (!own.Has(Capability.SetPcap, own.UserNamespace))
                    return Errno.EPERM;
                if (a > (ulong)Capability.Last)
                    return Errno.EINVAL;
                task.Credentials = own with { Bounding = own.Bounding.Without((Capability)a) };
                return 0;
            case Option.GetSecureBits:
                return (long)own.SecureBits;
            case Option.SetSecureBits:
                return SetSecureBits(task, a);
            case Option.SetNoNewPrivileges:
                if (a != 1 || b != 0 || c != 0 || d != 0)
                    return Errno.EINVAL;
                task.Credentials = own with { NoNewPrivileges = true };
                return 0;
            case Option.GetNoNewPrivileges:
                return (a | b | c | d) != 0 ? Errno.EINVAL : own.NoNewPrivileges ? 1 : 0;
            default:
                return ControlAmbient(task, a, b, c | d);
        }
    }

    private static SyscallResult SetKeepCaps(Task task, ulong value)
    {
        Credentials own = task.Credentials;
        if (value > 1)
            return Errno.EINVAL;
        if ((own.SecureBits & (SecureBits.KeepCaps << 1)) != 0)
            return Errno.EPERM;
        uint others = own.SecureBits & ~SecureBits.KeepCaps;
        task.Credentials = own with { SecureBits = value == 1 ? others | SecureBits.KeepCaps : others };
        return 0;
    }

    private static SyscallResult SetSecureBits(Task task, ulong value)
    {
        Credentials own = task.Credentials;
        uint locks = own.SecureBits & SecureBits.Locks;
        bool changesLocked = (((own.SecureBits ^ value) & (locks >> 1)) != 0) || (locks & ~value) != 0;
        if (changesLocked || (value & ~(ulong)SecureBits.All) != 0 || !own.Has(Capability.SetPcap, own.UserNamespace))
            return Errno.EPERM;
        task.Credentials = own with { SecureBits = (uint)value };
        return 0;
    }

    private static SyscallResult ControlAmbient(Task task, ulong operation, ulong number, ulong rest)
    {
        const ulong isSet = 1, raise = 2, lower = 3, clearAll = 4;
        Credentials own = task.Credentials;
        if (operation == clearAll)
        {
            if ((number | rest) != 0)
                return Errno.EINVAL;
            task.Credentials = own with { Ambient = CapabilitySet.Empty };
            return 0;
        }

        if (rest != 0 || number > (ulong)Capability.Last)
            return Errno.EINVAL;
        Capability capability = (Capability)number;
        switch (operation)
        {
            case isSet:
                return own.Ambient.Has(capability) ? 1 : 0;
            case raise:
                if (!own.Permitted.Has(capability) || !own.Inheritable.Has(capability)
                    || (own.SecureBits & SecureBits.NoAmbientRaise) != 0)
                {
                    return Errno.EPERM;
                }

                task.Credentials = own with { Ambient = own.Ambient.With(capability) };
                return 0;
            case lower:
                task.Credentials = own with { Ambient = own.Ambient.Without(capability) };
                return 0;
            default:
                return Errno.EINVAL;
        }
    }

    private static SyscallResult ControlMemory(Task task, Option option, ulong a, ulong b, ulong c, ulong d)
    {
        switch (option)
        {
            case Option.GetDumpable:
                return task.GuestMemory.IsDumpable ? 1 : 0;
            case Option.SetDumpable:
                if (a > 1)
                    return Errno.EINVAL;
                task.GuestMemory.IsDumpable = a == 1;
                return 0;
            case Option.GetTiming:
                return 0;
            case Option.SetTiming:
                return a == 0 ? 0 : Errno.EINVAL;
            case Option.GetSeccomp:
                return task.Seccomp?.Mode ?? 0;
            case Option.SetSeccomp:
                return SeccompSyscalls.SetMode(task, a, new UserAddress(b));
            case Option.GetTimestampCounter:
                return task.Memory.Write(new UserPtr<int>(new UserAddress(a)), 1);
            case Option.SetTimestampCounter:
                return a == 1 ? 0 : Errno.EINVAL;
            case Option.GetMachineCheckPolicy:
                return 2; // PR_MCE_KILL_DEFAULT.
            case Option.GetHugePagesDisabled:
                return (a | b | c | d) != 0 ? Errno.EINVAL : task.GuestMemory.IsHugePageDisabled ? 1 : 0;
            case Option.SetHugePagesDisabled:
                if ((b | c | d) != 0)
                    return Errno.EINVAL;
                task.GuestMemory.IsHugePageDisabled = a != 0;
                task.NextAction = GuestAction.ExecuteOnHost(); // A flag of the caller's own memory, told in registers.
                return 0;
            case Option.SetWriteExecuteDenial:
                return (b | c | d) != 0 ? Errno.EINVAL : WriteExecuteDenial.Set(task, a);
            case Option.GetWriteExecuteDenial:
                return (a | b | c | d) != 0 ? Errno.EINVAL : (long)task.GuestMemory.WriteExecuteDenial;
            case Option.GetAuxiliaryVector:
                return (c | d) != 0 ? Errno.EINVAL : GetAuxiliaryVector(task, new UserAddress(a), b);
            case Option.SetMappingName:
                return a == 0 ? 0 : Errno.EINVAL; // PR_SET_VMA_ANON_NAME: names show nowhere.
            default:
                return Errno.EINVAL;
        }
    }

    // As many bytes as there is room for; how many there are is the answer.
    private static SyscallResult GetAuxiliaryVector(Task task, UserAddress destination, ulong room)
    {
        byte[] vector = task.GuestMemory.AuxiliaryVector;
        Errno error = task.Memory.Write(destination, vector.AsSpan(0, (int)Math.Min(room, (ulong)vector.Length)));
        return error != Errno.Ok ? error : vector.Length;
    }

    private static SyscallResult SetName(Task task, UserAddress source)
    {
        Span<byte> name = stackalloc byte[NameBytes];
        Result<int> length = task.Memory.ReadString(source, name[..(NameBytes - 1)], Errno.ENAMETOOLONG);
        if (length.Failed(out int bytes, out Errno error))
        {
            if (error != Errno.ENAMETOOLONG)
                return error;
            bytes = NameBytes - 1; // Longer names are cut.
        }

        task.Name = name[..bytes].ToArray();
        return 0;
    }

    private static SyscallResult GetName(Task task, UserAddress destination)
    {
        Span<byte> name = stackalloc byte[NameBytes];
        name.Clear();
        byte[] own = task.Name;
        own.AsSpan(0, Math.Min(own.Length, NameBytes - 1)).CopyTo(name);
        return task.Memory.Write(destination, name);
    }
}
