using System.Globalization;
using System.Text;
using Sandbox.Linux;
using Sandbox.Platform;
using Sandbox.Sentry.Kernel.Tasks;
using Sandbox.Sentry.Vfs;

namespace Sandbox.SyscallTables.Tracing;

/// <summary>
/// Writes one argument of a call. Reads guest memory and believes none of it; what cannot be read shows as an address.
/// </summary>
internal readonly struct ArgumentText(Task task, SyscallArguments call)
{
    /// <summary>More of a string or a buffer is not shown.</summary>
    private const int ShownBytes = 64, ShownPathBytes = 512, ShownItems = 8;

    /// <summary>True for a format whose value the call itself writes.</summary>
    public static bool IsOut(ArgumentFormat format) => format is ArgumentFormat.DataOut or ArgumentFormat.VectorsOut
        or ArgumentFormat.Stat or ArgumentFormat.Statx or ArgumentFormat.StatFs or ArgumentFormat.TimeOut
        or ArgumentFormat.MicroTimeOut or ArgumentFormat.TimerTimeOut or ArgumentFormat.TimerMicroTimeOut
        or ArgumentFormat.SignalSetOut or ArgumentFormat.SignalActionOut or ArgumentFormat.SignalInfoOut
        or ArgumentFormat.SocketAddressOut or ArgumentFormat.MessageOut or ArgumentFormat.EpollEventsOut
        or ArgumentFormat.FdPairOut or ArgumentFormat.IntegerOut or ArgumentFormat.LongOut
        or ArgumentFormat.WaitStatusOut
        or ArgumentFormat.ResourceUsageOut or ArgumentFormat.LimitOut or ArgumentFormat.QueueAttributesOut
        or ArgumentFormat.PollDescriptors;

    /// <summary>The argument's register.</summary>
    public static ulong Register(in SyscallArguments call, int index) => index switch
    {
        0 => call.A0,
        1 => call.A1,
        2 => call.A2,
        3 => call.A3,
        4 => call.A4,
        _ => call.A5,
    };

    /// <summary>The text of an argument; <paramref name="result"/> counts for "out" formats only.</summary>
    public string Of(ArgumentFormat format, int index, long result = 0)
    {
        ulong value = Register(call, index);
        if (FlagNames.Of(format) is { } names)
            return names.Describe((uint)value);
        if (Scalar(format, value) is { } text)
            return text;
        if (value == 0)
            return "NULL";
        if (IsOut(format) && result < 0)
            return Pointer(value);
        ulong next = index < 5 ? Register(call, index + 1) : 0;
        StructText structures = new(task.Memory);
        return (format switch
        {
            ArgumentFormat.Text => Text(value, ShownPathBytes),
            ArgumentFormat.TextArray => TextArray(value),
            ArgumentFormat.Data => Data(value, next, next),
            ArgumentFormat.DataOut => Data(value, (ulong)result, (ulong)result),
            ArgumentFormat.Vectors => Vectors(value, next, long.MaxValue),
            ArgumentFormat.VectorsOut => Vectors(value, next, result),
            ArgumentFormat.PollDescriptors => structures.Poll(value, next),
            ArgumentFormat.EpollEventsOut => structures.EpollEvents(value, result),
            ArgumentFormat.SocketAddress => SocketAddressText.Read(task.Memory, value, next),
            ArgumentFormat.SocketAddressOut => SocketAddressText.ReadCounted(task.Memory, value, next),
            ArgumentFormat.Message => Message(value, long.MaxValue),
            ArgumentFormat.MessageOut => Message(value, result),
            _ => structures.Of(format, value),
        }) ?? Pointer(value);
    }

    /// <summary>"0x7f…", or NULL.</summary>
    public static string Pointer(ulong value) => value == 0 ? "NULL" : $"0x{value:x}";

    private string? Scalar(ArgumentFormat format, ulong value) => format switch
    {
        ArgumentFormat.Signed32 => ((int)value).ToString(CultureInfo.InvariantCulture),
        ArgumentFormat.Signed64 => ((long)value).ToString(CultureInfo.InvariantCulture),
        ArgumentFormat.Unsigned32 => ((uint)value).ToString(CultureInfo.InvariantCulture),
        ArgumentFormat.Unsigned64 => value.ToString(CultureInfo.InvariantCulture),
        ArgumentFormat.Hexadecimal => FlagNames.Number(value),
        ArgumentFormat.Octal => (uint)value == 0 ? "0" : "0" + Convert.ToString((uint)value, 8),
        ArgumentFormat.Address => Pointer(value),
        ArgumentFormat.Signal => TaskNames.Signal((int)value),
        ArgumentFormat.Fd or ArgumentFormat.DirectoryFd => Descriptor((int)value),
        _ => null,
    };

    private string Descriptor(int number)
    {
        const int currentDirectory = HostFile.CurrentDirectory;
        if (number == currentDirectory)
            return "AT_FDCWD";
        string text = number.ToString(CultureInfo.InvariantCulture);
        if (task.Files.Get(new Fd(number), allowPathOnly: true).Failed(out OpenFile? file, out _))
            return text;
        string name = file.Path.IsSome
            ? Encoding.UTF8.GetString(PathText.Describe(file.Path, task.Fs.Root))
            : file.AnonymousName;
        file.Release();
        return $"{text}<{name}>";
    }

    private string? Text(ulong address, int limit)
    {
        byte[] bytes = new byte[limit];
        // A string that is longer than what is shown fills the buffer: E2BIG stands for just that.
        if (task.Memory.ReadString(new UserAddress(address), bytes, Errno.E2BIG).Failed(
            out int length, out Errno error))
            return error == Errno.E2BIG ? Quoted(bytes) + "..." : null;
        return Quoted(bytes.AsSpan(0, length));
    }

    private string? TextArray(ulong address)
    {
        StringBuilder text = new("[");
        Span<byte> pointer = stackalloc byte[sizeof(ulong)];
        for (int index = 0; index < ShownItems * 2; index++)
        {
            if (task.Memory.Read(new UserAddress(address + ((ulong)index * sizeof(ulong))), pointer) != Errno.Ok)
                return index == 0 ? null : text.Append(", ...]").ToString();
            ulong item = BitConverter.ToUInt64(pointer);
            if (item == 0)
                return text.Append(']').ToString();
            text.Append(index == 0 ? "" : ", ").Append(Text(item, ShownPathBytes) ?? Pointer(item));
        }

        return text.Append(", ...]").ToString();
    }

    private string? Data(ulong address, ulong length, ulong total)
    {
        byte[] bytes = new byte[(int)Math.Min(length, ShownBytes)];
        if (bytes.Length == 0)
            return "\"\"";
        if (task.Memory.ReadSome(new UserAddress(address), bytes).Failed(out int count, out _))
            return null;
        return Quoted(bytes.AsSpan(0, count)) + (total > ShownBytes ? "..." : "");
    }

    private string? Vectors(ulong address, ulong count, long total)
    {
        StringBuilder text = new("[");
        Span<byte> entry = stackalloc byte[16];
        for (ulong index = 0; index < Math.Min(count, ShownItems); index++)
        {
            if (task.Memory.Read(new UserAddress(address + (index * 16)), entry) != Errno.Ok)
                return null;
            ulong start = BitConverter.ToUInt64(entry), length = BitConverter.ToUInt64(entry[8..]);
            ulong used = Math.Min(length, (ulong)Math.Max(total, 0));
            total -= (long)Math.Min(used, long.MaxValue);
            text.Append(index == 0 ? "{" : ", {").Append(Data(start, used, used) ?? Pointer(start));
            text.Append(CultureInfo.InvariantCulture, $", {length}}}");
        }

        return text.Append(count > ShownItems ? ", ...]" : "]").ToString();
    }

    // struct msghdr: name, name length, iovecs, their count, control, its length, flags.
    private string? Message(ulong address, long total)
    {
        Span<byte> header = stackalloc byte[56];
        if (task.Memory.Read(new UserAddress(address), header) != Errno.Ok)
            return null;
        ulong name = BitConverter.ToUInt64(header), vectors = BitConverter.ToUInt64(header[16..]);
        ulong count = BitConverter.ToUInt64(header[24..]), controlBytes = BitConverter.ToUInt64(header[40..]);
        string who = name == 0
            ? "NULL"
            : SocketAddressText.Read(task.Memory, name, BitConverter.ToUInt32(header[8..])) ?? Pointer(name);
        string data = count == 0 ? "[]" : Vectors(vectors, count, total) ?? Pointer(vectors);
        return string.Create(
            CultureInfo.InvariantCulture, $"{{name={who}, iov={data}, controllen={controlBytes}, flags={
                SocketNames.Message.Describe(BitConverter.ToUInt32(header[48..]))}}}");
    }

    /// <summary>Bytes as a C string literal.</summary>
    internal static string Quoted(ReadOnlySpan<byte> bytes)
    {
        StringBuilder text = new("\"", bytes.Length + 2);
        foreach (byte value in bytes)
        {
            text.Append(value switch
            {
                (byte)'\n' => "\\n",
                (byte)'\r' => "\\r",
                (byte)'\t' => "\\t",
                0 => "\\0",
                (byte)'"' => "\\\"",
                (byte)'\\' => "\\\\",
                >= 0x20 and < 0x7F => null,
                _ => $"\\x{value:x2}",
            });
            if (value is >= 0x20 and < 0x7F and not (byte)'"' and not (byte)'\\')
                text.Append((char)value);
        }

        return text.Append('"').ToString();
    }
}
