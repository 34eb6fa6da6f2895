using System.Buffers.Binary;
using System.Globalization;
using System.Text;
using Sandbox.Linux;
using Sandbox.Platform;
using Sandbox.Sentry.Kernel.Tasks;
using Sandbox.Sentry.Vfs;

namespace Sandbox.Sentry.Control;

/// <summary>
/// Where a guest thread is and who called it. Programs seldom keep frame pointers, so return addresses are found by
/// searching the stack for addresses behind a call instruction: an old one may be among them.
/// </summary>
internal static class GuestStack
{
    private const int SearchBytes = 16 << 10, FramesMax = 32;

    /// <summary>
    /// One line for the registers, one for each return address; null if the thread is gone or does not stand still.
    /// </summary>
    public static List<string>? Describe(Kernel.Tasks.Task task)
    {
        if (!TryFindRegisters(task, out ulong instruction, out ulong stack, out ulong frame))
            return null;
        List<HostMapping> mappings = [];
        if (task.GuestMemory.Space.ListMappings(mappings) != Errno.Ok)
            return null;
        List<string> lines =
        [
            string.Create(CultureInfo.InvariantCulture, $"ip {instruction:x} sp {stack:x} bp {frame:x}"),
            Name(task, mappings, instruction),
        ];
        byte[] memory = new byte[SearchBytes];
        if (task.Memory.ReadSome(new UserAddress(stack), memory).Failed(out int length, out _))
            return lines;
        for (int at = 0; at + sizeof(ulong) <= length && lines.Count < FramesMax; at += sizeof(ulong))
        {
            ulong word = BinaryPrimitives.ReadUInt64LittleEndian(memory.AsSpan(at));
            if (IsReturnAddress(task, mappings, word))
                lines.Add(Name(task, mappings, word));
        }

        return lines;
    }

    // A thread that waits stands still and the host tells its stack and instruction pointer;
    // one that computes is brought in.
    private static bool TryFindRegisters(
        Kernel.Tasks.Task task, out ulong instruction, out ulong stack, out ulong frame)
    {
        (instruction, stack, frame) = (0, 0, 0);
        const int limitSeconds = 2;
        if (task.SyscallNumber < 0 && !task.IsStopped
            && RegisterSample.TryRead(task, TimeSpan.FromSeconds(limitSeconds), out UserRegisters registers))
        {
            (instruction, stack, frame) = (registers.Rip, registers.Rsp, registers.Rbp);
            return true;
        }

        byte[] file = Encoding.ASCII.GetBytes(
            string.Create(CultureInfo.InvariantCulture, $"task/{task.Thread.HostThreadId}/syscall"));
        if (task.GuestMemory.Space.ReadProcFile(file).Failed(out byte[]? text, out _))
            return false;
        // "NUMBER six arguments SP PC", "-1 SP PC", or "running" (proc_pid_syscall(5)).
        string[] words = Encoding.ASCII.GetString(text).TrimEnd().Split(' ');
        return words.Length >= 3 && TryParse(words[^2], out stack) && TryParse(words[^1], out instruction);
    }

    private static bool TryParse(string word, out ulong value)
    {
        value = 0;
        return word.StartsWith("0x", StringComparison.Ordinal)
            && ulong.TryParse(word.AsSpan(2), NumberStyles.HexNumber, CultureInfo.InvariantCulture, out value);
    }

    private static bool IsReturnAddress(Kernel.Tasks.Task task, List<HostMapping> mappings, ulong address)
    {
        const int longestCall = 7;
        if (Find(mappings, address) is not { } mapping || (mapping.Protection & MemoryProtection.Execute) == 0)
            return false;
        Span<byte> code = stackalloc byte[longestCall];
        if (address < mapping.Start + longestCall
            || task.Memory.Read(new UserAddress(address - longestCall), code) != Errno.Ok)
            return false;
        // call rel32; call *reg and *(reg); call *disp8(reg), call *r8-r15; call *disp32(reg) and *disp32(%rip).
        const byte near = 0xE8, indirect = 0xFF, operation = 0x38, call = 0x10;
        return code[2] == near
            || (code[5] == indirect && (code[6] & operation) == call)
            || (code[4] == indirect && (code[5] & operation) == call)
            || (code[1] == indirect && (code[2] & operation) == call);
    }

    private static HostMapping? Find(List<HostMapping> mappings, ulong address)
    {
        foreach (HostMapping mapping in mappings)
        {
            if (address >= mapping.Start && address < mapping.End)
                return mapping;
        }

        return null;
    }

    private static string Name(Kernel.Tasks.Task task, List<HostMapping> mappings, ulong address)
    {
        if (Find(mappings, address) is not { } mapping)
            return string.Create(CultureInfo.InvariantCulture, $"{address:x}");
        VfsPath file = mapping.Inode == 0 ? default : task.GuestMemory.FindFile(mapping);
        string name = file.IsSome
            ? Encoding.UTF8.GetString(PathText.Describe(file, task.Fs.Root))
            : mapping.HostName.Length > 0 ? mapping.HostName : "[anonymous]";
        return string.Create(
            CultureInfo.InvariantCulture, $"{address:x} {name}+0x{address - mapping.Start + mapping.Offset:x}");
    }
}
