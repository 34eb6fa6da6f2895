using System.Runtime.InteropServices;
using Sandbox.Linux;
using Sandbox.Platform;
using Sandbox.Sentry.Kernel.Containers;
using Sandbox.Sentry.Kernel.Processes;
using Sandbox.Sentry.Kernel.Tasks;
using Sandbox.Sentry.Memory;
using Sandbox.Sentry.Security;
using Sandbox.Sentry.Vfs;

namespace Sandbox.Sentry.Loader;

/// <summary>A program in a fresh address space, ready to start.</summary>
internal sealed record LoadedImage(IGuestThread Thread, GuestMemory Memory, byte[] CommandName)
{
    /// <summary>It is not going to run.</summary>
    public void Discard()
    {
        Thread.AddressSpace.Kill();
        Memory.RemoveUser();
    }
}

/// <summary>
/// Maps an ELF image and its interpreter into a fresh address space and builds the initial stack (execve(2)).
/// </summary>
internal static class ImageLoader
{
    private const ulong PageMask = 0xFFF;

    /// <summary>
    /// Lowest load address of a position independent executable, and of an interpreter; 40 and 28 random bits above.
    /// </summary>
    private const ulong ExecutableBase = 0x5555_5555_4000, InterpreterBase = 0x7d00_0000_0000;

    /// <summary>
    /// Loads the program. Errors leave nothing behind: ENOEXEC, ENOENT (no interpreter), EACCES, E2BIG, ENOMEM.
    /// </summary>
    public static Result<LoadedImage> Load(
        Kernel.Kernel kernel,
        Container container,
        Executable executable,
        ExecStrings strings,
        Credentials credentials,
        bool isSecure,
        ResourceLimits limits)
    {
        // execve(2): a quarter of the stack limit, but never less than 128 KiB and never more than 6 MiB.
        long limit = (long)Math.Clamp(limits[Resource.Stack].Soft / 4, 128 * 1024, 6 << 20);
        if (strings.TotalBytes > limit)
            return Errno.E2BIG;
        if (kernel.Platform.CreateAddressSpace(container.Cgroup).Failed(out IGuestThread? thread, out Errno error))
            return error;

        Result<LoadedImage> loaded = LoadInto(
            kernel, container.Memory, thread, executable, strings, credentials, isSecure, limits);
        if (loaded.Error != Errno.Ok)
            thread.AddressSpace.Kill();
        return loaded;
    }

    private static Result<LoadedImage> LoadInto(
        Kernel.Kernel kernel,
        MemoryAccount account,
        IGuestThread thread,
        Executable executable,
        ExecStrings strings,
        Credentials credentials,
        bool isSecure,
        ResourceLimits limits)
    {
        Layout layout = Layout.Choose(executable);
        GuestMemory memory = new(thread.AddressSpace, new MappedFiles(account));
        InitialStack stack = BuildStack(kernel, thread, executable, strings, credentials, isSecure, layout);
        memory.StackTop = stack.Top;
        (memory.ArgumentsStart, memory.ArgumentsEnd) = (stack.ArgumentsStart, stack.ArgumentsEnd);
        (memory.EnvironmentStart, memory.EnvironmentEnd) = (stack.EnvironmentStart, stack.EnvironmentEnd);
        memory.AuxiliaryVector = stack.AuxiliaryVector;
        memory.BreakStart = layout.BreakStart;

        List<HostCommand> commands = new(
            (2 * (executable.Image.Segments.Count + (executable.InterpreterImage?.Segments.Count ?? 0))) + 2);
        AddMappings(commands, executable.File, executable.Image, layout.Bias, memory);
        if (executable.Interpreter is { } interpreter)
            AddMappings(commands, interpreter, executable.InterpreterImage!, layout.InterpreterBias, memory);
        AddStack(commands, stack, executable.Image.HasExecutableStack);
        if (commands.Exists(static command => command.HostFd == NoMapping))
            return Errno.ENOEXEC;
        bool hasMap = AddMemoryMap(commands, thread, memory, executable.Image, layout);
        if (thread.Execute(CollectionsMarshal.AsSpan(commands), stopAtError: true) is not Errno.Ok and Errno failed)
            return failed;

        if (WriteTails(thread, executable.Image, layout.Bias) is not Errno.Ok and Errno tail)
            return tail;
        if (executable.InterpreterImage is { } image
            && WriteTails(thread, image, layout.InterpreterBias) is not Errno.Ok and Errno rest)
            return rest;
        if (WriteAll(thread, stack.Pointer, stack.Bytes) is not Errno.Ok and Errno unwritten)
            return unwritten;
        if (hasMap && commands[^1].Result != 0)
            kernel.Log.Debug($"PR_SET_MM_MAP: {commands[^1].Result}");
        ApplyLimits(thread.AddressSpace, limits);

        ref UserRegisters registers = ref thread.Registers;
        registers = registers with
        {
            Rax = 0,
            Rbx = 0,
            Rcx = 0,
            Rdx = 0,
            Rsi = 0,
            Rdi = 0,
            Rbp = 0,
            R8 = 0,
            R9 = 0,
            R10 = 0,
            R11 = 0,
            R12 = 0,
            R13 = 0,
            R14 = 0,
            R15 = 0,
            Rsp = stack.Pointer,
            Eflags = 0x202,
            Rip = executable.InterpreterImage is { } loader
                ? loader.Entry + layout.InterpreterBias
                : executable.Image.Entry + layout.Bias,
        };
        memory.Executable = executable.File.Path;
        return new LoadedImage(thread, memory, executable.CommandName);
    }

