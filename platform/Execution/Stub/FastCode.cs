namespace Sandbox.Platform.Stub;

/// <summary>
/// The machine code of the fast path: what all rewritten calls of an address space share. It uses no stack, and of the
/// registers only rcx and r11, which a system call destroys anyway, and rax; flags stay as they are. Until the request is
/// posted, r11 holds the address of the entry's real system call. No segment prefix is used: a hypervisor that emulates an
/// access may not know it.
/// </summary>
/// <remarks>A unit test assembles the listing again and compares.</remarks>
internal static class FastCode
{
    /// <summary>Where the shared code has posted its request: from here on the thread waits for the answer or has it.</summary>
    public const int WaitOffset = 0x5A;

    /// <summary>The instruction pointer of a sleeping thread, as seccomp sees it.</summary>
    public const int SleepOffset = 0xA4;
    public const ulong SleepAddress = FastLayout.TableStart + FastLayout.CodeOffset + SleepOffset;

    public static ReadOnlySpan<byte> Bytes =>
    [
        0xF3, 0x48, 0x0F, 0xAE, 0xC9,                                // 0: rdgsbase rcx
        0x48, 0x0F, 0xC9,                                            // 5: bswap rcx
        0x89, 0xC9,                                                  // 8: mov ecx,ecx
        0x8D, 0x89, 0x00, 0x00, 0x91, 0x00,                          // a: lea ecx,[rcx+0x910000]
        0xE3, 0x03,                                                  // 10: jrcxz 15
        0x41, 0xFF, 0xE3,                                            // 12: jmp r11
        0xF3, 0x48, 0x0F, 0xAE, 0xC9,                                // 15: rdgsbase rcx
        0x8B, 0x09,                                                  // 1a: mov ecx,DWORD PTR [rcx]
        0x8D, 0x49, 0xFF,                                            // 1c: lea ecx,[rcx-0x1]
        0xE3, 0x03,                                                  // 1f: jrcxz 24
        0x41, 0xFF, 0xE3,                                            // 21: jmp r11
        0xF3, 0x48, 0x0F, 0xAE, 0xC9,                                // 24: rdgsbase rcx
        0x48, 0x89, 0x41, 0x40,                                      // 29: mov QWORD PTR [rcx+0x40],rax
        0x48, 0x89, 0x79, 0x48,                                      // 2d: mov QWORD PTR [rcx+0x48],rdi
        0x48, 0x89, 0x71, 0x50,                                      // 31: mov QWORD PTR [rcx+0x50],rsi
        0x48, 0x89, 0x51, 0x58,                                      // 35: mov QWORD PTR [rcx+0x58],rdx
        0x4C, 0x89, 0x51, 0x60,                                      // 39: mov QWORD PTR [rcx+0x60],r10
        0x4C, 0x89, 0x41, 0x68,                                      // 3d: mov QWORD PTR [rcx+0x68],r8
        0x4C, 0x89, 0x49, 0x70,                                      // 41: mov QWORD PTR [rcx+0x70],r9
        0x4C, 0x89, 0x59, 0x78,                                      // 45: mov QWORD PTR [rcx+0x78],r11
        0x48, 0xC7, 0x81, 0x80, 0x00, 0x00, 0x00, 0x00, 0x04, 0x00, 0x00, // 49: mov QWORD PTR [rcx+0x80],0x400
        0xC7, 0x01, 0x02, 0x00, 0x00, 0x00,                          // 54: mov DWORD PTR [rcx],0x2
        0x49, 0x89, 0xCB,                                            // 5a: mov r11,rcx
        0x41, 0x8B, 0x0B,                                            // 5d: mov ecx,DWORD PTR [r11]
        0x8D, 0x49, 0xFE,                                            // 60: lea ecx,[rcx-0x2]
        0xE3, 0x20,                                                  // 63: jrcxz 85
        0x49, 0x8B, 0x4B, 0x10,                                      // 65: mov rcx,QWORD PTR [r11+0x10]
        0xE3, 0x0B,                                                  // 69: jrcxz 76
        0x49, 0x8B, 0x43, 0x40,                                      // 6b: mov rax,QWORD PTR [r11+0x40]
        0x4D, 0x8B, 0x5B, 0x78,                                      // 6f: mov r11,QWORD PTR [r11+0x78]
        0x41, 0xFF, 0xE3,                                            // 73: jmp r11
        0x49, 0x8B, 0x43, 0x08,                                      // 76: mov rax,QWORD PTR [r11+0x8]
        0x4D, 0x8B, 0x5B, 0x78,                                      // 7a: mov r11,QWORD PTR [r11+0x78]
        0x4D, 0x8D, 0x5B, 0x02,                                      // 7e: lea r11,[r11+0x2]
        0x41, 0xFF, 0xE3,                                            // 82: jmp r11
        0xF3, 0x90,                                                  // 85: pause
        0x49, 0x8B, 0x8B, 0x80, 0x00, 0x00, 0x00,                    // 87: mov rcx,QWORD PTR [r11+0x80]
        0x48, 0x8D, 0x49, 0xFF,                                      // 8e: lea rcx,[rcx-0x1]
        0x49, 0x89, 0x8B, 0x80, 0x00, 0x00, 0x00,                    // 92: mov QWORD PTR [r11+0x80],rcx
        0xE3, 0x02,                                                  // 99: jrcxz 9d
        0xEB, 0xC0,                                                  // 9b: jmp 5d
        0xB8, 0x60, 0x5F, 0x00, 0x00,                                // 9d: mov eax,0x5f60
        0x0F, 0x05,                                                  // a2: syscall
        0xF3, 0x49, 0x0F, 0xAE, 0xCB,                                // a4: rdgsbase r11
        0x49, 0xC7, 0x83, 0x80, 0x00, 0x00, 0x00, 0x01, 0x00, 0x00, 0x00, // a9: mov QWORD PTR [r11+0x80],0x1
        0xEB, 0xA7,                                                  // b4: jmp 5d
    ];
}
