using Sandbox.Linux;

namespace Sandbox.Platform.Spawn;

/// <summary>
/// The syscall script's machine code: clones the caller onto a stack of its own, where the child makes the system calls
/// of a table one after the other and the parent returns at once. A .NET process must not fork: its other threads would
/// be gone in the child, with their locks held. This code touches neither the runtime nor libc nor the stack.
/// </summary>
/// <remarks>
/// Position independent; a unit test assembles the listing again and compares. The child shares the parent's memory
/// (CLONE_VM) until it executes another program or ends, so header and table must live until then.
/// </remarks>
internal static unsafe class SpawnCode
{
    /// <summary>Offsets of the header the code gets in RDI: u64 each.</summary>
    public const int HeaderCloneArguments = 0, HeaderCloneArgumentsBytes = 8, HeaderSteps = 16, HeaderStepCount = 24;

    /// <summary>
    /// Written by the child: the address of the step it has begun last, and of the one that failed (or 0).
    /// </summary>
    public const int HeaderCurrentStep = 32, HeaderFailedStep = 40;
    public const int HeaderBytes = 48;

    /// <summary>
    /// Offsets of a step: u32 number, u8 flags, u8 mask of indirect arguments, six u64 arguments, i64 result.
    /// </summary>
    public const int StepNumber = 0, StepFlags = 4, StepIndirect = 5, StepArguments = 8, StepResult = 56;
    public const int StepBytes = 64;

    /// <summary>An error of the step is ignored.</summary>
    public const byte FlagMayFail = 1;

    /// <summary>
    /// A result of 0 ends the script like an error (end of file on the pipe the parent releases the child by).
    /// </summary>
    public const byte FlagZeroFails = 2;

