namespace Sandbox.Platform.Stub;

/// <summary>
/// The machine code of the fast path: what all rewritten calls of an address space share. It uses no stack, for the guest's has a
/// red zone. rcx, r11 and rax are a system call's to destroy, and so are the arithmetic flags for every compiler; rdi, rsi and
/// rdx are put back from the page. It copies the call's input to the page, posts the request, waits, and copies the output from
/// there. No segment prefix is used: a hypervisor that emulates an access may not know it.
/// </summary>
/// <remarks>A unit test assembles the listing again and compares.</remarks>
internal static class FastCode
{
    /// <summary>From here on the arguments are in the page and r11 is its address; before, the entry's system call.</summary>
    public const int SavedOffset = 0x41;

    /// <summary>The instructions that copy from and to the guest's memory, and may fault.</summary>
    public const int InputCopyOffset = 0xD1, OutputCopyOffset = 0x144;

    /// <summary>Where the shared code has posted its request: from here on the thread waits for the answer or has it.</summary>
    public const int WaitOffset = 0xEB;

    /// <summary>Where rsi is the address of the next record of output, and where there is none left.</summary>
    public const int RecordOffset = 0x137, LastOffset = 0x150;

    /// <summary>The instruction pointer of a sleeping thread, as seccomp sees it.</summary>
    public const int SleepOffset = 0x10F;
    public const ulong SleepAddress = FastLayout.TableStart + FastLayout.CodeOffset + SleepOffset;

