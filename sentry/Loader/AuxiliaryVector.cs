using System.Buffers.Binary;

namespace Sandbox.Sentry.Loader;

/// <summary>The keys of the auxiliary vector (getauxval(3)).</summary>
internal enum AuxKey : ulong
{
    Null = 0,
    ProgramHeaders = 3,
    ProgramHeaderBytes = 4,
    ProgramHeaderCount = 5,
    PageBytes = 6,
    InterpreterBase = 7,
    Flags = 8,
    Entry = 9,
    UserId = 11,
    EffectiveUserId = 12,
    GroupId = 13,
    EffectiveGroupId = 14,
    Platform = 15,
    HardwareCapabilities = 16,
    ClockTicks = 17,
    Secure = 23,
    Random = 25,
    HardwareCapabilities2 = 26,
    ExecutablePath = 31,
    VdsoAddress = 33,
    MinimumSignalStack = 51,
}

/// <summary>The auxiliary vector of a new image, in the order it is written.</summary>
internal sealed class AuxiliaryVector
{
    private readonly List<(AuxKey Key, ulong Value)> _entries = [];

    public void Add(AuxKey key, ulong value) => _entries.Add((key, value));

    /// <summary>Size with the closing AT_NULL.</summary>
    public int ByteCount => (_entries.Count + 1) * 16;

    public byte[] ToBytes()
    {
        byte[] bytes = new byte[ByteCount];
        for (int index = 0; index < _entries.Count; index++)
        {
            BinaryPrimitives.WriteUInt64LittleEndian(bytes.AsSpan(index * 16), (ulong)_entries[index].Key);
            BinaryPrimitives.WriteUInt64LittleEndian(bytes.AsSpan((index * 16) + 8), _entries[index].Value);
        }

        return bytes;
    }
}