    public static ReadOnlySpan<byte> Bytes =>
    [
        0x53,                                            // 00: push rbx
        0x48, 0x89, 0xFB,                                // 01: mov rbx,rdi
        0x48, 0x8B, 0x3B,                                // 04: mov rdi,[rbx]
        0x48, 0x8B, 0x73, 0x08,                          // 07: mov rsi,[rbx+8]
        0xB8, 0xB3, 0x01, 0x00, 0x00,                    // 0b: mov eax,1B3h
        0x0F, 0x05,                                      // 10: syscall
        0x48, 0x85, 0xC0,                                // 12: test rax,rax
        0x74, 0x02,                                      // 15: je short 0000000000000019h
        0x5B,                                            // 17: pop rbx
        0xC3,                                            // 18: ret
        0x4C, 0x8B, 0x63, 0x10,                          // 19: mov r12,[rbx+10h]
        0x4C, 0x8B, 0x6B, 0x18,                          // 1d: mov r13,[rbx+18h]
        0x4D, 0x85, 0xED,                                // 21: test r13,r13
        0x0F, 0x84, 0x9C, 0x00, 0x00, 0x00,              // 24: je 00000000000000C6h
        0x4C, 0x89, 0x63, 0x20,                          // 2a: mov [rbx+20h],r12
        0x41, 0x8B, 0x04, 0x24,                          // 2e: mov eax,[r12]
        0x49, 0x8B, 0x7C, 0x24, 0x08,                    // 32: mov rdi,[r12+8]
        0x41, 0xF6, 0x44, 0x24, 0x05, 0x01,              // 37: test byte ptr [r12+5],1
        0x74, 0x03,                                      // 3d: je short 0000000000000042h
        0x48, 0x8B, 0x3F,                                // 3f: mov rdi,[rdi]
        0x49, 0x8B, 0x74, 0x24, 0x10,                    // 42: mov rsi,[r12+10h]
        0x41, 0xF6, 0x44, 0x24, 0x05, 0x02,              // 47: test byte ptr [r12+5],2
        0x74, 0x03,                                      // 4d: je short 0000000000000052h
        0x48, 0x8B, 0x36,                                // 4f: mov rsi,[rsi]
        0x49, 0x8B, 0x54, 0x24, 0x18,                    // 52: mov rdx,[r12+18h]
        0x41, 0xF6, 0x44, 0x24, 0x05, 0x04,              // 57: test byte ptr [r12+5],4
        0x74, 0x03,                                      // 5d: je short 0000000000000062h
        0x48, 0x8B, 0x12,                                // 5f: mov rdx,[rdx]
        0x4D, 0x8B, 0x54, 0x24, 0x20,                    // 62: mov r10,[r12+20h]
        0x41, 0xF6, 0x44, 0x24, 0x05, 0x08,              // 67: test byte ptr [r12+5],8
        0x74, 0x03,                                      // 6d: je short 0000000000000072h
        0x4D, 0x8B, 0x12,                                // 6f: mov r10,[r10]
        0x4D, 0x8B, 0x44, 0x24, 0x28,                    // 72: mov r8,[r12+28h]
        0x41, 0xF6, 0x44, 0x24, 0x05, 0x10,              // 77: test byte ptr [r12+5],10h
        0x74, 0x03,                                      // 7d: je short 0000000000000082h
        0x4D, 0x8B, 0x00,                                // 7f: mov r8,[r8]
        0x4D, 0x8B, 0x4C, 0x24, 0x30,                    // 82: mov r9,[r12+30h]
        0x41, 0xF6, 0x44, 0x24, 0x05, 0x20,              // 87: test byte ptr [r12+5],20h
        0x74, 0x03,                                      // 8d: je short 0000000000000092h
        0x4D, 0x8B, 0x09,                                // 8f: mov r9,[r9]
        0x0F, 0x05,                                      // 92: syscall
        0x49, 0x89, 0x44, 0x24, 0x38,                    // 94: mov [r12+38h],rax
        0x41, 0xF6, 0x44, 0x24, 0x04, 0x01,              // 99: test byte ptr [r12+4],1
        0x75, 0x15,                                      // 9f: jne short 00000000000000B6h
        0x48, 0x3D, 0x01, 0xF0, 0xFF, 0xFF,              // a1: cmp rax,0FFFFFFFFFFFFF001h
        0x73, 0x19,                                      // a7: jae short 00000000000000C2h
        0x41, 0xF6, 0x44, 0x24, 0x04, 0x02,              // a9: test byte ptr [r12+4],2
        0x74, 0x05,                                      // af: je short 00000000000000B6h
        0x48, 0x85, 0xC0,                                // b1: test rax,rax
        0x74, 0x0C,                                      // b4: je short 00000000000000C2h
        0x49, 0x83, 0xC4, 0x40,                          // b6: add r12,40h
        0x49, 0xFF, 0xCD,                                // ba: dec r13
        0xE9, 0x5F, 0xFF, 0xFF, 0xFF,                    // bd: jmp 0000000000000021h
        0x4C, 0x89, 0x63, 0x28,                          // c2: mov [rbx+28h],r12
        0xBF, 0x7F, 0x00, 0x00, 0x00,                    // c6: mov edi,7Fh
        0xB8, 0xE7, 0x00, 0x00, 0x00,                    // cb: mov eax,0E7h
        0x0F, 0x05,                                      // d0: syscall
        0x0F, 0x0B,                                      // d2: ud2
    ];

    /// <summary>The code mapped executable: <c>long run(header)</c>, clone3's result in the parent.</summary>
    public static readonly delegate* unmanaged<byte*, long> Run = Map();

    private static delegate* unmanaged<byte*, long> Map()
    {
        const int readWrite = 3, readExecute = 5, privateAnonymous = 0x22;
        long page = HostSyscall.Call(Sys.mmap, 0, 4096, readWrite, privateAnonymous, -1, 0);
        if (HostSyscall.ErrorOf(page) != Errno.Ok)
            throw new InvalidOperationException("cannot map the syscall script");
        Bytes.CopyTo(new Span<byte>((void*)page, Bytes.Length));
        if (HostSyscall.Call(Sys.mprotect, page, 4096, readExecute) != 0)
            throw new InvalidOperationException("cannot make the syscall script executable");
        return (delegate* unmanaged<byte*, long>)page;
    }
}
