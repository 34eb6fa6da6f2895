using Sandbox.Linux;

namespace Sandbox.Platform.Stubs;

/// <summary>What the kernel put on the zygote's initial stack (getauxval(3)).</summary>
internal readonly record struct AuxiliaryVector(
    ulong StackTop, ulong VdsoAddress, bool HasFsGsBase, ulong MinSignalStackBytes)
{
    private const int MaxBytes = 4096, PageBytes = PageSize.Bytes;
    private const ulong HardwareCapabilities2 = 26, ExecFileName = 31, VdsoHeader = 33, MinSignalStack = 51;
    private const ulong FsGsBaseBit = 2;

    /// <summary>
    /// Reads argc, argv, envp and the vector from <paramref name="stack"/>, the initial stack pointer.
    /// </summary>
    public static AuxiliaryVector Read(int pid, ulong stack)
    {
        byte[] bytes = new byte[MaxBytes];
        if (HostProcess.ReadMemory(pid, stack, bytes).Failed(out int count, out Errno error))
            throw new PlatformNotSupportedException($"process_vm_readv from the zygote failed: {error}");
        ReadOnlySpan<ulong> words = System.Runtime.InteropServices.MemoryMarshal.Cast<byte, ulong>(
            bytes.AsSpan(0, count & ~7));
        int index = 1 + (int)words[0] + 1; // argc, argv and its end
        while (words[index] != 0)
            index++;
        index++;
        ulong fileName = stack, vdso = 0, capabilities = 0, signalStack = 2048;
        for (; words[index] != 0; index += 2)
        {
            switch (words[index])
            {
                case ExecFileName: fileName = words[index + 1]; break;
                case VdsoHeader: vdso = words[index + 1]; break;
                case HardwareCapabilities2: capabilities = words[index + 1]; break;
                case MinSignalStack: signalStack = words[index + 1]; break;
            }
        }

        // The file name is the last thing on the stack but for eight zero bytes, so its page is the last one.
        ulong top = (fileName + PageBytes) & ~(ulong)(PageBytes - 1);
        return new AuxiliaryVector(top, vdso, (capabilities & FsGsBaseBit) != 0, signalStack);
    }
}
