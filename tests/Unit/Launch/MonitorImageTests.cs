using Iced.Intel;
using Sandbox.Runsc.Launch;
using Xunit;
using static Iced.Intel.AssemblerRegisters;

namespace Sandbox.UnitTests.Launch;

/// <summary>The embedded monitor program is what its listing says.</summary>
public sealed class MonitorImageTests
{
    [Fact]
    public void The_embedded_bytes_are_the_assembled_listing() =>
        MachineCode.AssertSame("monitor", Assemble(), MonitorImage.Code);

    private static byte[] Assemble()
    {
        const int read = 0, poll = 7, sendto = 44, prctl = 157, exitGroup = 231;
        const int socket = MonitorImage.SocketFd, signals = MonitorImage.SignalFd;
        const int pollFds = 0, socketFound = 6, signalsFound = 14, buffer = 16, bufferBytes = 128, pollIn = 1;
        Assembler c = new(64);
        Label loop = c.CreateLabel(), forward = c.CreateLabel(), over = c.CreateLabel(), name = c.CreateLabel();
        c.mov(edi, 15); // PR_SET_NAME
        c.lea(rsi, __[name]);
        c.mov(eax, prctl);
        c.syscall();
        c.mov(r15d, MonitorImage.KilledExitCode);
        c.sub(rsp, buffer + bufferBytes);

        c.Label(ref loop);
        c.mov(__dword_ptr[rsp + pollFds], socket);
        c.mov(__dword_ptr[rsp + (pollFds + 4)], pollIn); // events, and revents becomes 0
        c.mov(__dword_ptr[rsp + (pollFds + 8)], signals);
        c.mov(__dword_ptr[rsp + (pollFds + 12)], pollIn);
        c.mov(rdi, rsp);
        c.mov(esi, 2);
        c.mov(rdx, -1);
        c.mov(eax, poll);
        c.syscall();
        c.cmp(__word_ptr[rsp + socketFound], 0);
        c.je(forward);
        c.mov(edi, socket);
        c.lea(rsi, __[rsp + buffer]);
        c.mov(edx, 4);
        c.mov(eax, read);
        c.syscall();
        c.cmp(eax, 4);
        c.jne(over);
        c.mov(r15d, __dword_ptr[rsp + buffer]);
        c.jmp(loop);

        c.Label(ref forward);
        c.cmp(__word_ptr[rsp + signalsFound], 0);
        c.je(loop);
        c.mov(edi, signals);
        c.lea(rsi, __[rsp + buffer]);
        c.mov(edx, bufferBytes);
        c.mov(eax, read);
        c.syscall();
        c.cmp(eax, bufferBytes);
        c.jne(loop);
        c.mov(edi, socket);
        c.lea(rsi, __[rsp + buffer]); // ssi_signo is the first word
        c.mov(edx, 4);
        c.mov(r10d, 0x4000); // MSG_NOSIGNAL
        c.xor(r8d, r8d);
        c.xor(r9d, r9d);
        c.mov(eax, sendto);
        c.syscall();
        c.jmp(loop);

        c.Label(ref over);
        c.mov(edi, r15d);
        c.mov(eax, exitGroup);
        c.syscall();
        c.ud2();
        c.Label(ref name);
        c.db("runsc-monitor\0"u8.ToArray());
        return MachineCode.Assemble(c);
    }
}
