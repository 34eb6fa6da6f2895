namespace Sandbox.Linux;

/// <summary>An address in a guest's memory. It has no dereference: only <c>UserMemory</c> can follow it.</summary>
public readonly record struct UserAddress(ulong Value)
{
    /// <summary>The null pointer.</summary>
    public static UserAddress Null => default;

    /// <summary>True for the null pointer.</summary>
    public bool IsNull => Value == 0;

    /// <summary>This address plus <paramref name="bytes"/>, or EFAULT when it wraps.</summary>
    public Result<UserAddress> Add(ulong bytes)
    {
        ulong sum = Value + bytes;
        return sum < Value ? Errno.EFAULT : new UserAddress(sum);
    }

    /// <summary>Unchecked sum, for offsets inside a structure whose whole range a copy will check.</summary>
    public static UserAddress operator +(UserAddress address, ulong bytes) => new(address.Value + bytes);

    public override string ToString() => $"0x{Value:x}";
}

/// <summary>The guest address of a <typeparamref name="T"/> with its C layout.</summary>
public readonly record struct UserPtr<T>(UserAddress Address)
    where T : unmanaged
{
    public bool IsNull => Address.IsNull;

    /// <summary>The address of element <paramref name="index"/> of an array that starts here.</summary>
    public unsafe UserPtr<T> At(ulong index) => new(Address + (index * (ulong)sizeof(T)));

    public override string ToString() => Address.ToString();
}

/// <summary>The guest address of a NUL-terminated string (a path, a name).</summary>
public readonly record struct UserString(UserAddress Address)
{
    public bool IsNull => Address.IsNull;

    public override string ToString() => Address.ToString();
}

/// <summary>A file descriptor number as the guest passes it.</summary>
public readonly record struct Fd(int Number)
{
    /// <summary>AT_FDCWD (openat(2)).</summary>
    public static Fd CurrentDirectory => new(HostFile.CurrentDirectory);

    public override string ToString() => Number.ToString(System.Globalization.CultureInfo.InvariantCulture);
}
