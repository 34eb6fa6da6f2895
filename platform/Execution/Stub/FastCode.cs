namespace Sandbox.Platform.Stub;

/// <summary>
/// The machine code of the fast path: what all rewritten calls of an address space share. It uses no stack, for the guest's has a
/// red zone. rcx, r11 and rax are a system call's to destroy, and so are the arithmetic flags for every compiler; rdi, rsi and
/// rdx are put back from the page. It answers calls for ids from the page; for others it copies the input to the page, posts the
/// request, waits, and copies the output from there. No segment prefix is used: a hypervisor that emulates an access may not know it.
/// </summary>
/// <remarks>A unit test assembles the listing again and compares.</remarks>
internal static class FastCode
{
    /// <summary>From here on the number is in the page and r11 is its address; before, the entry's system call.</summary>
    public const int SavedOffset = 0x2C;

    /// <summary>From here on the arguments are in the page.</summary>
    public const int ArgumentsOffset = 0x88;

    /// <summary>The instructions that copy from and to the guest's memory, and may fault.</summary>
    public const int InputCopyOffset = 0x10B, OutputCopyOffset = 0x17D;

    /// <summary>Where the shared code has posted its request: from here on the thread waits for the answer or has it.</summary>
    public const int WaitOffset = 0x121;

    /// <summary>Where rsi is the address of the next record of output, and where there is none left.</summary>
    public const int RecordOffset = 0x170, LastOffset = 0x189;

    /// <summary>The instruction pointer of a sleeping thread, as seccomp sees it.</summary>
    public const int SleepOffset = 0x148;
    public const ulong SleepAddress = FastLayout.TableStart + FastLayout.CodeOffset + SleepOffset;

