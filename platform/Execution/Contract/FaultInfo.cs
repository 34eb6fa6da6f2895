namespace Sandbox.Platform;

/// <summary>A synchronous fault of guest code (sigaction(2), siginfo_t).</summary>
public readonly record struct FaultInfo(int Signal, int Code, ulong Address, ulong TrapNumber, ulong ErrorCode);