    public static ReadOnlySpan<byte> Bytes =>
    [
        0xF3, 0x48, 0x0F, 0xAE, 0xC9,                    // 00: rdgsbase rcx
        0x48, 0xC1, 0xE9, 0x20,                          // 05: shr rcx,20h
        0x81, 0xF9, 0xFF, 0x6F, 0x00, 0x00,              // 09: cmp ecx,6FFFh
        0x75, 0x0A,                                      // 0f: jne short 000000000000001Bh
        0xF3, 0x48, 0x0F, 0xAE, 0xC9,                    // 11: rdgsbase rcx
        0x83, 0x39, 0x01,                                // 16: cmp dword ptr [rcx],1
        0x74, 0x03,                                      // 19: je short 000000000000001Eh
        0x41, 0xFF, 0xE3,                                // 1b: jmp r11
        0x48, 0x89, 0x41, 0x40,                          // 1e: mov [rcx+40h],rax
        0x48, 0x89, 0x79, 0x48,                          // 22: mov [rcx+48h],rdi
        0x48, 0x89, 0x71, 0x50,                          // 26: mov [rcx+50h],rsi
        0x48, 0x89, 0x51, 0x58,                          // 2a: mov [rcx+58h],rdx
        0x4C, 0x89, 0x51, 0x60,                          // 2e: mov [rcx+60h],r10
        0x4C, 0x89, 0x41, 0x68,                          // 32: mov [rcx+68h],r8
        0x4C, 0x89, 0x49, 0x70,                          // 36: mov [rcx+70h],r9
        0x4C, 0x89, 0x59, 0x78,                          // 3a: mov [rcx+78h],r11
        0x49, 0x89, 0xCB,                                // 3e: mov r11,rcx
        0x31, 0xC9,                                      // 41: xor ecx,ecx
        0x49, 0x89, 0x4B, 0x28,                          // 43: mov [r11+28h],rcx
        0x48, 0x3D, 0x00, 0x02, 0x00, 0x00,              // 47: cmp rax,200h
        0x73, 0x07,                                      // 4d: jae short 0000000000000056h
        0x0F, 0xB6, 0x88, 0x00, 0x08, 0x06, 0x00,        // 4f: movzx ecx,byte ptr [rax+60800h]
        0x4C, 0x89, 0xDE,                                // 56: mov rsi,r11
        0xAC,                                            // 59: lodsb [rsi]
        0x4C, 0x39, 0xDE,                                // 5a: cmp rsi,r11
        0x77, 0x17,                                      // 5d: ja short 0000000000000076h
        0x49, 0x8B, 0x7B, 0x48,                          // 5f: mov rdi,[r11+48h]
        0x49, 0x8B, 0x73, 0x50,                          // 63: mov rsi,[r11+50h]
        0x49, 0x8B, 0x53, 0x58,                          // 67: mov rdx,[r11+58h]
        0x49, 0x8B, 0x43, 0x40,                          // 6b: mov rax,[r11+40h]
        0x4D, 0x8B, 0x5B, 0x78,                          // 6f: mov r11,[r11+78h]
        0x41, 0xFF, 0xE3,                                // 73: jmp r11
        0xE3, 0x5B,                                      // 76: jrcxz 00000000000000D3h
        0x8B, 0x04, 0xCD, 0x00, 0x0A, 0x06, 0x00,        // 78: mov eax,[rcx*8+60A00h]
        0x8B, 0x14, 0xCD, 0x04, 0x0A, 0x06, 0x00,        // 7f: mov edx,[rcx*8+60A04h]
        0x0F, 0xB6, 0xF0,                                // 86: movzx esi,al
        0x49, 0x8B, 0x34, 0x33,                          // 89: mov rsi,[r11+rsi]
        0x48, 0x81, 0xFE, 0x00, 0x00, 0x01, 0x00,        // 8d: cmp rsi,10000h
        0x72, 0x3D,                                      // 94: jb short 00000000000000D3h
        0x0F, 0xB6, 0xFC,                                // 96: movzx edi,ah
        0x85, 0xFF,                                      // 99: test edi,edi
        0x74, 0x16,                                      // 9b: je short 00000000000000B3h
        0x49, 0x8B, 0x3C, 0x3B,                          // 9d: mov rdi,[r11+rdi]
        0x48, 0x39, 0xD7,                                // a1: cmp rdi,rdx
        0x77, 0x2D,                                      // a4: ja short 00000000000000D3h
        0xC1, 0xE8, 0x10,                                // a6: shr eax,10h
        0x89, 0xC1,                                      // a9: mov ecx,eax
        0x48, 0xD3, 0xE7,                                // ab: shl rdi,cl
        0x48, 0x89, 0xF9,                                // ae: mov rcx,rdi
        0xEB, 0x0F,                                      // b1: jmp short 00000000000000C2h
        0x89, 0xF1,                                      // b3: mov ecx,esi
        0x81, 0xC9, 0x00, 0xF0, 0xFF, 0xFF,              // b5: or ecx,0FFFFF000h
        0xF7, 0xD9,                                      // bb: neg ecx
        0x39, 0xD1,                                      // bd: cmp ecx,edx
        0x0F, 0x47, 0xCA,                                // bf: cmova ecx,edx
        0x49, 0x89, 0x73, 0x20,                          // c2: mov [r11+20h],rsi
        0x49, 0x89, 0x4B, 0x28,                          // c6: mov [r11+28h],rcx
        0x49, 0x8D, 0xBB, 0x00, 0x01, 0x00, 0x00,        // ca: lea rdi,[r11+100h]
        0xF3, 0xA4,                                      // d1: rep movsb [rdi],[rsi]
        0x49, 0x8B, 0x7B, 0x48,                          // d3: mov rdi,[r11+48h]
        0x49, 0x8B, 0x73, 0x50,                          // d7: mov rsi,[r11+50h]
        0x49, 0x8B, 0x53, 0x58,                          // db: mov rdx,[r11+58h]
        0xB9, 0x00, 0x10, 0x00, 0x00,                    // df: mov ecx,1000h
        0x41, 0xC7, 0x03, 0x02, 0x00, 0x00, 0x00,        // e4: mov dword ptr [r11],2
        0x41, 0x8B, 0x03,                                // eb: mov eax,[r11]
        0x2D, 0x02, 0x00, 0x00, 0x00,                    // ee: sub eax,2
        0x72, 0x26,                                      // f3: jb short 000000000000011Bh
        0x74, 0x08,                                      // f5: je short 00000000000000FFh
        0xFF, 0xC8,                                      // f7: dec eax
        0x75, 0x0D,                                      // f9: jne short 0000000000000108h
        0xFF, 0xC9,                                      // fb: dec ecx
        0xEB, 0x03,                                      // fd: jmp short 0000000000000102h
        0x83, 0xE9, 0x10,                                // ff: sub ecx,10h
        0x7E, 0x04,                                      // 102: jle short 0000000000000108h
        0xF3, 0x90,                                      // 104: pause
        0xEB, 0xE3,                                      // 106: jmp short 00000000000000EBh
        0xB8, 0x60, 0x5F, 0x00, 0x00,                    // 108: mov eax,5F60h
        0x0F, 0x05,                                      // 10d: syscall
        0xF3, 0x49, 0x0F, 0xAE, 0xCB,                    // 10f: rdgsbase r11
        0xB9, 0x01, 0x00, 0x00, 0x00,                    // 114: mov ecx,1
        0xEB, 0xD0,                                      // 119: jmp short 00000000000000EBh
        0x49, 0x83, 0x7B, 0x10, 0x00,                    // 11b: cmp qword ptr [r11+10h],0
        0x74, 0x0B,                                      // 120: je short 000000000000012Dh
        0x49, 0x8B, 0x43, 0x40,                          // 122: mov rax,[r11+40h]
        0x4D, 0x8B, 0x5B, 0x78,                          // 126: mov r11,[r11+78h]
        0x41, 0xFF, 0xE3,                                // 12a: jmp r11
        0x49, 0x8B, 0x4B, 0x18,                          // 12d: mov rcx,[r11+18h]
        0xE3, 0x25,                                      // 131: jrcxz 0000000000000158h
        0x49, 0x8D, 0x34, 0x0B,                          // 133: lea rsi,[r11+rcx]
        0x48, 0x8B, 0x0E,                                // 137: mov rcx,[rsi]
        0xE3, 0x14,                                      // 13a: jrcxz 0000000000000150h
        0x48, 0x8B, 0x7E, 0x08,                          // 13c: mov rdi,[rsi+8]
        0x48, 0x83, 0xC6, 0x10,                          // 140: add rsi,10h
        0xF3, 0xA4,                                      // 144: rep movsb [rdi],[rsi]
        0x48, 0x83, 0xC6, 0x07,                          // 146: add rsi,7
        0x48, 0x83, 0xE6, 0xF8,                          // 14a: and rsi,0FFFFFFFFFFFFFFF8h
        0xEB, 0xE7,                                      // 14e: jmp short 0000000000000137h
        0x49, 0x8B, 0x7B, 0x48,                          // 150: mov rdi,[r11+48h]
        0x49, 0x8B, 0x73, 0x50,                          // 154: mov rsi,[r11+50h]
        0x49, 0x8B, 0x43, 0x08,                          // 158: mov rax,[r11+8]
        0x4D, 0x8B, 0x5B, 0x78,                          // 15c: mov r11,[r11+78h]
        0x49, 0x83, 0xC3, 0x02,                          // 160: add r11,2
        0x41, 0xFF, 0xE3,                                // 164: jmp r11
    ];
}
