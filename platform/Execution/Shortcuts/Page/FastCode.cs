namespace Sandbox.Platform.Shortcuts.Page;

/// <summary>
/// The machine code of the fast path: what all rewritten calls of an address space share. It uses no stack, for the guest's has a
/// red zone. rcx, r11 and rax are a system call's to destroy, and so are the arithmetic flags for every compiler; rdi, rsi and
/// rdx are put back from the page. It answers calls for ids, and those on files with a lease, from the page. For others it copies
/// the input to the page, posts the request, waits, and copies the output from there. No segment prefix is used: a hypervisor that
/// emulates an access may not know it.
/// </summary>
/// <remarks>A unit test assembles the listing again and compares.</remarks>
internal static class FastCode
{
    /// <summary>From here on the number is in the page and r11 is its address; before, the entry's system call.</summary>
    public const int SavedOffset = 0x2C;

    /// <summary>From here on the arguments are in the page.</summary>
    public const int ArgumentsOffset = 0x88;

    /// <summary>The instructions that copy from and to the guest's memory, and may fault.</summary>
    public const int InputCopyOffset = 0x219, OutputCopyOffset = 0x28B;

    /// <summary>The instructions that touch the guest's memory for a call on a lease, and may fault.</summary>
    public const int LeasePathOffset = 0x102, LeaseStatOffset = 0x123, LeaseCopyOffset = 0x16F;

    /// <summary>
    /// Behind the instruction that moves a lease's position, if the zero flag is set; where a call on a lease has its value, in
    /// the page; and where that ends.
    /// </summary>
    public const int LeaseCommitOffset = 0x193, LeaseDoneOffset = 0x195, LeaseEndOffset = 0x1B0;

    /// <summary>Where the shared code has posted its request: from here on the thread waits for the answer or has it.</summary>
    public const int WaitOffset = 0x22F;

    /// <summary>Where rsi is the address of the next record of output, and where there is none left.</summary>
    public const int RecordOffset = 0x27E, LastOffset = 0x297;

