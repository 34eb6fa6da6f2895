namespace Sandbox.Sentry.Security;

/// <summary>SECBIT_* (capabilities(7), "The securebits flags"). Each flag has a lock bit right above it.</summary>
internal static class SecureBits
{
    public const uint NoRoot = 1, NoSetUidFixup = 1 << 2, KeepCaps = 1 << 4, NoAmbientRaise = 1 << 6;

    /// <summary>The flags, and their locks.</summary>
    public const uint Flags = NoRoot | NoSetUidFixup | KeepCaps | NoAmbientRaise, Locks = Flags << 1,
        All = Flags | Locks;
}