    private static InitialStack BuildStack(
        Kernel.Kernel kernel,
        IGuestThread thread,
        Executable executable,
        ExecStrings strings,
        Credentials credentials,
        bool isSecure,
        in Layout layout)
    {
        AuxiliaryVector vector = new();
        if (thread.AddressSpace.VdsoAddress != 0)
            vector.Add(AuxKey.VdsoAddress, thread.AddressSpace.VdsoAddress);
        vector.Add(AuxKey.MinimumSignalStack, kernel.Host.MinimumSignalStackBytes);
        vector.Add(AuxKey.HardwareCapabilities, kernel.Host.HardwareCapabilities);
        vector.Add(AuxKey.PageBytes, 4096);
        vector.Add(AuxKey.ClockTicks, 100);
        vector.Add(AuxKey.ProgramHeaders, executable.Image.ProgramHeaders + layout.Bias);
        vector.Add(AuxKey.ProgramHeaderBytes, 56);
        vector.Add(AuxKey.ProgramHeaderCount, (ulong)executable.Image.ProgramHeaderCount);
        vector.Add(AuxKey.InterpreterBase, executable.InterpreterImage is null ? 0 : layout.InterpreterBias);
        vector.Add(AuxKey.Flags, 0);
        vector.Add(AuxKey.Entry, executable.Image.Entry + layout.Bias);
        UserNamespace ids = credentials.UserNamespace;
        vector.Add(AuxKey.UserId, ids.UserFromKernel(credentials.UserId));
        vector.Add(AuxKey.EffectiveUserId, ids.UserFromKernel(credentials.EffectiveUserId));
        vector.Add(AuxKey.GroupId, ids.GroupFromKernel(credentials.GroupId));
        vector.Add(AuxKey.EffectiveGroupId, ids.GroupFromKernel(credentials.EffectiveGroupId));
        vector.Add(AuxKey.Secure, isSecure ? 1u : 0u);
        vector.Add(AuxKey.HardwareCapabilities2, kernel.Host.HardwareCapabilities2);
        Span<byte> random = stackalloc byte[16];
        HostRandom.Fill(random);

        ulong top = thread.AddressSpace.StackTop & ~PageMask;
        return InitialStack.Build(top, strings, vector, random);
    }

    private const int NoMapping = -2;

    private static void AddMappings(
        List<HostCommand> commands, OpenFile file, ElfImage image, ulong bias, GuestMemory memory)
    {
        int recorded = -1;
        foreach (ElfSegment segment in image.Segments)
        {
            ulong start = (segment.Address + bias) & ~PageMask;
            ulong fileEnd = segment.Address + bias + segment.FileBytes;
            ulong memoryEnd = segment.Address + bias + segment.MemoryBytes;
            ulong mappedEnd = (fileEnd + PageMask) & ~PageMask;
            if (segment.FileBytes != 0)
            {
                const MapFlags flags = MapFlags.Private | MapFlags.FixedNoReplace;
                int fd = file.GetMappingFd(flags, segment.Protection).Failed(out int number, out _)
                    ? NoMapping
                    : number;
                if (fd >= 0 && fd != recorded && !HostFile.Stat(fd).Failed(out Stat stat, out _))
                {
                    memory.RecordFile(stat.Device, stat.Inode, file.Path);
                    recorded = fd;
                }

                commands.Add(new HostCommand(
                    Sys.mmap, (long)start, (long)(mappedEnd - start), (long)segment.Protection, (long)flags,
                    fd, (long)(segment.FileOffset & ~PageMask), hostFd: fd));
            }
            else
            {
                mappedEnd = start;
            }

            ulong end = (memoryEnd + PageMask) & ~PageMask;
            if (end > mappedEnd)
            {
                commands.Add(new HostCommand(
                    Sys.mmap, (long)mappedEnd, (long)(end - mappedEnd), (long)segment.Protection,
                    (long)(MapFlags.Private | MapFlags.Anonymous | MapFlags.FixedNoReplace), -1, 0));
            }
        }
    }

