namespace Sandbox.Platform.Stubs;

/// <summary>
/// The machine code in every guest address space: the zygote's loop, the handler of all host signals, and the loop that
/// runs the Sentry's commands. Its only stack use is the kernel's signal frame.
/// </summary>
/// <remarks>
/// A unit test assembles the listing again and compares. See <see cref="StubLayout"/> for the constants.
/// </remarks>
internal static class StubCode
{
    public const int EntryOffset = 0;
    public const int HandlerOffset = 0x86;

    /// <summary>The restorer given to sigaction: <c>mov eax, 15; syscall</c>.</summary>
    public const int RestorerStartOffset = 0x1A4;

    /// <summary>Instruction pointers as seccomp sees them: behind the syscall instruction.</summary>
    public const int DoorbellOffset = 0xC3, CommandOffset = 0xF6, ForkedOffset = 0x127, BasesOffset = 0x17A,
        RestorerOffset = 0x1AB;

    /// <summary>
    /// A system call that a tracer has a thread execute. Behind it a child of a clone, which nobody traces yet, asks to
    /// die with the Sentry and then pauses: code that looks at no memory,
    /// so that other threads of its guest cannot lead it astray.
    /// </summary>
    public const int InjectStartOffset = 0x1AD, InjectOffset = 0x1AF, BornOffset = 0x1C0, PauseOffset = 0x1C7;

    public const ulong DoorbellAddress = StubLayout.CodeStart + DoorbellOffset;
    public const ulong CommandAddress = StubLayout.CodeStart + CommandOffset;
    public const ulong ForkedAddress = StubLayout.CodeStart + ForkedOffset;
    public const ulong BasesAddress = StubLayout.CodeStart + BasesOffset;
    public const ulong RestorerAddress = StubLayout.CodeStart + RestorerOffset;
    public const ulong InjectStart = StubLayout.CodeStart + InjectStartOffset;
    public const ulong InjectAddress = StubLayout.CodeStart + InjectOffset;
    public const ulong BornAddress = StubLayout.CodeStart + BornOffset;
    public const ulong PauseAddress = StubLayout.CodeStart + PauseOffset;

