using Sandbox.Linux;
using Sandbox.Platform;

namespace Sandbox.Sentry.Kernel.Futex;

/// <summary>
/// The encoded operation of FUTEX_WAKE_OP (futex(2)): how to change a word, and what its old value is compared with.
/// </summary>
internal readonly record struct FutexOperation(uint Code)
{
    private const uint ShiftArgument = 8;
    private const int MaxAttempts = 1000;

    private uint Operation => (Code >> 28) & 7;

    private uint Comparison => (Code >> 24) & 15;

    private int OperationArgument => (int)(Code << 8) >> 20; // Twelve bits, signed.

    private int ComparisonArgument => (int)(Code << 20) >> 20;

    /// <summary>
    /// Changes the word; true if its old value passes the comparison. EFAULT, ENOSYS for an unknown operation, EAGAIN
    /// if other processes never leave it alone. Within <see cref="IAddressSpace.BeginExchange"/>.
    /// </summary>
    public Result<bool> Apply(IAddressSpace space, UserAddress address)
    {
        uint argument = (uint)OperationArgument;
        if (((Code >> 28) & ShiftArgument) != 0)
            argument = 1u << (OperationArgument & 31);
        Span<byte> bytes = stackalloc byte[sizeof(uint)];
        if (space.Read(address, bytes).Failed(out int count, out Errno error))
            return error;
        if (count != bytes.Length)
            return Errno.EFAULT;
        uint word = BitConverter.ToUInt32(bytes);
        for (int attempt = 0; attempt < MaxAttempts; attempt++)
        {
            if (Next(word, argument).Failed(out uint changed, out error))
                return error;
            if (space.Exchange(address, word, changed).Failed(out uint found, out error))
                return error;
            if (found == word)
                return Passes((int)word);
            word = found;
        }

        return Errno.EAGAIN;
    }

    private Result<uint> Next(uint word, uint argument) => Operation switch
    {
        0 => argument,
        1 => word + argument,
        2 => word | argument,
        3 => word & ~argument,
        4 => word ^ argument,
        _ => Errno.ENOSYS,
    };

    private Result<bool> Passes(int word) => Comparison switch
    {
        0 => word == ComparisonArgument,
        1 => word != ComparisonArgument,
        2 => word < ComparisonArgument,
        3 => word <= ComparisonArgument,
        4 => word > ComparisonArgument,
        5 => word >= ComparisonArgument,
        _ => Errno.ENOSYS,
    };
}
