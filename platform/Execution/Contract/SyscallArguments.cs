namespace Sandbox.Platform;

/// <summary>The number and arguments of a system call, and where it was made.</summary>
public struct SyscallArguments
{
    public int Number;
    public ulong A0;
    public ulong A1;
    public ulong A2;
    public ulong A3;
    public ulong A4;
    public ulong A5;
    public ulong InstructionPointer;
}
