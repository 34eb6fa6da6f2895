using Sandbox.Linux;
using Sandbox.Sentry.Kernel.Tasks;
using Sandbox.Sentry.Vfs;

namespace Sandbox.Sentry.Filesystems.Proc.Tasks;

/// <summary>Files of /proc/PID that show pieces of the process's own memory: cmdline, environ, auxv.</summary>
internal static class MemoryTexts
{
    // Linux allows a quarter of the stack for arguments; nobody gets to make us hold more than this.
    private const int MaxBytes = 8 << 20;

    /// <summary>
    /// The arguments. A process may overwrite them (setproctitle(3)): if the last byte is no NUL any more, the text
    /// goes on into the environment, up to the first NUL there (proc_pid_cmdline(5)).
    /// </summary>
    public static Errno WriteCommandLine(ProcTask target, ICaller reader, ByteBuilder text)
    {
        GuestMemory memory = target.Task.GuestMemory;
        byte[] arguments = Read(target, memory.ArgumentsStart, memory.ArgumentsEnd);
        if (arguments.Length == 0 || arguments[^1] == 0)
        {
            text.Append(arguments);
            return Errno.Ok;
        }

        int end = Array.IndexOf(arguments, (byte)0);
        if (end >= 0)
        {
            text.Append(arguments.AsSpan(0, end));
            return Errno.Ok;
        }

        ReadOnlySpan<byte> environment = Read(target, memory.EnvironmentStart, memory.EnvironmentEnd);
        int environmentEnd = environment.IndexOf((byte)0);
        text.Append(arguments).Append(environmentEnd < 0 ? environment : environment[..environmentEnd]);
        return Errno.Ok;
    }

    public static Errno WriteEnvironment(ProcTask target, ICaller reader, ByteBuilder text)
    {
        GuestMemory memory = target.Task.GuestMemory;
        text.Append(Read(target, memory.EnvironmentStart, memory.EnvironmentEnd));
        return Errno.Ok;
    }

    public static Errno WriteAuxiliaryVector(ProcTask target, ICaller reader, ByteBuilder text)
    {
        if (!target.IsZombie)
            text.Append(target.Task.GuestMemory.AuxiliaryVector);
        return Errno.Ok;
    }

    /// <summary>Which mappings a core dump holds (core(5)).</summary>
    public static Errno WriteDumpFilter(ProcTask target, ICaller reader, ByteBuilder text)
    {
        if (!target.IsZombie)
            text.AppendHex(target.Task.GuestMemory.DumpFilter, 8).Append((byte)'\n');
        return Errno.Ok;
    }

    /// <summary>Bits that it does not know are left out. EINVAL for what is no number of 32 bits.</summary>
    public static Errno ReadDumpFilter(ProcTask target, ICaller writer, ReadOnlySpan<byte> text)
    {
        if (target.IsZombie)
            return Errno.ESRCH;
        if (!ProcNumberText.TryParse(text, out long filter) || filter is < 0 or > uint.MaxValue)
            return Errno.EINVAL;
        target.Task.GuestMemory.DumpFilter = (uint)filter & GuestMemory.DumpFilterBits;
        return Errno.Ok;
    }

    private static byte[] Read(ProcTask target, ulong start, ulong end)
    {
        if (target.IsZombie || end <= start)
            return [];
        byte[] bytes = new byte[(int)Math.Min(end - start, MaxBytes)];
        if (target.Task.GuestMemory.Space.Read(new UserAddress(start), bytes).Failed(out int count, out _))
            return [];
        return count == bytes.Length ? bytes : bytes[..count];
    }
}
