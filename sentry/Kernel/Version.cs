namespace Sandbox.Sentry.Kernel;

/// <summary>
/// What the virtual kernel says it is (uname(2), /proc/version): the Linux whose behaviour it follows.
/// </summary>
internal static class Version
{
    public static ReadOnlySpan<byte> System => "Linux"u8;

    public static ReadOnlySpan<byte> Release => "6.12.0"u8;

    public static ReadOnlySpan<byte> Build => "#1 SMP PREEMPT_DYNAMIC Sat Nov 16 00:00:00 UTC 2024"u8;

    public static ReadOnlySpan<byte> Machine => "x86_64"u8;
}
