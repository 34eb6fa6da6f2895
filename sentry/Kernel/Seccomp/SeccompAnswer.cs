namespace Sandbox.Sentry.Kernel.Seccomp;

/// <summary>
/// SECCOMP_RET_*: what a filter answers. The lowest of all filters' counts, as a signed number (seccomp(2)).
/// </summary>
internal static class SeccompAnswer
{
    public const uint KillProcess = 0x80000000, KillThread = 0, Trap = 0x30000, Fail = 0x50000, Notify = 0x7FC00000,
        Trace = 0x7FF00000, Log = 0x7FFC0000, Allow = 0x7FFF0000;

    public const uint ActionMask = 0xFFFF0000, DataMask = 0xFFFF;

    /// <summary>True for the actions there are, with no data.</summary>
    public static bool IsAction(uint action) =>
        action is KillProcess or KillThread or Trap or Fail or Notify or Trace or Log or Allow;

    /// <summary>True if <paramref name="answer"/> is the stricter.</summary>
    public static bool IsStricter(uint answer, uint other) => (int)(answer & ActionMask) < (int)(other & ActionMask);
}
