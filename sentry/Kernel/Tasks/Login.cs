namespace Sandbox.Sentry.Kernel.Tasks;

/// <summary>The login that a task belongs to (audit's loginuid and sessionid); children inherit it.</summary>
/// <param name="UserId">User id as it was written; 4294967295 if nobody has logged in.</param>
/// <param name="Session">Number of the login since the sandbox began; 4294967295 without one.</param>
internal readonly record struct Login(uint UserId, uint Session)
{
    private static uint _sessions;

    public static Login None { get; } = new(uint.MaxValue, uint.MaxValue);

    public bool IsSet => UserId != uint.MaxValue;

    /// <summary>A new session of this user.</summary>
    public static Login Next(uint userId) => new(userId, Interlocked.Increment(ref _sessions));
}
