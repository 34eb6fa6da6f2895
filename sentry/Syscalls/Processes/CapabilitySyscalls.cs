using System.Runtime.InteropServices;
using Sandbox.Linux;
using Sandbox.Sentry.Kernel.Tasks;
using Sandbox.Sentry.Security;

namespace Sandbox.Sentry.Syscalls;

/// <summary>capget(2), capset(2).</summary>
internal static class CapabilitySyscalls
{
    private const uint Version1 = 0x19980330, Version2 = 0x20071026, Version3 = 0x20080522;

    /// <summary>struct __user_cap_header_struct.</summary>
    [StructLayout(LayoutKind.Sequential)]
    internal readonly record struct Header(uint Version, int Pid);

    /// <summary>struct __user_cap_data_struct.</summary>
    [StructLayout(LayoutKind.Sequential)]
    internal readonly record struct Words(uint Effective, uint Permitted, uint Inheritable);

    public static SyscallResult Get(Task task, UserPtr<Header> headerPointer, UserPtr<Words> data)
    {
        if (ReadHeader(task, headerPointer, out Header header, out int words) is not Errno.Ok and Errno error)
            return error == Errno.EINVAL && data.IsNull ? 0 : error;
        if (data.IsNull)
            return 0;
        if (header.Pid < 0)
            return Errno.EINVAL;
        Credentials credentials = task.Credentials;
        if (header.Pid != 0)
        {
            using (task.Kernel.Tree.Enter())
            {
                if (task.PidNamespace.Find(header.Pid)?.Task is not { } target)
                    return Errno.ESRCH;
                credentials = target.Credentials;
            }
        }

        Span<Words> sets = stackalloc Words[2];
        for (int index = 0; index < words; index++)
        {
            sets[index] = new Words(
                Word(credentials.Effective, index), Word(credentials.Permitted, index),
                Word(credentials.Inheritable, index));
        }

        return task.Memory.WriteArray<Words>(data, sets[..words]);
    }

    public static SyscallResult Set(Task task, UserPtr<Header> headerPointer, UserPtr<Words> data)
    {
        if (ReadHeader(task, headerPointer, out Header header, out int words) is not Errno.Ok and Errno error)
            return error;
        if (header.Pid != 0 && header.Pid != task.Id.In(task.PidNamespace))
            return Errno.EPERM;
        Span<Words> sets = stackalloc Words[2];
        sets.Clear();
        if (task.Memory.ReadArray(data, sets[..words]) is not Errno.Ok and Errno fault)
            return fault;
        return CredentialSyscalls.Commit(task, CredentialChange.SetCapabilities(
            task.Credentials,
            Join(sets[0].Effective, sets[1].Effective),
            Join(sets[0].Permitted, sets[1].Permitted),
            Join(sets[0].Inheritable, sets[1].Inheritable)));
    }

    /// <summary>EINVAL for an unknown version, with the one the kernel prefers written back.</summary>
    private static Errno ReadHeader(Task task, UserPtr<Header> pointer, out Header header, out int words)
    {
        words = 0;
        if (task.Memory.Read(pointer, out header) is not Errno.Ok and Errno error)
            return error;
        words = header.Version switch { Version1 => 1, Version2 or Version3 => 2, _ => 0 };
        if (words != 0)
            return Errno.Ok;
        Errno fault = task.Memory.Write(new UserPtr<uint>(pointer.Address), Version3);
        return fault == Errno.Ok ? Errno.EINVAL : fault;
    }

    private static uint Word(CapabilitySet set, int index) => (uint)(set.Mask >> (32 * index));

    // Bits the kernel does not know are dropped, not refused.
    private static CapabilitySet Join(uint low, uint high) =>
        new CapabilitySet(low | ((ulong)high << 32)) & CapabilitySet.Full;
}
