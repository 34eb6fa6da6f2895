namespace Sandbox.Platform.Shortcuts;

/// <summary>The answers of getpid(2), gettid(2), getuid(2), geteuid(2), getgid(2) and getegid(2).</summary>
public readonly record struct GuestIds(
    int Process, int Thread, uint User, uint EffectiveUser, uint Group, uint EffectiveGroup);
