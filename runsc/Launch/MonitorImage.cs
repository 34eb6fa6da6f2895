using System.Buffers.Binary;
using Sandbox.Linux;

namespace Sandbox.Runsc.Launch;

/// <summary>
/// The monitor: the host process that stands for a container, or for an exec, towards callers, as a static ELF file of
/// less than a page. Callers wait for it, signal it, and look at its namespaces; a process with a runtime in it would
/// cost each container megabytes.
/// </summary>
/// <remarks>
/// It polls two descriptors: its socket to the Sentry and a signalfd of all signals. A signal goes to the Sentry as
/// u32. A u32 from the Sentry is the exit code, kept until the Sentry closes the socket, so that the monitor ends after
/// the sandbox. Without one the sandbox was killed, and so the monitor exits as if killed by SIGKILL.
/// </remarks>
internal static class MonitorImage
{
    /// <summary>Descriptors it is started with.</summary>
    public const int SocketFd = 3, SignalFd = 4;

    /// <summary>128 + SIGKILL.</summary>
    public const int KilledExitCode = 137;

    private const int HeaderBytes = 120;

    public static ReadOnlySpan<byte> Code =>
    [
        0xBF, 0x0F, 0x00, 0x00, 0x00,                    // 00: mov edi,0Fh
        0x48, 0x8D, 0x35, 0xD4, 0x00, 0x00, 0x00,        // 05: lea rsi,[0E0h]
        0xB8, 0x9D, 0x00, 0x00, 0x00,                    // 0c: mov eax,9Dh
        0x0F, 0x05,                                      // 11: syscall
        0x41, 0xBF, 0x89, 0x00, 0x00, 0x00,              // 13: mov r15d,89h
        0x48, 0x81, 0xEC, 0x90, 0x00, 0x00, 0x00,        // 19: sub rsp,90h
        0xC7, 0x04, 0x24, 0x03, 0x00, 0x00, 0x00,        // 20: mov dword ptr [rsp],3
        0xC7, 0x44, 0x24, 0x04, 0x01, 0x00, 0x00, 0x00,  // 27: mov dword ptr [rsp+4],1
        0xC7, 0x44, 0x24, 0x08, 0x04, 0x00, 0x00, 0x00,  // 2f: mov dword ptr [rsp+8],4
        0xC7, 0x44, 0x24, 0x0C, 0x01, 0x00, 0x00, 0x00,  // 37: mov dword ptr [rsp+0Ch],1
        0x48, 0x89, 0xE7,                                // 3f: mov rdi,rsp
        0xBE, 0x02, 0x00, 0x00, 0x00,                    // 42: mov esi,2
        0x48, 0xBA, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, // 47: mov rdx,0FFFFFFFFFFFFFFFFh
        0xB8, 0x07, 0x00, 0x00, 0x00,                    // 51: mov eax,7
        0x0F, 0x05,                                      // 56: syscall
        0x66, 0x83, 0x7C, 0x24, 0x06, 0x00,              // 58: cmp word ptr [rsp+6],0
        0x74, 0x24,                                      // 5e: je short 0000000000000084h
        0xBF, 0x03, 0x00, 0x00, 0x00,                    // 60: mov edi,3
        0x48, 0x8D, 0x74, 0x24, 0x10,                    // 65: lea rsi,[rsp+10h]
        0xBA, 0x04, 0x00, 0x00, 0x00,                    // 6a: mov edx,4
        0xB8, 0x00, 0x00, 0x00, 0x00,                    // 6f: mov eax,0
        0x0F, 0x05,                                      // 74: syscall
        0x3D, 0x04, 0x00, 0x00, 0x00,                    // 76: cmp eax,4
        0x75, 0x57,                                      // 7b: jne short 00000000000000D4h
        0x44, 0x8B, 0x7C, 0x24, 0x10,                    // 7d: mov r15d,[rsp+10h]
        0xEB, 0x9C,                                      // 82: jmp short 0000000000000020h
        0x66, 0x83, 0x7C, 0x24, 0x0E, 0x00,              // 84: cmp word ptr [rsp+0Eh],0
        0x74, 0x94,                                      // 8a: je short 0000000000000020h
        0xBF, 0x04, 0x00, 0x00, 0x00,                    // 8c: mov edi,4
        0x48, 0x8D, 0x74, 0x24, 0x10,                    // 91: lea rsi,[rsp+10h]
        0xBA, 0x80, 0x00, 0x00, 0x00,                    // 96: mov edx,80h
        0xB8, 0x00, 0x00, 0x00, 0x00,                    // 9b: mov eax,0
        0x0F, 0x05,                                      // a0: syscall
        0x3D, 0x80, 0x00, 0x00, 0x00,                    // a2: cmp eax,80h
        0x0F, 0x85, 0x73, 0xFF, 0xFF, 0xFF,              // a7: jne 0000000000000020h
        0xBF, 0x03, 0x00, 0x00, 0x00,                    // ad: mov edi,3
        0x48, 0x8D, 0x74, 0x24, 0x10,                    // b2: lea rsi,[rsp+10h]
        0xBA, 0x04, 0x00, 0x00, 0x00,                    // b7: mov edx,4
        0x41, 0xBA, 0x00, 0x40, 0x00, 0x00,              // bc: mov r10d,4000h
        0x45, 0x31, 0xC0,                                // c2: xor r8d,r8d
        0x45, 0x31, 0xC9,                                // c5: xor r9d,r9d
        0xB8, 0x2C, 0x00, 0x00, 0x00,                    // c8: mov eax,2Ch
        0x0F, 0x05,                                      // cd: syscall
        0xE9, 0x4C, 0xFF, 0xFF, 0xFF,                    // cf: jmp 0000000000000020h
        0x44, 0x89, 0xFF,                                // d4: mov edi,r15d
        0xB8, 0xE7, 0x00, 0x00, 0x00,                    // d7: mov eax,0E7h
        0x0F, 0x05,                                      // dc: syscall
        0x0F, 0x0B,                                      // de: ud2
        0x72, 0x75, 0x6E, 0x73, 0x63, 0x2D,              // e0: "runsc-"
        0x6D, 0x6F, 0x6E, 0x69, 0x74, 0x6F, 0x72, 0x00,  // e6: "monitor", NUL
    ];