    /// <summary>The instruction pointer of a sleeping thread, as seccomp sees it.</summary>
    public const int SleepOffset = 0x256;
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
        0x81, 0xF9, 0xE0, 0x00, 0x00, 0x00,              // b0: cmp ecx,0E0h
        0x0F, 0x82, 0x02, 0x01, 0x00, 0x00,              // b6: jb 1BEh
        0x48, 0x83, 0xFF, 0x20,                          // bc: cmp rdi,20h
        0x0F, 0x83, 0xEA, 0x00, 0x00, 0x00,              // c0: jae 1B0h
        0x89, 0xF8,                                      // c6: mov eax,edi
        0xC1, 0xE0, 0x08,                                // c8: shl eax,8
        0x49, 0x8D, 0x84, 0x03, 0x00, 0x80, 0x00, 0x00,  // cb: lea rax,[r11+rax+8000h]
        0x48, 0x8B, 0x10,                                // d3: mov rdx,[rax]
        0x48, 0xFF, 0xCA,                                // d6: dec rdx
        0x0F, 0x88, 0xD1, 0x00, 0x00, 0x00,              // d9: js 1B0h
        0x81, 0xF9, 0xE1, 0x00, 0x00, 0x00,              // df: cmp ecx,0E1h
        0x72, 0x43,                                      // e5: jb short 12Ah
        0x74, 0x3E,                                      // e7: je short 127h
        0x49, 0x8B, 0x7B, 0x50,                          // e9: mov rdi,[r11+50h]
        0x81, 0xF9, 0xE2, 0x00, 0x00, 0x00,              // ed: cmp ecx,0E2h
        0x74, 0x1A,                                      // f3: je short 10Fh
        0x49, 0x81, 0xFA, 0x00, 0x10, 0x00, 0x00,        // f5: cmp r10,1000h
        0x0F, 0x85, 0xAE, 0x00, 0x00, 0x00,              // fc: jne 1B0h
        0x80, 0x3F, 0x00,                                // 102: cmp byte ptr [rdi],0
        0x0F, 0x85, 0xA5, 0x00, 0x00, 0x00,              // 105: jne 1B0h
        0x49, 0x8B, 0x7B, 0x58,                          // 10b: mov rdi,[r11+58h]
        0x48, 0x8D, 0x70, 0x40,                          // 10f: lea rsi,[rax+40h]
        0xB9, 0x90, 0x00, 0x00, 0x00,                    // 113: mov ecx,90h
        0x89, 0x48, 0x24,                                // 118: mov [rax+24h],ecx
        0x49, 0xC7, 0x43, 0x08, 0x00, 0x00, 0x00, 0x00,  // 11b: mov qword ptr [r11+8],0
        0xF3, 0xA4,                                      // 123: rep movsb [rdi],[rsi]
        0xEB, 0x6E,                                      // 125: jmp short 195h
        0x4C, 0x89, 0xD2,                                // 127: mov rdx,r10
        0x48, 0x85, 0xD2,                                // 12a: test rdx,rdx
        0x0F, 0x88, 0x7D, 0x00, 0x00, 0x00,              // 12d: js 1B0h
        0x48, 0x3B, 0x50, 0x10,                          // 133: cmp rdx,[rax+10h]
        0x72, 0x77,                                      // 137: jb short 1B0h
        0x48, 0x8B, 0x48, 0x18,                          // 139: mov rcx,[rax+18h]
        0x48, 0x29, 0xD1,                                // 13d: sub rcx,rdx
        0x73, 0x02,                                      // 140: jae short 144h
        0x31, 0xC9,                                      // 142: xor ecx,ecx
        0x49, 0x3B, 0x4B, 0x58,                          // 144: cmp rcx,[r11+58h]
        0x72, 0x06,                                      // 148: jb short 150h
        0x49, 0x8B, 0x4B, 0x58,                          // 14a: mov rcx,[r11+58h]
        0xEB, 0x09,                                      // 14e: jmp short 159h
        0xF7, 0x40, 0x20, 0x01, 0x00, 0x00, 0x00,        // 150: test dword ptr [rax+20h],1
        0x74, 0x57,                                      // 157: je short 1B0h
        0xC7, 0x40, 0x24, 0x01, 0x00, 0x00, 0x00,        // 159: mov dword ptr [rax+24h],1
        0x49, 0x89, 0x4B, 0x08,                          // 160: mov [r11+8],rcx
        0x48, 0x8B, 0x70, 0x08,                          // 164: mov rsi,[rax+8]
        0x48, 0x01, 0xD6,                                // 168: add rsi,rdx
        0x49, 0x8B, 0x7B, 0x50,                          // 16b: mov rdi,[r11+50h]
        0xF3, 0xA4,                                      // 16f: rep movsb [rdi],[rsi]
        0x49, 0x83, 0x7B, 0x40, 0x00,                    // 171: cmp qword ptr [r11+40h],0
        0x74, 0x08,                                      // 176: je short 180h
        0x48, 0x83, 0x38, 0x00,                          // 178: cmp qword ptr [rax],0
        0x7F, 0x17,                                      // 17c: jg short 195h
        0xEB, 0x30,                                      // 17e: jmp short 1B0h
        0x48, 0x89, 0xC1,                                // 180: mov rcx,rax
        0x48, 0x8D, 0x42, 0x01,                          // 183: lea rax,[rdx+1]
        0x49, 0x03, 0x53, 0x08,                          // 187: add rdx,[r11+8]
        0x48, 0xFF, 0xC2,                                // 18b: inc rdx
        0xF0, 0x48, 0x0F, 0xB1, 0x11,                    // 18e: lock cmpxchg [rcx],rdx
        0x75, 0x1B,                                      // 193: jne short 1B0h
        0x49, 0x8B, 0x7B, 0x48,                          // 195: mov rdi,[r11+48h]
        0x49, 0x8B, 0x73, 0x50,                          // 199: mov rsi,[r11+50h]
        0x49, 0x8B, 0x53, 0x58,                          // 19d: mov rdx,[r11+58h]
        0x49, 0x8B, 0x43, 0x08,                          // 1a1: mov rax,[r11+8]
        0x4D, 0x8B, 0x5B, 0x78,                          // 1a5: mov r11,[r11+78h]
        0x49, 0x83, 0xC3, 0x02,                          // 1a9: add r11,2
        0x41, 0xFF, 0xE3,                                // 1ad: jmp r11
        0x31, 0xC9,                                      // 1b0: xor ecx,ecx
        0x41, 0x81, 0x7B, 0x40, 0x06, 0x01, 0x00, 0x00,  // 1b2: cmp dword ptr [r11+40h],106h
        0x75, 0x5F,                                      // 1ba: jne short 21Bh
        0xB1, 0x02,                                      // 1bc: mov cl,2
        0xE3, 0x5B,                                      // 1be: jrcxz 21Bh
        0x8B, 0x04, 0xCD, 0x00, 0x0A, 0x06, 0x00,        // 1c0: mov eax,[rcx*8+60A00h]
        0x8B, 0x14, 0xCD, 0x04, 0x0A, 0x06, 0x00,        // 1c7: mov edx,[rcx*8+60A04h]
        0x0F, 0xB6, 0xF0,                                // 1ce: movzx esi,al
        0x49, 0x8B, 0x34, 0x33,                          // 1d1: mov rsi,[r11+rsi]
        0x48, 0x81, 0xFE, 0x00, 0x00, 0x01, 0x00,        // 1d5: cmp rsi,10000h
        0x72, 0x3D,                                      // 1dc: jb short 21Bh
        0x0F, 0xB6, 0xFC,                                // 1de: movzx edi,ah
        0x85, 0xFF,                                      // 1e1: test edi,edi
        0x74, 0x16,                                      // 1e3: je short 1FBh
        0x49, 0x8B, 0x3C, 0x3B,                          // 1e5: mov rdi,[r11+rdi]
        0x48, 0x39, 0xD7,                                // 1e9: cmp rdi,rdx
        0x77, 0x2D,                                      // 1ec: ja short 21Bh
        0xC1, 0xE8, 0x10,                                // 1ee: shr eax,10h
        0x89, 0xC1,                                      // 1f1: mov ecx,eax
        0x48, 0xD3, 0xE7,                                // 1f3: shl rdi,cl
        0x48, 0x89, 0xF9,                                // 1f6: mov rcx,rdi
        0xEB, 0x0F,                                      // 1f9: jmp short 20Ah
        0x89, 0xF1,                                      // 1fb: mov ecx,esi
        0x81, 0xC9, 0x00, 0xF0, 0xFF, 0xFF,              // 1fd: or ecx,0FFFFF000h
        0xF7, 0xD9,                                      // 203: neg ecx
        0x39, 0xD1,                                      // 205: cmp ecx,edx
        0x0F, 0x47, 0xCA,                                // 207: cmova ecx,edx
        0x49, 0x89, 0x73, 0x20,                          // 20a: mov [r11+20h],rsi
        0x49, 0x89, 0x4B, 0x28,                          // 20e: mov [r11+28h],rcx
        0x49, 0x8D, 0xBB, 0x00, 0x01, 0x00, 0x00,        // 212: lea rdi,[r11+100h]
        0xF3, 0xA4,                                      // 219: rep movsb [rdi],[rsi]
        0x49, 0x8B, 0x7B, 0x48,                          // 21b: mov rdi,[r11+48h]
        0x49, 0x8B, 0x73, 0x50,                          // 21f: mov rsi,[r11+50h]
        0x49, 0x8B, 0x53, 0x58,                          // 223: mov rdx,[r11+58h]
        0xB9, 0x02, 0x00, 0x00, 0x00,                    // 227: mov ecx,2
        0x41, 0x87, 0x0B,                                // 22c: xchg [r11],ecx
        0xC1, 0xE1, 0x0C,                                // 22f: shl ecx,0Ch
        0x41, 0x8B, 0x03,                                // 232: mov eax,[r11]
        0x2D, 0x02, 0x00, 0x00, 0x00,                    // 235: sub eax,2
        0x72, 0x26,                                      // 23a: jb short 262h
        0x74, 0x08,                                      // 23c: je short 246h
        0xFF, 0xC8,                                      // 23e: dec eax
        0x75, 0x0D,                                      // 240: jne short 24Fh
        0xFF, 0xC9,                                      // 242: dec ecx
        0xEB, 0x03,                                      // 244: jmp short 249h
        0x83, 0xE9, 0x10,                                // 246: sub ecx,10h
        0x7E, 0x04,                                      // 249: jle short 24Fh
        0xF3, 0x90,                                      // 24b: pause
        0xEB, 0xE3,                                      // 24d: jmp short 232h
        0xB8, 0x60, 0x5F, 0x00, 0x00,                    // 24f: mov eax,5F60h
        0x0F, 0x05,                                      // 254: syscall
        0xF3, 0x49, 0x0F, 0xAE, 0xCB,                    // 256: rdgsbase r11
        0xB9, 0x01, 0x00, 0x00, 0x00,                    // 25b: mov ecx,1
        0xEB, 0xD0,                                      // 260: jmp short 232h
        0x49, 0x83, 0x7B, 0x10, 0x00,                    // 262: cmp qword ptr [r11+10h],0
        0x74, 0x0B,                                      // 267: je short 274h
        0x49, 0x8B, 0x43, 0x40,                          // 269: mov rax,[r11+40h]
        0x4D, 0x8B, 0x5B, 0x78,                          // 26d: mov r11,[r11+78h]
        0x41, 0xFF, 0xE3,                                // 271: jmp r11
        0x49, 0x8B, 0x4B, 0x18,                          // 274: mov rcx,[r11+18h]
        0xE3, 0x25,                                      // 278: jrcxz 29Fh
        0x49, 0x8D, 0x34, 0x0B,                          // 27a: lea rsi,[r11+rcx]
        0x48, 0x8B, 0x0E,                                // 27e: mov rcx,[rsi]
        0xE3, 0x14,                                      // 281: jrcxz 297h
        0x48, 0x8B, 0x7E, 0x08,                          // 283: mov rdi,[rsi+8]
        0x48, 0x83, 0xC6, 0x10,                          // 287: add rsi,10h
        0xF3, 0xA4,                                      // 28b: rep movsb [rdi],[rsi]
        0x48, 0x83, 0xC6, 0x07,                          // 28d: add rsi,7
        0x48, 0x83, 0xE6, 0xF8,                          // 291: and rsi,0FFFFFFFFFFFFFFF8h
        0xEB, 0xE7,                                      // 295: jmp short 27Eh
        0x49, 0x8B, 0x7B, 0x48,                          // 297: mov rdi,[r11+48h]
        0x49, 0x8B, 0x73, 0x50,                          // 29b: mov rsi,[r11+50h]
        0x49, 0x8B, 0x43, 0x08,                          // 29f: mov rax,[r11+8]
        0x4D, 0x8B, 0x5B, 0x78,                          // 2a3: mov r11,[r11+78h]
        0x49, 0x83, 0xC3, 0x02,                          // 2a7: add r11,2
        0x41, 0xFF, 0xE3,                                // 2ab: jmp r11
    ];
}
