using System.Buffers.Binary;
using Sandbox.Linux;
using Sandbox.Sentry.Vfs;

namespace Sandbox.Sentry.Syscalls;

/// <summary>
/// Writes directory entries as struct linux_dirent64 or, for the old call, struct linux_dirent (getdents(2)).
/// </summary>
internal sealed class DirectoryEncoder(byte[] buffer, int limit, bool isOld) : IDirectorySink
{
    private const int Header64 = 19, HeaderOld = 18;

    /// <summary>Bytes written.</summary>
    public int Length { get; private set; }

    /// <summary>An entry did not fit.</summary>
    public bool HasRefused { get; private set; }

    public bool Add(ReadOnlySpan<byte> name, ulong inode, FileType type, long nextOffset)
    {
        // Old entries have the type in their last byte, behind the name's NUL.
        int bytes = ((isOld ? HeaderOld + 1 : Header64) + name.Length + 1 + 7) & ~7;
        if (bytes > limit - Length)
        {
            HasRefused = true;
            return false;
        }

        Span<byte> entry = buffer.AsSpan(Length, bytes);
        entry.Clear();
        byte kind = (byte)((uint)type >> 12); // DT_*: the type bits of st_mode.
        BinaryPrimitives.WriteUInt64LittleEndian(entry, inode);
        BinaryPrimitives.WriteInt64LittleEndian(entry[8..], nextOffset);
        BinaryPrimitives.WriteUInt16LittleEndian(entry[16..], (ushort)bytes);
        if (isOld)
        {
            name.CopyTo(entry[HeaderOld..]);
            entry[^1] = kind;
        }
        else
        {
            entry[18] = kind;
            name.CopyTo(entry[Header64..]);
        }

        Length += bytes;
        return true;
    }
}