    public static ReadOnlySpan<byte> Bytes =>
    [
        0x48, 0x89, 0xE5,                                // 00: mov rbp,rsp
        0x48, 0xBF, 0x00, 0x00, 0x02, 0x00, 0xFF, 0x6F, 0x00, 0x00, // 03: mov rdi,6FFF00020000h
        0xBE, 0x00, 0x80, 0x01, 0x00,                    // 0d: mov esi,18000h
        0xBA, 0x03, 0x00, 0x00, 0x00,                    // 12: mov edx,3
        0x41, 0xBA, 0x22, 0x00, 0x10, 0x00,              // 17: mov r10d,100022h
        0x49, 0xB8, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, // 1d: mov r8,0FFFFFFFFFFFFFFFFh
        0x45, 0x31, 0xC9,                                // 27: xor r9d,r9d
        0xB8, 0x09, 0x00, 0x00, 0x00,                    // 2a: mov eax,9
        0x0F, 0x05,                                      // 2f: syscall
        0x48, 0xBB, 0x00, 0x00, 0x03, 0x00, 0xFF, 0x6F, 0x00, 0x00, // 31: mov rbx,6FFF00030000h
        0x48, 0x89, 0x6B, 0x10,                          // 3b: mov [rbx+10h],rbp
        0x48, 0x8D, 0xA3, 0xC0, 0x7F, 0x00, 0x00,        // 3f: lea rsp,[rbx+7FC0h]
        0x4C, 0x8D, 0x35, 0x00, 0x00, 0x00, 0x00,        // 46: lea r14,[4Dh]
        0x31, 0xFF,                                      // 4d: xor edi,edi
        0x48, 0x8D, 0x73, 0x10,                          // 4f: lea rsi,[rbx+10h]
        0xBA, 0x08, 0x00, 0x00, 0x00,                    // 53: mov edx,8
        0xB8, 0x01, 0x00, 0x00, 0x00,                    // 58: mov eax,1
        0x0F, 0x05,                                      // 5d: syscall
        0x31, 0xFF,                                      // 5f: xor edi,edi
        0x48, 0x8D, 0x73, 0x18,                          // 61: lea rsi,[rbx+18h]
        0xBA, 0x08, 0x00, 0x00, 0x00,                    // 65: mov edx,8
        0x31, 0xC0,                                      // 6a: xor eax,eax
        0x0F, 0x05,                                      // 6c: syscall
        0x48, 0x3D, 0x08, 0x00, 0x00, 0x00,              // 6e: cmp rax,8
        0x75, 0x06,                                      // 74: jne short 7Ch
        0x44, 0x8B, 0x6B, 0x18,                          // 76: mov r13d,[rbx+18h]
        0xEB, 0x52,                                      // 7a: jmp short CEh
        0xB8, 0xE7, 0x00, 0x00, 0x00,                    // 7c: mov eax,0E7h
        0x31, 0xFF,                                      // 81: xor edi,edi
        0x0F, 0x05,                                      // 83: syscall
        0x90,                                            // 85: nop
        0x48, 0x89, 0xE3,                                // 86: mov rbx,rsp
        0x48, 0x81, 0xE3, 0x00, 0x80, 0xFF, 0xFF,        // 89: and rbx,0FFFFFFFFFFFF8000h
        0x48, 0x89, 0x63, 0x10,                          // 90: mov [rbx+10h],rsp
        0x4C, 0x8D, 0x35, 0xB4, 0x00, 0x00, 0x00,        // 94: lea r14,[14Fh]
        0x48, 0x8B, 0x73, 0x10,                          // 9b: mov rsi,[rbx+10h]
        0x48, 0xB8, 0x00, 0x00, 0x02, 0x00, 0xFF, 0x6F, 0x00, 0x00, // 9f: mov rax,6FFF00020000h
        0x80, 0x38, 0x00,                                // a9: cmp byte ptr [rax],0
        0x0F, 0x84, 0xB5, 0x00, 0x00, 0x00,              // ac: je 167h
        0xF3, 0x48, 0x0F, 0xAE, 0xC2,                    // b2: rdfsbase rdx
        0xF3, 0x49, 0x0F, 0xAE, 0xCA,                    // b7: rdgsbase r10
        0xB8, 0x5F, 0x5F, 0x00, 0x00,                    // bc: mov eax,5F5Fh
        0x0F, 0x05,                                      // c1: syscall
        0x85, 0xC0,                                      // c3: test eax,eax
        0x0F, 0x84, 0xD1, 0x00, 0x00, 0x00,              // c5: je 19Ch
        0x41, 0x89, 0xC5,                                // cb: mov r13d,eax
        0x4C, 0x8D, 0x63, 0x40,                          // ce: lea r12,[rbx+40h]
        0x41, 0x8B, 0x04, 0x24,                          // d2: mov eax,[r12]
        0x49, 0x8B, 0x7C, 0x24, 0x08,                    // d6: mov rdi,[r12+8]
        0x49, 0x8B, 0x74, 0x24, 0x10,                    // db: mov rsi,[r12+10h]
        0x49, 0x8B, 0x54, 0x24, 0x18,                    // e0: mov rdx,[r12+18h]
        0x4D, 0x8B, 0x54, 0x24, 0x20,                    // e5: mov r10,[r12+20h]
        0x4D, 0x8B, 0x44, 0x24, 0x28,                    // ea: mov r8,[r12+28h]
        0x4D, 0x8B, 0x4C, 0x24, 0x30,                    // ef: mov r9,[r12+30h]
        0x0F, 0x05,                                      // f4: syscall
        0x48, 0x89, 0xE1,                                // f6: mov rcx,rsp
        0x48, 0x81, 0xE1, 0x00, 0x80, 0xFF, 0xFF,        // f9: and rcx,0FFFFFFFFFFFF8000h
        0x48, 0x39, 0xD9,                                // 100: cmp rcx,rbx
        0x75, 0x55,                                      // 103: jne short 15Ah
        0x49, 0x89, 0x44, 0x24, 0x38,                    // 105: mov [r12+38h],rax
        0x48, 0x85, 0xC0,                                // 10a: test rax,rax
        0x75, 0x1A,                                      // 10d: jne short 129h
        0x41, 0x83, 0x3C, 0x24, 0x38,                    // 10f: cmp dword ptr [r12],38h
        0x75, 0x13,                                      // 114: jne short 129h
        0xBF, 0x01, 0x00, 0x00, 0x00,                    // 116: mov edi,1
        0xBE, 0x09, 0x00, 0x00, 0x00,                    // 11b: mov esi,9
        0xB8, 0x9D, 0x00, 0x00, 0x00,                    // 120: mov eax,9Dh
        0x0F, 0x05,                                      // 125: syscall
        0x31, 0xC0,                                      // 127: xor eax,eax
        0x41, 0x8B, 0x4C, 0x24, 0x04,                    // 129: mov ecx,[r12+4]
        0x85, 0xC9,                                      // 12e: test ecx,ecx
        0x74, 0x11,                                      // 130: je short 143h
        0x83, 0xF9, 0x02,                                // 132: cmp ecx,2
        0x74, 0x07,                                      // 135: je short 13Eh
        0x48, 0x85, 0xC0,                                // 137: test rax,rax
        0x78, 0x10,                                      // 13a: js short 14Ch
        0xEB, 0x05,                                      // 13c: jmp short 143h
        0x48, 0x85, 0xC0,                                // 13e: test rax,rax
        0x75, 0x09,                                      // 141: jne short 14Ch
        0x49, 0x83, 0xC4, 0x40,                          // 143: add r12,40h
        0x41, 0xFF, 0xCD,                                // 147: dec r13d
        0x75, 0x86,                                      // 14a: jne short D2h
        0x41, 0xFF, 0xE6,                                // 14c: jmp r14
        0x31, 0xFF,                                      // 14f: xor edi,edi
        0x48, 0x8B, 0x73, 0x10,                          // 151: mov rsi,[rbx+10h]
        0xE9, 0x62, 0xFF, 0xFF, 0xFF,                    // 155: jmp BCh
        0x48, 0x89, 0xCB,                                // 15a: mov rbx,rcx
        0xBF, 0xE8, 0x03, 0x00, 0x00,                    // 15d: mov edi,3E8h
        0xE9, 0x34, 0xFF, 0xFF, 0xFF,                    // 162: jmp 9Bh
        0x41, 0x89, 0xFF,                                // 167: mov r15d,edi
        0xBF, 0x03, 0x10, 0x00, 0x00,                    // 16a: mov edi,1003h
        0x48, 0x8D, 0x73, 0x20,                          // 16f: lea rsi,[rbx+20h]
        0xB8, 0x9E, 0x00, 0x00, 0x00,                    // 173: mov eax,9Eh
        0x0F, 0x05,                                      // 178: syscall
        0xFF, 0xC7,                                      // 17a: inc edi
        0x48, 0x83, 0xC6, 0x08,                          // 17c: add rsi,8
        0x81, 0xFF, 0x05, 0x10, 0x00, 0x00,              // 180: cmp edi,1005h
        0x75, 0xEB,                                      // 186: jne short 173h
        0x44, 0x89, 0xFF,                                // 188: mov edi,r15d
        0x48, 0x8B, 0x73, 0x10,                          // 18b: mov rsi,[rbx+10h]
        0x48, 0x8B, 0x53, 0x20,                          // 18f: mov rdx,[rbx+20h]
        0x4C, 0x8B, 0x53, 0x28,                          // 193: mov r10,[rbx+28h]
        0xE9, 0x20, 0xFF, 0xFF, 0xFF,                    // 197: jmp BCh
        0x48, 0x8B, 0x63, 0x10,                          // 19c: mov rsp,[rbx+10h]
        0x48, 0x83, 0xC4, 0x08,                          // 1a0: add rsp,8
        0xB8, 0x0F, 0x00, 0x00, 0x00,                    // 1a4: mov eax,0Fh
        0x0F, 0x05,                                      // 1a9: syscall
        0x0F, 0x0B,                                      // 1ab: ud2
        0x0F, 0x05,                                      // 1ad: syscall
        0xBF, 0x01, 0x00, 0x00, 0x00,                    // 1af: mov edi,1
        0xBE, 0x09, 0x00, 0x00, 0x00,                    // 1b4: mov esi,9
        0xB8, 0x9D, 0x00, 0x00, 0x00,                    // 1b9: mov eax,9Dh
        0x0F, 0x05,                                      // 1be: syscall
        0xB8, 0x22, 0x00, 0x00, 0x00,                    // 1c0: mov eax,22h
        0x0F, 0x05,                                      // 1c5: syscall
        0xEB, 0xF7,                                      // 1c7: jmp short 1C0h
    ];
}
