using System.Runtime.CompilerServices;
using Sandbox.Platform;

namespace Sandbox.Sentry.Kernel.Seccomp;

/// <summary>struct seccomp_data (seccomp(2)) as the sixteen words a filter can load.</summary>
[InlineArray(WordCount)]
internal struct SeccompData
{
    public const int WordCount = 16, Bytes = 64;
    public const uint ArchX64 = 0xC000003E, ArchX86 = 0x40000003;

    private uint _word;

    public static SeccompData Of(in SyscallArguments call)
    {
        SeccompData data = default;
        // The platform knows no number of another architecture's call: it is refused whatever a filter says.
        bool isForeign = call.Number == int.MaxValue;
        data[0] = isForeign ? uint.MaxValue : (uint)call.Number;
        data[1] = isForeign ? ArchX86 : ArchX64;
        ReadOnlySpan<ulong> values = [call.InstructionPointer, call.A0, call.A1, call.A2, call.A3, call.A4, call.A5];
        for (int index = 0; index < values.Length; index++)
            (data[2 + (2 * index)], data[3 + (2 * index)]) = ((uint)values[index], (uint)(values[index] >> 32));
        return data;
    }
}
