namespace Sandbox.Platform.Stubs;

/// <summary>
/// The machine code in every guest address space: the zygote's loop, the handler of all host signals, and the loop that
/// runs the Sentry's commands. Its only stack use is the kernel's signal frame.
/// </summary>
/// <remarks>A unit test assembles the listing again and compares. See <see cref="StubLayout"/> for the constants.</remarks>
internal static class StubCode
{
    public const int EntryOffset = 0;
    public const int HandlerOffset = 0x86;

    /// <summary>The restorer given to sigaction: <c>mov eax, 15; syscall</c>.</summary>
    public const int RestorerStartOffset = 0x167;

    /// <summary>Instruction pointers as seccomp sees them: behind the syscall instruction.</summary>
    public const int DoorbellOffset = 0xBF, CommandOffset = 0xF2, ForkedOffset = 0x123, RestorerOffset = 0x16E;

    public const ulong DoorbellAddress = StubLayout.CodeStart + DoorbellOffset;
    public const ulong CommandAddress = StubLayout.CodeStart + CommandOffset;
    public const ulong ForkedAddress = StubLayout.CodeStart + ForkedOffset;
    public const ulong RestorerAddress = StubLayout.CodeStart + RestorerOffset;

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
        0x75, 0x06,                                      // 74: jne short 000000000000007Ch
        0x44, 0x8B, 0x6B, 0x18,                          // 76: mov r13d,[rbx+18h]
        0xEB, 0x4E,                                      // 7a: jmp short 00000000000000CAh
        0xB8, 0xE7, 0x00, 0x00, 0x00,                    // 7c: mov eax,0E7h
        0x31, 0xFF,                                      // 81: xor edi,edi
        0x0F, 0x05,                                      // 83: syscall
        0x90,                                            // 85: nop
        0x48, 0x89, 0xE3,                                // 86: mov rbx,rsp
        0x48, 0x81, 0xE3, 0x00, 0x80, 0xFF, 0xFF,        // 89: and rbx,0FFFFFFFFFFFF8000h
        0x48, 0x89, 0x63, 0x10,                          // 90: mov [rbx+10h],rsp
        0x4C, 0x8D, 0x35, 0xB0, 0x00, 0x00, 0x00,        // 94: lea r14,[14Bh]
        0x48, 0x8B, 0x73, 0x10,                          // 9b: mov rsi,[rbx+10h]
        0x48, 0xB8, 0x00, 0x00, 0x02, 0x00, 0xFF, 0x6F, 0x00, 0x00, // 9f: mov rax,6FFF00020000h
        0x80, 0x38, 0x00,                                // a9: cmp byte ptr [rax],0
        0x74, 0x0A,                                      // ac: je short 00000000000000B8h
        0xF3, 0x48, 0x0F, 0xAE, 0xC2,                    // ae: rdfsbase rdx
        0xF3, 0x49, 0x0F, 0xAE, 0xCA,                    // b3: rdgsbase r10
        0xB8, 0x5F, 0x5F, 0x00, 0x00,                    // b8: mov eax,5F5Fh
        0x0F, 0x05,                                      // bd: syscall
        0x85, 0xC0,                                      // bf: test eax,eax
        0x0F, 0x84, 0x98, 0x00, 0x00, 0x00,              // c1: je 000000000000015Fh
        0x41, 0x89, 0xC5,                                // c7: mov r13d,eax
        0x4C, 0x8D, 0x63, 0x40,                          // ca: lea r12,[rbx+40h]
        0x41, 0x8B, 0x04, 0x24,                          // ce: mov eax,[r12]
        0x49, 0x8B, 0x7C, 0x24, 0x08,                    // d2: mov rdi,[r12+8]
        0x49, 0x8B, 0x74, 0x24, 0x10,                    // d7: mov rsi,[r12+10h]
        0x49, 0x8B, 0x54, 0x24, 0x18,                    // dc: mov rdx,[r12+18h]
        0x4D, 0x8B, 0x54, 0x24, 0x20,                    // e1: mov r10,[r12+20h]
        0x4D, 0x8B, 0x44, 0x24, 0x28,                    // e6: mov r8,[r12+28h]
        0x4D, 0x8B, 0x4C, 0x24, 0x30,                    // eb: mov r9,[r12+30h]
        0x0F, 0x05,                                      // f0: syscall
        0x48, 0x89, 0xE1,                                // f2: mov rcx,rsp
        0x48, 0x81, 0xE1, 0x00, 0x80, 0xFF, 0xFF,        // f5: and rcx,0FFFFFFFFFFFF8000h
        0x48, 0x39, 0xD9,                                // fc: cmp rcx,rbx
        0x75, 0x51,                                      // ff: jne short 0000000000000152h
        0x49, 0x89, 0x44, 0x24, 0x38,                    // 101: mov [r12+38h],rax
        0x48, 0x85, 0xC0,                                // 106: test rax,rax
        0x75, 0x1A,                                      // 109: jne short 0000000000000125h
        0x41, 0x83, 0x3C, 0x24, 0x38,                    // 10b: cmp dword ptr [r12],38h
        0x75, 0x13,                                      // 110: jne short 0000000000000125h
        0xBF, 0x01, 0x00, 0x00, 0x00,                    // 112: mov edi,1
        0xBE, 0x09, 0x00, 0x00, 0x00,                    // 117: mov esi,9
        0xB8, 0x9D, 0x00, 0x00, 0x00,                    // 11c: mov eax,9Dh
        0x0F, 0x05,                                      // 121: syscall
        0x31, 0xC0,                                      // 123: xor eax,eax
        0x41, 0x8B, 0x4C, 0x24, 0x04,                    // 125: mov ecx,[r12+4]
        0x85, 0xC9,                                      // 12a: test ecx,ecx
        0x74, 0x11,                                      // 12c: je short 000000000000013Fh
        0x83, 0xF9, 0x02,                                // 12e: cmp ecx,2
        0x74, 0x07,                                      // 131: je short 000000000000013Ah
        0x48, 0x85, 0xC0,                                // 133: test rax,rax
        0x78, 0x10,                                      // 136: js short 0000000000000148h
        0xEB, 0x05,                                      // 138: jmp short 000000000000013Fh
        0x48, 0x85, 0xC0,                                // 13a: test rax,rax
        0x75, 0x09,                                      // 13d: jne short 0000000000000148h
        0x49, 0x83, 0xC4, 0x40,                          // 13f: add r12,40h
        0x41, 0xFF, 0xCD,                                // 143: dec r13d
        0x75, 0x86,                                      // 146: jne short 00000000000000CEh
        0x41, 0xFF, 0xE6,                                // 148: jmp r14
        0x31, 0xFF,                                      // 14b: xor edi,edi
        0xE9, 0x49, 0xFF, 0xFF, 0xFF,                    // 14d: jmp 000000000000009Bh
        0x48, 0x89, 0xCB,                                // 152: mov rbx,rcx
        0xBF, 0xE8, 0x03, 0x00, 0x00,                    // 155: mov edi,3E8h
        0xE9, 0x3C, 0xFF, 0xFF, 0xFF,                    // 15a: jmp 000000000000009Bh
        0x48, 0x8B, 0x63, 0x10,                          // 15f: mov rsp,[rbx+10h]
        0x48, 0x83, 0xC4, 0x08,                          // 163: add rsp,8
        0xB8, 0x0F, 0x00, 0x00, 0x00,                    // 167: mov eax,0Fh
        0x0F, 0x05,                                      // 16c: syscall
        0x0F, 0x0B,                                      // 16e: ud2
    ];
}