    // The host's stack mapping is small until it grows by faults, which copies from outside do not cause: strings
    // beyond it, or an executable stack, get a mapping of their own in its place, which grows in the same way.
    private static void AddStack(List<HostCommand> commands, InitialStack stack, bool isExecutable)
    {
        const ulong hostStackBytes = 64 * 1024;
        ulong used = stack.Top - stack.Pointer;
        if (used <= hostStackBytes && !isExecutable)
            return;
        ulong length = (used + hostStackBytes + PageMask) & ~PageMask;
        MemoryProtection protection =
            MemoryProtection.Read | MemoryProtection.Write | (isExecutable ? MemoryProtection.Execute : 0);
        const MapFlags flags = MapFlags.Private | MapFlags.Anonymous | MapFlags.Fixed | MapFlags.GrowsDown
            | MapFlags.Stack;
        commands.Add(new HostCommand(
            Sys.mmap, (long)(stack.Top - length), (long)length, (long)protection, (long)flags, -1, 0));
    }

    // The rest of a segment's last file page is zero (elf(5)); only writable segments have such a rest that matters.
    private static Errno WriteTails(IGuestThread thread, ElfImage image, ulong bias)
    {
        ReadOnlySpan<byte> zeros = stackalloc byte[4096];
        foreach (ElfSegment segment in image.Segments)
        {
            ulong fileEnd = segment.Address + bias + segment.FileBytes;
            ulong rest = (4096 - (fileEnd & PageMask)) & PageMask;
            if (segment.FileBytes == 0 || segment.MemoryBytes == segment.FileBytes || rest == 0)
                continue;
            if ((segment.Protection & MemoryProtection.Write) == 0)
                continue;
            if (WriteAll(thread, fileEnd, zeros[..(int)rest]) is not Errno.Ok and Errno error)
                return error;
        }

        return Errno.Ok;
    }

    private static Errno WriteAll(IGuestThread thread, ulong address, ReadOnlySpan<byte> bytes)
    {
        if (thread.AddressSpace.Write(new UserAddress(address), bytes).Failed(out int count, out Errno error))
            return error;
        return count == bytes.Length ? Errno.Ok : Errno.EFAULT;
    }

    // prctl(2), PR_SET_MM_MAP: brk(2) then works natively. A host without checkpoint/restore refuses; brk answers as it
    // can then. The last command, for it may fail.
    private static bool AddMemoryMap(
        List<HostCommand> commands, IGuestThread thread, GuestMemory memory, ElfImage image, in Layout layout)
    {
        ElfSegment code = image.Segments[0], data = image.Segments[^1];
        ReadOnlySpan<ulong> map =
        [
            code.Address + layout.Bias, code.Address + layout.Bias + code.MemoryBytes,
            data.Address + layout.Bias, data.Address + layout.Bias + data.FileBytes,
            layout.BreakStart, layout.BreakStart, memory.StackTop - 8,
            memory.ArgumentsStart, memory.ArgumentsEnd, memory.EnvironmentStart, memory.EnvironmentEnd,
            0, 0xFFFFFFFF_00000000, // No auxv for the host's /proc, and exe_fd -1 in the upper half.
        ];
        const int prSetMm = 35, prSetMmMap = 14;
        ulong scratch = thread.AddressSpace.ScratchAddress;
        if (WriteAll(thread, scratch, MemoryMarshal.AsBytes(map)) != Errno.Ok)
            return false;
        commands.Add(new HostCommand(Sys.prctl, prSetMm, prSetMmMap, (long)scratch, map.Length * 8));
        return true;
    }

    private static void ApplyLimits(IAddressSpace space, ResourceLimits limits)
    {
        foreach (Resource resource in (ReadOnlySpan<Resource>)[Resource.Stack, Resource.Data, Resource.AddressSpace])
        {
            if (limits[resource].Soft != Limit.Infinity || resource == Resource.Stack)
                _ = space.SetLimit((int)resource, limits[resource].Soft, limits[resource].Hard);
        }
    }

    /// <summary>Where everything goes.</summary>
    private readonly record struct Layout(ulong Bias, ulong InterpreterBias, ulong BreakStart)
    {
        public static Layout Choose(Executable executable)
        {
            ulong bias = executable.Image.IsPositionIndependent
                ? ExecutableBase + HostRandom.Pages(28) - executable.Image.Start
                : 0;

            // A position independent image without interpreter is a dynamic loader run by hand:
            // out of the way of what it loads.
            if (executable.Image.IsPositionIndependent && executable.InterpreterImage is null)
                bias = InterpreterBase + HostRandom.Pages(28) - executable.Image.Start;
            ulong interpreterBias = executable.InterpreterImage is { IsPositionIndependent: true } image
                ? InterpreterBase + HostRandom.Pages(28) - image.Start
                : 0;
            ulong end = (executable.Image.End + bias + PageMask) & ~PageMask;
            return new Layout(bias, interpreterBias, end + HostRandom.Pages(13));
        }
    }
}
