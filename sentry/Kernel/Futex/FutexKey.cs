using Sandbox.Linux;
using Sandbox.Sentry.Kernel.Tasks;

namespace Sandbox.Sentry.Kernel.Futex;

/// <summary>
/// What makes two futex words the same word: the place in one address space, or, in a shared mapping, the place in the
/// mapped file (futex(2), FUTEX_PRIVATE_FLAG).
/// </summary>
/// <param name="Memory">The address space of a private futex; null for a shared one.</param>
/// <param name="Device">Device of the mapped file.</param>
/// <param name="Inode">Inode of the mapped file.</param>
/// <param name="Offset">Address, or offset in the file.</param>
internal readonly record struct FutexKey(GuestMemory? Memory, ulong Device, ulong Inode, ulong Offset)
{
    public bool IsShared => Memory is null;

    public static FutexKey Private(Task task, UserAddress address) => new(task.GuestMemory, 0, 0, address.Value);

    /// <summary>The key of a word in whatever is mapped there. EFAULT if nothing is.</summary>
    public static Result<FutexKey> Shared(Task task, UserAddress address)
    {
        if (!task.GuestMemory.HasSharedMappings)
            return Private(task, address);
        if (task.GuestMemory.Space.FindMapping(address).Failed(out Platform.HostMapping mapping, out Errno error))
            return error;

        // A word of a private mapping is only ever the word of this address space.
        if (!mapping.IsShared)
            return Private(task, address);
        return new FutexKey(null, mapping.Device, mapping.Inode, mapping.Offset + (address.Value - mapping.Start));
    }

    /// <summary>Spreads the words of one page and those at equal places of many stacks.</summary>
    public uint Hash()
    {
        ulong mixed = ((Offset >> 2) ^ (Offset >> 14) ^ (Inode * 31)) * 0x9E37_79B9_7F4A_7C15;
        return (uint)(mixed >> 40) ^ (uint)(Memory is null
            ? 0
            : System.Runtime.CompilerServices.RuntimeHelpers.GetHashCode(Memory));
    }
}
