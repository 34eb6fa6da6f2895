using System.Buffers.Binary;
using Sandbox.Linux;

namespace Sandbox.Platform.Stubs;

/// <summary>
/// The stub as an ELF executable in a memfd: one header, two program headers, the code at its fixed address.
/// </summary>
internal static class StubElf
{
    private const int HeaderBytes = 64, ProgramHeaderBytes = 56, CodeFileOffset = 0x1000;

    /// <summary>A close-on-exec memfd to execveat(2). Errors: memfd_create(2)'s.</summary>
    public static Result<HostFd> Create()
    {
        const uint closeOnExec = 1;
        if (HostFile.CreateMemory("stub\0"u8, closeOnExec).Failed(out int fd, out Errno error))
            return error;
        HostFd owner = new(fd);
        byte[] image = Build();
        if (HostFile.Write(fd, image).Failed(out int written, out error) || written != image.Length)
        {
            owner.Dispose();
            return error == Errno.Ok ? Errno.EIO : error;
        }

        return owner;
    }

    private static byte[] Build()
    {
        byte[] image = new byte[CodeFileOffset + StubCode.Bytes.Length];
        Span<byte> header = image.AsSpan(0, HeaderBytes);
        ReadOnlySpan<byte> identity = [0x7F, (byte)'E', (byte)'L', (byte)'F', 2, 1, 1];
        identity.CopyTo(header);
        BinaryPrimitives.WriteUInt16LittleEndian(header[16..], 2); // ET_EXEC
        BinaryPrimitives.WriteUInt16LittleEndian(header[18..], 62); // EM_X86_64
        BinaryPrimitives.WriteUInt32LittleEndian(header[20..], 1);
        BinaryPrimitives.WriteUInt64LittleEndian(header[24..], StubLayout.CodeStart + StubCode.EntryOffset);
        BinaryPrimitives.WriteUInt64LittleEndian(header[32..], HeaderBytes);
        BinaryPrimitives.WriteUInt16LittleEndian(header[52..], HeaderBytes);
        BinaryPrimitives.WriteUInt16LittleEndian(header[54..], ProgramHeaderBytes);
        BinaryPrimitives.WriteUInt16LittleEndian(header[56..], 2);

        const uint load = 1, gnuStack = 0x6474E551, readExecute = 5, readWrite = 6;
        ulong codeBytes = (ulong)StubCode.Bytes.Length;
        WriteProgramHeader(
            image.AsSpan(HeaderBytes), load, readExecute, CodeFileOffset, StubLayout.CodeStart, codeBytes);
        WriteProgramHeader(image.AsSpan(HeaderBytes + ProgramHeaderBytes), gnuStack, readWrite, 0, 0, 0);
        StubCode.Bytes.CopyTo(image.AsSpan(CodeFileOffset));
        return image;
    }

    private static void WriteProgramHeader(
        Span<byte> header, uint type, uint flags, ulong offset, ulong address, ulong bytes)
    {
        BinaryPrimitives.WriteUInt32LittleEndian(header, type);
        BinaryPrimitives.WriteUInt32LittleEndian(header[4..], flags);
        BinaryPrimitives.WriteUInt64LittleEndian(header[8..], offset);
        BinaryPrimitives.WriteUInt64LittleEndian(header[16..], address);
        BinaryPrimitives.WriteUInt64LittleEndian(header[24..], address);
        BinaryPrimitives.WriteUInt64LittleEndian(header[32..], bytes);
        BinaryPrimitives.WriteUInt64LittleEndian(header[40..], bytes);
        BinaryPrimitives.WriteUInt64LittleEndian(header[48..], 0x1000);
    }
}