    public static ReadOnlySpan<byte> Bytes =>
    [
        0xF3, 0x48, 0x0F, 0xAE, 0xC9,                    // 00: rdgsbase rcx
        0x48, 0xC1, 0xE9, 0x20,                          // 05: shr rcx,20h
        0x81, 0xF9, 0xFF, 0x6F, 0x00, 0x00,              // 09: cmp ecx,6FFFh
        0x75, 0x08,                                      // 0f: jne short 19h
        0x48, 0x3D, 0x00, 0x02, 0x00, 0x00,              // 11: cmp rax,200h
        0x72, 0x03,                                      // 17: jb short 1Ch
        0x41, 0xFF, 0xE3,                                // 19: jmp r11
        0xF3, 0x48, 0x0F, 0xAE, 0xC9,                    // 1c: rdgsbase rcx
        0x48, 0x89, 0x41, 0x40,                          // 21: mov [rcx+40h],rax
        0x4C, 0x89, 0x59, 0x78,                          // 25: mov [rcx+78h],r11
        0x49, 0x89, 0xCB,                                // 29: mov r11,rcx
        0x0F, 0xB6, 0x88, 0x00, 0x08, 0x06, 0x00,        // 2c: movzx ecx,byte ptr [rax+60800h]
        0x81, 0xF9, 0xF0, 0x00, 0x00, 0x00,              // 33: cmp ecx,0F0h
        0x72, 0x2F,                                      // 39: jb short 6Ah
        0x81, 0xF9, 0xFF, 0x00, 0x00, 0x00,              // 3b: cmp ecx,0FFh
        0x74, 0x20,                                      // 41: je short 63h
        0x49, 0x8B, 0x8C, 0xCB, 0x00, 0xF9, 0xFF, 0xFF,  // 43: mov rcx,[r11+rcx*8-700h]
        0x48, 0x0F, 0xBA, 0xF1, 0x20,                    // 4b: btr rcx,20h
        0x72, 0x04,                                      // 50: jb short 56h
        0x31, 0xC9,                                      // 52: xor ecx,ecx
        0xEB, 0x14,                                      // 54: jmp short 6Ah
        0x89, 0xC8,                                      // 56: mov eax,ecx
        0x4D, 0x8B, 0x5B, 0x78,                          // 58: mov r11,[r11+78h]
        0x49, 0x83, 0xC3, 0x02,                          // 5c: add r11,2
        0x41, 0xFF, 0xE3,                                // 60: jmp r11
        0x4D, 0x8B, 0x5B, 0x78,                          // 63: mov r11,[r11+78h]
        0x41, 0xFF, 0xE3,                                // 67: jmp r11
        0x41, 0x83, 0x3B, 0x01,                          // 6a: cmp dword ptr [r11],1
        0x77, 0xF3,                                      // 6e: ja short 63h
        0x49, 0x89, 0x7B, 0x48,                          // 70: mov [r11+48h],rdi
        0x49, 0x89, 0x73, 0x50,                          // 74: mov [r11+50h],rsi
        0x49, 0x89, 0x53, 0x58,                          // 78: mov [r11+58h],rdx
        0x4D, 0x89, 0x53, 0x60,                          // 7c: mov [r11+60h],r10
        0x4D, 0x89, 0x43, 0x68,                          // 80: mov [r11+68h],r8
        0x4D, 0x89, 0x4B, 0x70,                          // 84: mov [r11+70h],r9
        0x49, 0xC7, 0x43, 0x28, 0x00, 0x00, 0x00, 0x00,  // 88: mov qword ptr [r11+28h],0
        0x4C, 0x89, 0xDE,                                // 90: mov rsi,r11
        0xAC,                                            // 93: lodsb [rsi]
        0x4C, 0x39, 0xDE,                                // 94: cmp rsi,r11
        0x77, 0x17,                                      // 97: ja short B0h
        0x49, 0x8B, 0x7B, 0x48,                          // 99: mov rdi,[r11+48h]
        0x49, 0x8B, 0x73, 0x50,                          // 9d: mov rsi,[r11+50h]
        0x49, 0x8B, 0x53, 0x58,                          // a1: mov rdx,[r11+58h]
        0x49, 0x8B, 0x43, 0x40,                          // a5: mov rax,[r11+40h]
        0x4D, 0x8B, 0x5B, 0x78,                          // a9: mov r11,[r11+78h]
        0x41, 0xFF, 0xE3,                                // ad: jmp r11
        0xE3, 0x5B,                                      // b0: jrcxz 10Dh
        0x8B, 0x04, 0xCD, 0x00, 0x0A, 0x06, 0x00,        // b2: mov eax,[rcx*8+60A00h]
        0x8B, 0x14, 0xCD, 0x04, 0x0A, 0x06, 0x00,        // b9: mov edx,[rcx*8+60A04h]
        0x0F, 0xB6, 0xF0,                                // c0: movzx esi,al
        0x49, 0x8B, 0x34, 0x33,                          // c3: mov rsi,[r11+rsi]
        0x48, 0x81, 0xFE, 0x00, 0x00, 0x01, 0x00,        // c7: cmp rsi,10000h
        0x72, 0x3D,                                      // ce: jb short 10Dh
        0x0F, 0xB6, 0xFC,                                // d0: movzx edi,ah
        0x85, 0xFF,                                      // d3: test edi,edi
        0x74, 0x16,                                      // d5: je short EDh
        0x49, 0x8B, 0x3C, 0x3B,                          // d7: mov rdi,[r11+rdi]
        0x48, 0x39, 0xD7,                                // db: cmp rdi,rdx
        0x77, 0x2D,                                      // de: ja short 10Dh
        0xC1, 0xE8, 0x10,                                // e0: shr eax,10h
        0x89, 0xC1,                                      // e3: mov ecx,eax
        0x48, 0xD3, 0xE7,                                // e5: shl rdi,cl
        0x48, 0x89, 0xF9,                                // e8: mov rcx,rdi
        0xEB, 0x0F,                                      // eb: jmp short FCh
        0x89, 0xF1,                                      // ed: mov ecx,esi
        0x81, 0xC9, 0x00, 0xF0, 0xFF, 0xFF,              // ef: or ecx,0FFFFF000h
        0xF7, 0xD9,                                      // f5: neg ecx
        0x39, 0xD1,                                      // f7: cmp ecx,edx
        0x0F, 0x47, 0xCA,                                // f9: cmova ecx,edx
        0x49, 0x89, 0x73, 0x20,                          // fc: mov [r11+20h],rsi
        0x49, 0x89, 0x4B, 0x28,                          // 100: mov [r11+28h],rcx
        0x49, 0x8D, 0xBB, 0x00, 0x01, 0x00, 0x00,        // 104: lea rdi,[r11+100h]
        0xF3, 0xA4,                                      // 10b: rep movsb [rdi],[rsi]
        0x49, 0x8B, 0x7B, 0x48,                          // 10d: mov rdi,[r11+48h]
        0x49, 0x8B, 0x73, 0x50,                          // 111: mov rsi,[r11+50h]
        0x49, 0x8B, 0x53, 0x58,                          // 115: mov rdx,[r11+58h]
        0xB9, 0x02, 0x00, 0x00, 0x00,                    // 119: mov ecx,2
        0x41, 0x87, 0x0B,                                // 11e: xchg [r11],ecx
        0xC1, 0xE1, 0x0C,                                // 121: shl ecx,0Ch
        0x41, 0x8B, 0x03,                                // 124: mov eax,[r11]
        0x2D, 0x02, 0x00, 0x00, 0x00,                    // 127: sub eax,2
        0x72, 0x26,                                      // 12c: jb short 154h
        0x74, 0x08,                                      // 12e: je short 138h
        0xFF, 0xC8,                                      // 130: dec eax
        0x75, 0x0D,                                      // 132: jne short 141h
        0xFF, 0xC9,                                      // 134: dec ecx
        0xEB, 0x03,                                      // 136: jmp short 13Bh
        0x83, 0xE9, 0x10,                                // 138: sub ecx,10h
        0x7E, 0x04,                                      // 13b: jle short 141h
        0xF3, 0x90,                                      // 13d: pause
        0xEB, 0xE3,                                      // 13f: jmp short 124h
        0xB8, 0x60, 0x5F, 0x00, 0x00,                    // 141: mov eax,5F60h
        0x0F, 0x05,                                      // 146: syscall
        0xF3, 0x49, 0x0F, 0xAE, 0xCB,                    // 148: rdgsbase r11
        0xB9, 0x01, 0x00, 0x00, 0x00,                    // 14d: mov ecx,1
        0xEB, 0xD0,                                      // 152: jmp short 124h
        0x49, 0x83, 0x7B, 0x10, 0x00,                    // 154: cmp qword ptr [r11+10h],0
        0x74, 0x0B,                                      // 159: je short 166h
        0x49, 0x8B, 0x43, 0x40,                          // 15b: mov rax,[r11+40h]
        0x4D, 0x8B, 0x5B, 0x78,                          // 15f: mov r11,[r11+78h]
        0x41, 0xFF, 0xE3,                                // 163: jmp r11
        0x49, 0x8B, 0x4B, 0x18,                          // 166: mov rcx,[r11+18h]
        0xE3, 0x25,                                      // 16a: jrcxz 191h
        0x49, 0x8D, 0x34, 0x0B,                          // 16c: lea rsi,[r11+rcx]
        0x48, 0x8B, 0x0E,                                // 170: mov rcx,[rsi]
        0xE3, 0x14,                                      // 173: jrcxz 189h
        0x48, 0x8B, 0x7E, 0x08,                          // 175: mov rdi,[rsi+8]
        0x48, 0x83, 0xC6, 0x10,                          // 179: add rsi,10h
        0xF3, 0xA4,                                      // 17d: rep movsb [rdi],[rsi]
        0x48, 0x83, 0xC6, 0x07,                          // 17f: add rsi,7
        0x48, 0x83, 0xE6, 0xF8,                          // 183: and rsi,0FFFFFFFFFFFFFFF8h
        0xEB, 0xE7,                                      // 187: jmp short 170h
        0x49, 0x8B, 0x7B, 0x48,                          // 189: mov rdi,[r11+48h]
        0x49, 0x8B, 0x73, 0x50,                          // 18d: mov rsi,[r11+50h]
        0x49, 0x8B, 0x43, 0x08,                          // 191: mov rax,[r11+8]
        0x4D, 0x8B, 0x5B, 0x78,                          // 195: mov r11,[r11+78h]
        0x49, 0x83, 0xC3, 0x02,                          // 199: add r11,2
        0x41, 0xFF, 0xE3,                                // 19d: jmp r11
    ];
}
