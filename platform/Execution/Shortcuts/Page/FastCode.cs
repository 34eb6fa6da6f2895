namespace Sandbox.Platform.Shortcuts.Page;

/// <summary>
/// The machine code of the fast path: what all rewritten calls of an address space share. It uses no stack, for the
/// guest's has a red zone. rcx, r11 and rax are a system call's to destroy, and so are the arithmetic flags for every
/// compiler; rdi, rsi and rdx are put back from the page. It answers calls for ids, and those on files with a lease,
/// from the page. For others it copies the input to the page, posts the request, waits, and copies the output from
/// there. The page is found by one load relative to gs, whose result is checked: a hypervisor that emulates the access
/// with another base makes the call slow, not wrong.
/// </summary>
/// <remarks>A unit test assembles the listing again and compares.</remarks>
internal static class FastCode
{
    /// <summary>The instructions that look for the page, and may fault where gs is the guest's own.</summary>
    public const int SelfOffset = 0, MarkOffset = 0x0B;

    /// <summary>What stands at the beginning instead where nobody is to look: jmp r11.</summary>
    public static ReadOnlySpan<byte> Off => [0x41, 0xFF, 0xE3];

    /// <summary>
    /// From here on the number is in the page and r11 is its address; before, the entry's system call.
    /// </summary>
    public const int SavedOffset = 0x2B;

    /// <summary>From here on the arguments are in the page.</summary>
    public const int ArgumentsOffset = 0x87;

    /// <summary>The instructions that copy from and to the guest's memory, and may fault.</summary>
    public const int InputCopyOffset = 0x218, OutputCopyOffset = 0x28F;

    /// <summary>The instructions that touch the guest's memory for a call on a lease, and may fault.</summary>
    public const int LeasePathOffset = 0x101, LeaseStatOffset = 0x122, LeaseCopyOffset = 0x16E;

    /// <summary>
    /// Behind the instruction that moves a lease's position, if the zero flag is set; where a call on a lease has its
    /// value, in the page; and where that ends.
    /// </summary>
    public const int LeaseCommitOffset = 0x192, LeaseDoneOffset = 0x194, LeaseEndOffset = 0x1AF;

    /// <summary>
    /// Where the shared code has posted its request: from here on the thread waits for the answer or has it.
    /// </summary>
    public const int WaitOffset = 0x22E;

    /// <summary>Where rsi is the address of the next record of output, and where there is none left.</summary>
    public const int RecordOffset = 0x282, LastOffset = 0x29B;

    /// <summary>The instruction pointer of a sleeping thread, as seccomp sees it.</summary>
    public const int SleepOffset = 0x258;
    public const ulong SleepAddress = FastLayout.TableStart + FastLayout.CodeOffset + SleepOffset;

