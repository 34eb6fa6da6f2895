using System.Diagnostics.CodeAnalysis;

namespace Sandbox.Linux;

/// <summary>
/// A value or an <see cref="Errno"/>; a struct, so the failure path costs no exception and no allocation.
/// </summary>
public readonly struct Result<T>
{
    private readonly T _value;
    private readonly Errno _error;

    private Result(T value, Errno error) => (_value, _error) = (value, error);

    /// <summary>The error, or <see cref="Errno.Ok"/>.</summary>
    public Errno Error => _error;

    /// <summary>
    /// A successful result, for <typeparamref name="T"/> an interface (which cannot convert implicitly).
    /// </summary>
    public static Result<T> Of(T value) => new(value, Errno.Ok);

    public static implicit operator Result<T>(T value) => new(value, Errno.Ok);
    public static implicit operator Result<T>(Errno error) => new(default!, error);

    /// <summary>
    /// True if this is an error. The one way in, so that a value cannot be read without its check:
    /// <c>if (open.Failed(out var file, out var error)) return error;</c>
    /// </summary>
    public bool Failed([MaybeNullWhen(true)] out T value, out Errno error)
    {
        (value, error) = (_value, _error);
        return _error != Errno.Ok;
    }
}

/// <summary>What a system call leaves in RAX: a value, or a negated <see cref="Errno"/>.</summary>
public readonly record struct SyscallResult(long Register)
{
    /// <summary>
    /// The error number, or <see cref="Errno.Ok"/> if the register holds a value (MAX_ERRNO is 4095).
    /// </summary>
    public Errno Error => Register is < 0 and >= -4095 ? (Errno)(int)-Register : Errno.Ok;

    public static implicit operator SyscallResult(Errno error) => new(-(long)error);
    public static implicit operator SyscallResult(int value) => new(value);
    public static implicit operator SyscallResult(long value) => new(value);
    public static implicit operator SyscallResult(Result<int> result) =>
        result.Failed(out int value, out Errno error) ? new(-(long)error) : new(value);
    public static implicit operator SyscallResult(Result<long> result) =>
        result.Failed(out long value, out Errno error) ? new(-(long)error) : new(value);
}
