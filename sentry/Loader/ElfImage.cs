using System.Buffers.Binary;
using Sandbox.Linux;
using Sandbox.Sentry.Vfs;

namespace Sandbox.Sentry.Loader;

/// <summary>One PT_LOAD segment of an ELF file.</summary>
internal readonly record struct ElfSegment(
    ulong Address, ulong MemoryBytes, ulong FileOffset, ulong FileBytes, MemoryProtection Protection);

/// <summary>
/// What execve needs of an ELF64 x86-64 file (elf(5)). Every number comes from the guest and was checked: segments are
/// in order, do not wrap and stay below the user address limit.
/// </summary>
internal sealed class ElfImage
{
    private const int HeaderBytes = 64, ProgramHeaderBytes = 56;
    private const int MaxProgramHeaders = 128;
    private const int TypeExecutable = 2, TypeShared = 3, MachineX64 = 62;
    private const uint PtLoad = 1, PtInterpreter = 3, PtGnuStack = 0x6474e551;
    private const ulong AddressLimit = 0x7FFF_FFFF_F000;

    private ElfImage()
    {
    }

    public bool IsPositionIndependent { get; private init; }
    public ulong Entry { get; private init; }

    /// <summary>Address of the program headers in memory, before the load bias; 0 if no segment holds them.</summary>
    public ulong ProgramHeaders { get; private set; }
    public int ProgramHeaderCount { get; private init; }
    public List<ElfSegment> Segments { get; } = [];

    /// <summary>PT_INTERP's path, or null for a static image.</summary>
    public byte[]? Interpreter { get; private set; }

    /// <summary>PT_GNU_STACK asks for an executable stack.</summary>
    public bool HasExecutableStack { get; private set; }

    /// <summary>Lowest page and end of all segments, before the load bias.</summary>
    public ulong Start => Segments[0].Address & ~0xFFFul;

    public ulong End { get; private set; }

    /// <summary>True if the file starts like an ELF file.</summary>
    public static bool HasMagic(ReadOnlySpan<byte> head) => head.Length >= 4 && head[..4].SequenceEqual("\u007fELF"u8);

    /// <summary>
    /// Reads and checks the headers. ENOEXEC for anything that cannot be run, EIO when the file ends early.
    /// </summary>
    public static Result<ElfImage> Read(OpenFile file)
    {
        Span<byte> header = stackalloc byte[HeaderBytes];
        if (ReadExactly(file, header, 0) != Errno.Ok)
            return Errno.ENOEXEC;
        if (!HasMagic(header) || header[4] != 2 || header[5] != 1)
            return Errno.ENOEXEC;
        int type = BinaryPrimitives.ReadUInt16LittleEndian(header[16..]);
        int machine = BinaryPrimitives.ReadUInt16LittleEndian(header[18..]);
        int entryBytes = BinaryPrimitives.ReadUInt16LittleEndian(header[54..]);
        int count = BinaryPrimitives.ReadUInt16LittleEndian(header[56..]);
        ulong offset = BinaryPrimitives.ReadUInt64LittleEndian(header[32..]);
        if (type is not (TypeExecutable or TypeShared) || machine != MachineX64)
            return Errno.ENOEXEC;
        if (entryBytes != ProgramHeaderBytes || count is 0 or > MaxProgramHeaders || offset > long.MaxValue / 2)
            return Errno.ENOEXEC;

        ElfImage image = new()
        {
            IsPositionIndependent = type == TypeShared,
            Entry = BinaryPrimitives.ReadUInt64LittleEndian(header[24..]),
            ProgramHeaderCount = count,
        };
        byte[] table = new byte[count * ProgramHeaderBytes];
        if (ReadExactly(file, table, (long)offset) != Errno.Ok)
            return Errno.ENOEXEC;
        for (int index = 0; index < count; index++)
        {
            ReadOnlySpan<byte> entry = table.AsSpan(index * ProgramHeaderBytes, ProgramHeaderBytes);
            if (image.AddHeader(file, entry, offset) is not Errno.Ok and Errno error)
                return error;
        }

        return image.Segments.Count == 0 ? Errno.ENOEXEC : image;
    }

    private Errno AddHeader(OpenFile file, ReadOnlySpan<byte> entry, ulong tableOffset)
    {
        uint type = BinaryPrimitives.ReadUInt32LittleEndian(entry);
        uint flags = BinaryPrimitives.ReadUInt32LittleEndian(entry[4..]);
        ulong fileOffset = BinaryPrimitives.ReadUInt64LittleEndian(entry[8..]);
        ulong address = BinaryPrimitives.ReadUInt64LittleEndian(entry[16..]);
        ulong fileBytes = BinaryPrimitives.ReadUInt64LittleEndian(entry[32..]);
        ulong memoryBytes = BinaryPrimitives.ReadUInt64LittleEndian(entry[40..]);
        switch (type)
        {
            case PtLoad:
                return AddSegment(
                    new ElfSegment(address, memoryBytes, fileOffset, fileBytes, Protection(flags)), tableOffset);
            case PtInterpreter:
                return ReadInterpreter(file, fileOffset, fileBytes);
            case PtGnuStack:
                HasExecutableStack = (flags & 1) != 0;
                return Errno.Ok;
            default:
                return Errno.Ok;
        }
    }

    private Errno AddSegment(ElfSegment segment, ulong tableOffset)
    {
        if (segment.MemoryBytes == 0)
            return Errno.Ok;
        if (segment.FileBytes > segment.MemoryBytes || segment.Address >= AddressLimit
            || segment.MemoryBytes > AddressLimit - segment.Address || segment.FileOffset > long.MaxValue / 2
            || (segment.Address & 0xFFF) != (segment.FileOffset & 0xFFF))
            return Errno.ENOEXEC;
        if (Segments.Count > 0 && segment.Address < End)
            return Errno.ENOEXEC;
        Segments.Add(segment);
        End = segment.Address + segment.MemoryBytes;
        if (tableOffset >= segment.FileOffset && tableOffset - segment.FileOffset < segment.FileBytes)
            ProgramHeaders = segment.Address + (tableOffset - segment.FileOffset);
        return Errno.Ok;
    }

    private Errno ReadInterpreter(OpenFile file, ulong offset, ulong length)
    {
        if (length is < 2 or > 4096 || offset > long.MaxValue / 2)
            return Errno.ENOEXEC;
        byte[] path = new byte[(int)length];
        if (ReadExactly(file, path, (long)offset) != Errno.Ok || path[^1] != 0)
            return Errno.ENOEXEC;
        Interpreter = path[..path.AsSpan().IndexOf((byte)0)];
        return Errno.Ok;
    }

    private static MemoryProtection Protection(uint flags) =>
        ((flags & 4) != 0 ? MemoryProtection.Read : 0)
        | ((flags & 2) != 0 ? MemoryProtection.Write : 0)
        | ((flags & 1) != 0 ? MemoryProtection.Execute : 0);

    private static Errno ReadExactly(OpenFile file, Span<byte> destination, long offset)
    {
        int done = 0;
        while (done < destination.Length)
        {
            if (file.ReadAt(destination[done..], offset + done).Failed(out int count, out Errno error))
                return error;
            if (count == 0)
                return Errno.EIO;
            done += count;
        }

        return Errno.Ok;
    }
}