    /// <summary>A memory file with the program, close-on-exec, ready to execute.</summary>
    public static HostFd CreateFile()
    {
        const uint closeOnExec = 1;
        if (HostFile.CreateMemory("runsc-monitor\0"u8, closeOnExec).Failed(out int fd, out Errno error))
            throw new InvalidOperationException($"memfd_create: {error}");
        Span<byte> image = new byte[HeaderBytes + Code.Length];
        WriteHeader(image);
        Code.CopyTo(image[HeaderBytes..]);
        if (HostFile.Write(fd, image).Failed(out int written, out error) || written != image.Length)
            throw new InvalidOperationException($"write the monitor: {error}");
        return new HostFd(fd);
    }

    /// <summary>An ELF header and one program header: all of the file readable and executable (elf(5)).</summary>
    private static void WriteHeader(Span<byte> image)
    {
        const ulong address = 0x400000, programHeader = 64;
        const ushort executable = 2, machineX64 = 62, headerBytes = 64, programHeaderBytes = 56;
        ReadOnlySpan<byte> identity = [0x7F, (byte)'E', (byte)'L', (byte)'F', 2, 1, 1, 0];
        identity.CopyTo(image);
        BinaryPrimitives.WriteUInt16LittleEndian(image[16..], executable);
        BinaryPrimitives.WriteUInt16LittleEndian(image[18..], machineX64);
        BinaryPrimitives.WriteUInt32LittleEndian(image[20..], 1);
        BinaryPrimitives.WriteUInt64LittleEndian(image[24..], address + HeaderBytes);
        BinaryPrimitives.WriteUInt64LittleEndian(image[32..], programHeader);
        BinaryPrimitives.WriteUInt16LittleEndian(image[52..], headerBytes);
        BinaryPrimitives.WriteUInt16LittleEndian(image[54..], programHeaderBytes);
        BinaryPrimitives.WriteUInt16LittleEndian(image[56..], 1);
        Span<byte> program = image[(int)programHeader..];
        const uint load = 1, readExecute = 5;
        BinaryPrimitives.WriteUInt32LittleEndian(program, load);
        BinaryPrimitives.WriteUInt32LittleEndian(program[4..], readExecute);
        BinaryPrimitives.WriteUInt64LittleEndian(program[16..], address);
        BinaryPrimitives.WriteUInt64LittleEndian(program[24..], address);
        BinaryPrimitives.WriteUInt64LittleEndian(program[32..], (ulong)image.Length);
        BinaryPrimitives.WriteUInt64LittleEndian(program[40..], (ulong)image.Length);
        BinaryPrimitives.WriteUInt64LittleEndian(program[48..], 0x1000);
    }
}