    public static ReadOnlySpan<byte> Bytes =>
    [
        0x65, 0x48, 0x8B, 0x0C, 0x25, 0xF8, 0x03, 0x06, 0x00, // 00: mov rcx,gs:[603F8h]
        0xE3, 0x12,                                      // 09: jrcxz 1Dh
        0x48, 0x81, 0x79, 0x38, 0xA3, 0xE7, 0x5B, 0x9C,  // 0b: cmp qword ptr [rcx+38h],0FFFFFFFF9C5BE7A3h
        0x75, 0x08,                                      // 13: jne short 1Dh
        0x48, 0x3D, 0x00, 0x02, 0x00, 0x00,              // 15: cmp rax,200h
        0x72, 0x03,                                      // 1b: jb short 20h
        0x41, 0xFF, 0xE3,                                // 1d: jmp r11
        0x48, 0x89, 0x41, 0x40,                          // 20: mov [rcx+40h],rax
        0x4C, 0x89, 0x59, 0x78,                          // 24: mov [rcx+78h],r11
        0x49, 0x89, 0xCB,                                // 28: mov r11,rcx
        0x0F, 0xB6, 0x88, 0x00, 0x08, 0x06, 0x00,        // 2b: movzx ecx,byte ptr [rax+60800h]
        0x81, 0xF9, 0xF0, 0x00, 0x00, 0x00,              // 32: cmp ecx,0F0h
        0x72, 0x2F,                                      // 38: jb short 69h
        0x81, 0xF9, 0xFF, 0x00, 0x00, 0x00,              // 3a: cmp ecx,0FFh
        0x74, 0x20,                                      // 40: je short 62h
        0x49, 0x8B, 0x8C, 0xCB, 0x00, 0xF9, 0xFF, 0xFF,  // 42: mov rcx,[r11+rcx*8-700h]
        0x48, 0x0F, 0xBA, 0xF1, 0x20,                    // 4a: btr rcx,20h
        0x72, 0x04,                                      // 4f: jb short 55h
        0x31, 0xC9,                                      // 51: xor ecx,ecx
        0xEB, 0x14,                                      // 53: jmp short 69h
        0x89, 0xC8,                                      // 55: mov eax,ecx
        0x4D, 0x8B, 0x5B, 0x78,                          // 57: mov r11,[r11+78h]
        0x49, 0x83, 0xC3, 0x02,                          // 5b: add r11,2
        0x41, 0xFF, 0xE3,                                // 5f: jmp r11
        0x4D, 0x8B, 0x5B, 0x78,                          // 62: mov r11,[r11+78h]
        0x41, 0xFF, 0xE3,                                // 66: jmp r11
        0x41, 0x83, 0x3B, 0x01,                          // 69: cmp dword ptr [r11],1
        0x77, 0xF3,                                      // 6d: ja short 62h
        0x49, 0x89, 0x7B, 0x48,                          // 6f: mov [r11+48h],rdi
        0x49, 0x89, 0x73, 0x50,                          // 73: mov [r11+50h],rsi
        0x49, 0x89, 0x53, 0x58,                          // 77: mov [r11+58h],rdx
        0x4D, 0x89, 0x53, 0x60,                          // 7b: mov [r11+60h],r10
        0x4D, 0x89, 0x43, 0x68,                          // 7f: mov [r11+68h],r8
        0x4D, 0x89, 0x4B, 0x70,                          // 83: mov [r11+70h],r9
        0x49, 0xC7, 0x43, 0x28, 0x00, 0x00, 0x00, 0x00,  // 87: mov qword ptr [r11+28h],0
        0x4C, 0x89, 0xDE,                                // 8f: mov rsi,r11
        0xAC,                                            // 92: lodsb [rsi]
        0x4C, 0x39, 0xDE,                                // 93: cmp rsi,r11
        0x77, 0x17,                                      // 96: ja short AFh
        0x49, 0x8B, 0x7B, 0x48,                          // 98: mov rdi,[r11+48h]
        0x49, 0x8B, 0x73, 0x50,                          // 9c: mov rsi,[r11+50h]
        0x49, 0x8B, 0x53, 0x58,                          // a0: mov rdx,[r11+58h]
        0x49, 0x8B, 0x43, 0x40,                          // a4: mov rax,[r11+40h]
        0x4D, 0x8B, 0x5B, 0x78,                          // a8: mov r11,[r11+78h]
        0x41, 0xFF, 0xE3,                                // ac: jmp r11
        0x81, 0xF9, 0xE0, 0x00, 0x00, 0x00,              // af: cmp ecx,0E0h
        0x0F, 0x82, 0x02, 0x01, 0x00, 0x00,              // b5: jb 1BDh
        0x48, 0x83, 0xFF, 0x20,                          // bb: cmp rdi,20h
        0x0F, 0x83, 0xEA, 0x00, 0x00, 0x00,              // bf: jae 1AFh
        0x89, 0xF8,                                      // c5: mov eax,edi
        0xC1, 0xE0, 0x08,                                // c7: shl eax,8
        0x49, 0x8D, 0x84, 0x03, 0x00, 0x80, 0x00, 0x00,  // ca: lea rax,[r11+rax+8000h]
        0x48, 0x8B, 0x10,                                // d2: mov rdx,[rax]
        0x48, 0xFF, 0xCA,                                // d5: dec rdx
        0x0F, 0x88, 0xD1, 0x00, 0x00, 0x00,              // d8: js 1AFh
        0x81, 0xF9, 0xE1, 0x00, 0x00, 0x00,              // de: cmp ecx,0E1h
        0x72, 0x43,                                      // e4: jb short 129h
        0x74, 0x3E,                                      // e6: je short 126h
        0x49, 0x8B, 0x7B, 0x50,                          // e8: mov rdi,[r11+50h]
        0x81, 0xF9, 0xE2, 0x00, 0x00, 0x00,              // ec: cmp ecx,0E2h
        0x74, 0x1A,                                      // f2: je short 10Eh
        0x49, 0x81, 0xFA, 0x00, 0x10, 0x00, 0x00,        // f4: cmp r10,1000h
        0x0F, 0x85, 0xAE, 0x00, 0x00, 0x00,              // fb: jne 1AFh
        0x80, 0x3F, 0x00,                                // 101: cmp byte ptr [rdi],0
        0x0F, 0x85, 0xA5, 0x00, 0x00, 0x00,              // 104: jne 1AFh
        0x49, 0x8B, 0x7B, 0x58,                          // 10a: mov rdi,[r11+58h]
        0x48, 0x8D, 0x70, 0x40,                          // 10e: lea rsi,[rax+40h]
        0xB9, 0x90, 0x00, 0x00, 0x00,                    // 112: mov ecx,90h
        0x89, 0x48, 0x24,                                // 117: mov [rax+24h],ecx
        0x49, 0xC7, 0x43, 0x08, 0x00, 0x00, 0x00, 0x00,  // 11a: mov qword ptr [r11+8],0
        0xF3, 0xA4,                                      // 122: rep movsb [rdi],[rsi]
        0xEB, 0x6E,                                      // 124: jmp short 194h
        0x4C, 0x89, 0xD2,                                // 126: mov rdx,r10
        0x48, 0x85, 0xD2,                                // 129: test rdx,rdx
        0x0F, 0x88, 0x7D, 0x00, 0x00, 0x00,              // 12c: js 1AFh
        0x48, 0x3B, 0x50, 0x10,                          // 132: cmp rdx,[rax+10h]
        0x72, 0x77,                                      // 136: jb short 1AFh
        0x48, 0x8B, 0x48, 0x18,                          // 138: mov rcx,[rax+18h]
        0x48, 0x29, 0xD1,                                // 13c: sub rcx,rdx
        0x73, 0x02,                                      // 13f: jae short 143h
        0x31, 0xC9,                                      // 141: xor ecx,ecx
        0x49, 0x3B, 0x4B, 0x58,                          // 143: cmp rcx,[r11+58h]
        0x72, 0x06,                                      // 147: jb short 14Fh
        0x49, 0x8B, 0x4B, 0x58,                          // 149: mov rcx,[r11+58h]
        0xEB, 0x09,                                      // 14d: jmp short 158h
        0xF7, 0x40, 0x20, 0x01, 0x00, 0x00, 0x00,        // 14f: test dword ptr [rax+20h],1
        0x74, 0x57,                                      // 156: je short 1AFh
        0xC7, 0x40, 0x24, 0x01, 0x00, 0x00, 0x00,        // 158: mov dword ptr [rax+24h],1
        0x49, 0x89, 0x4B, 0x08,                          // 15f: mov [r11+8],rcx
        0x48, 0x8B, 0x70, 0x08,                          // 163: mov rsi,[rax+8]
        0x48, 0x01, 0xD6,                                // 167: add rsi,rdx
        0x49, 0x8B, 0x7B, 0x50,                          // 16a: mov rdi,[r11+50h]
        0xF3, 0xA4,                                      // 16e: rep movsb [rdi],[rsi]
        0x49, 0x83, 0x7B, 0x40, 0x00,                    // 170: cmp qword ptr [r11+40h],0
        0x74, 0x08,                                      // 175: je short 17Fh
        0x48, 0x83, 0x38, 0x00,                          // 177: cmp qword ptr [rax],0
        0x7F, 0x17,                                      // 17b: jg short 194h
        0xEB, 0x30,                                      // 17d: jmp short 1AFh
        0x48, 0x89, 0xC1,                                // 17f: mov rcx,rax
        0x48, 0x8D, 0x42, 0x01,                          // 182: lea rax,[rdx+1]
        0x49, 0x03, 0x53, 0x08,                          // 186: add rdx,[r11+8]
        0x48, 0xFF, 0xC2,                                // 18a: inc rdx
        0xF0, 0x48, 0x0F, 0xB1, 0x11,                    // 18d: lock cmpxchg [rcx],rdx
        0x75, 0x1B,                                      // 192: jne short 1AFh
        0x49, 0x8B, 0x7B, 0x48,                          // 194: mov rdi,[r11+48h]
        0x49, 0x8B, 0x73, 0x50,                          // 198: mov rsi,[r11+50h]
        0x49, 0x8B, 0x53, 0x58,                          // 19c: mov rdx,[r11+58h]
        0x49, 0x8B, 0x43, 0x08,                          // 1a0: mov rax,[r11+8]
        0x4D, 0x8B, 0x5B, 0x78,                          // 1a4: mov r11,[r11+78h]
        0x49, 0x83, 0xC3, 0x02,                          // 1a8: add r11,2
        0x41, 0xFF, 0xE3,                                // 1ac: jmp r11
        0x31, 0xC9,                                      // 1af: xor ecx,ecx
        0x41, 0x81, 0x7B, 0x40, 0x06, 0x01, 0x00, 0x00,  // 1b1: cmp dword ptr [r11+40h],106h
        0x75, 0x5F,                                      // 1b9: jne short 21Ah
        0xB1, 0x02,                                      // 1bb: mov cl,2
        0xE3, 0x5B,                                      // 1bd: jrcxz 21Ah
        0x8B, 0x04, 0xCD, 0x00, 0x0A, 0x06, 0x00,        // 1bf: mov eax,[rcx*8+60A00h]
        0x8B, 0x14, 0xCD, 0x04, 0x0A, 0x06, 0x00,        // 1c6: mov edx,[rcx*8+60A04h]
        0x0F, 0xB6, 0xF0,                                // 1cd: movzx esi,al
        0x49, 0x8B, 0x34, 0x33,                          // 1d0: mov rsi,[r11+rsi]
        0x48, 0x81, 0xFE, 0x00, 0x00, 0x01, 0x00,        // 1d4: cmp rsi,10000h
        0x72, 0x3D,                                      // 1db: jb short 21Ah
        0x0F, 0xB6, 0xFC,                                // 1dd: movzx edi,ah
        0x85, 0xFF,                                      // 1e0: test edi,edi
        0x74, 0x16,                                      // 1e2: je short 1FAh
        0x49, 0x8B, 0x3C, 0x3B,                          // 1e4: mov rdi,[r11+rdi]
        0x48, 0x39, 0xD7,                                // 1e8: cmp rdi,rdx
        0x77, 0x2D,                                      // 1eb: ja short 21Ah
        0xC1, 0xE8, 0x10,                                // 1ed: shr eax,10h
        0x89, 0xC1,                                      // 1f0: mov ecx,eax
        0x48, 0xD3, 0xE7,                                // 1f2: shl rdi,cl
        0x48, 0x89, 0xF9,                                // 1f5: mov rcx,rdi
        0xEB, 0x0F,                                      // 1f8: jmp short 209h
        0x89, 0xF1,                                      // 1fa: mov ecx,esi
        0x81, 0xC9, 0x00, 0xF0, 0xFF, 0xFF,              // 1fc: or ecx,0FFFFF000h
        0xF7, 0xD9,                                      // 202: neg ecx
        0x39, 0xD1,                                      // 204: cmp ecx,edx
        0x0F, 0x47, 0xCA,                                // 206: cmova ecx,edx
        0x49, 0x89, 0x73, 0x20,                          // 209: mov [r11+20h],rsi
        0x49, 0x89, 0x4B, 0x28,                          // 20d: mov [r11+28h],rcx
        0x49, 0x8D, 0xBB, 0x00, 0x01, 0x00, 0x00,        // 211: lea rdi,[r11+100h]
        0xF3, 0xA4,                                      // 218: rep movsb [rdi],[rsi]
        0x49, 0x8B, 0x7B, 0x48,                          // 21a: mov rdi,[r11+48h]
        0x49, 0x8B, 0x73, 0x50,                          // 21e: mov rsi,[r11+50h]
        0x49, 0x8B, 0x53, 0x58,                          // 222: mov rdx,[r11+58h]
        0xB9, 0x02, 0x00, 0x00, 0x00,                    // 226: mov ecx,2
        0x41, 0x87, 0x0B,                                // 22b: xchg [r11],ecx
        0xC1, 0xE1, 0x0C,                                // 22e: shl ecx,0Ch
        0x41, 0x8B, 0x03,                                // 231: mov eax,[r11]
        0x2D, 0x02, 0x00, 0x00, 0x00,                    // 234: sub eax,2
        0x72, 0x2B,                                      // 239: jb short 266h
        0x74, 0x08,                                      // 23b: je short 245h
        0xFF, 0xC8,                                      // 23d: dec eax
        0x75, 0x0D,                                      // 23f: jne short 24Eh
        0xFF, 0xC9,                                      // 241: dec ecx
        0xEB, 0x03,                                      // 243: jmp short 248h
        0x83, 0xE9, 0x10,                                // 245: sub ecx,10h
        0x7E, 0x04,                                      // 248: jle short 24Eh
        0xF3, 0x90,                                      // 24a: pause
        0xEB, 0xE3,                                      // 24c: jmp short 231h
        0x4C, 0x89, 0xDF,                                // 24e: mov rdi,r11
        0xB8, 0x60, 0x5F, 0x00, 0x00,                    // 251: mov eax,5F60h
        0x0F, 0x05,                                      // 256: syscall
        0x49, 0x89, 0xFB,                                // 258: mov r11,rdi
        0x49, 0x8B, 0x7B, 0x48,                          // 25b: mov rdi,[r11+48h]
        0xB9, 0x01, 0x00, 0x00, 0x00,                    // 25f: mov ecx,1
        0xEB, 0xCB,                                      // 264: jmp short 231h
        0x49, 0x83, 0x7B, 0x10, 0x00,                    // 266: cmp qword ptr [r11+10h],0
        0x74, 0x0B,                                      // 26b: je short 278h
        0x49, 0x8B, 0x43, 0x40,                          // 26d: mov rax,[r11+40h]
        0x4D, 0x8B, 0x5B, 0x78,                          // 271: mov r11,[r11+78h]
        0x41, 0xFF, 0xE3,                                // 275: jmp r11
        0x49, 0x8B, 0x4B, 0x18,                          // 278: mov rcx,[r11+18h]
        0xE3, 0x25,                                      // 27c: jrcxz 2A3h
        0x49, 0x8D, 0x34, 0x0B,                          // 27e: lea rsi,[r11+rcx]
        0x48, 0x8B, 0x0E,                                // 282: mov rcx,[rsi]
        0xE3, 0x14,                                      // 285: jrcxz 29Bh
        0x48, 0x8B, 0x7E, 0x08,                          // 287: mov rdi,[rsi+8]
        0x48, 0x83, 0xC6, 0x10,                          // 28b: add rsi,10h
        0xF3, 0xA4,                                      // 28f: rep movsb [rdi],[rsi]
        0x48, 0x83, 0xC6, 0x07,                          // 291: add rsi,7
        0x48, 0x83, 0xE6, 0xF8,                          // 295: and rsi,0FFFFFFFFFFFFFFF8h
        0xEB, 0xE7,                                      // 299: jmp short 282h
        0x49, 0x8B, 0x7B, 0x48,                          // 29b: mov rdi,[r11+48h]
        0x49, 0x8B, 0x73, 0x50,                          // 29f: mov rsi,[r11+50h]
        0x49, 0x8B, 0x43, 0x08,                          // 2a3: mov rax,[r11+8]
        0x4D, 0x8B, 0x5B, 0x78,                          // 2a7: mov r11,[r11+78h]
        0x49, 0x83, 0xC3, 0x02,                          // 2ab: add r11,2
        0x41, 0xFF, 0xE3,                                // 2af: jmp r11
    ];
}
