using System.Buffers.Text;
using System.Text;
using Sandbox.Linux;
using Sandbox.Sentry.Vfs;

namespace Sandbox.Sentry.Filesystems.Proc.Global;

/// <summary>
/// A sysctl that tunes what the host does here: what root writes is kept, for this sandbox, and told to who reads it.
/// An init that sets vm.max_map_count goes on, as on Linux. The value has to look as the first one does:
/// as many whole numbers, or a text.
/// </summary>
internal sealed class StoredSysctl(FileSystem fileSystem, string initial) : TextFile(
    fileSystem, static (_, _) => Errno.EIO, RootWrites)
{
    private const uint RootWrites = 0x1A4; // 0644.
    private const int MaxTextBytes = 128;

    private readonly int _numbers = CountNumbers(initial);
    private byte[] _value = Encoding.UTF8.GetBytes(initial + "\n"); // Replaced as a whole.

    public override Errno Produce(ICaller caller, ByteBuilder text)
    {
        text.Append(Volatile.Read(ref _value));
        return Errno.Ok;
    }

    /// <summary>Only whole lines; EINVAL for too few or too many numbers, or for anything else among them.</summary>
    public override Errno Consume(ICaller caller, ReadOnlySpan<byte> text)
    {
        int end = text.IndexOfAny((byte)'\n', (byte)0);
        ReadOnlySpan<byte> line = (end < 0 ? text : text[..end]).Trim(" \t"u8);
        if (_numbers == 0)
        {
            Volatile.Write(ref _value, [.. line[..Math.Min(line.Length, MaxTextBytes)], (byte)'\n']);
            return Errno.Ok;
        }

        ByteBuilder value = new();
        for (int index = 0; index < _numbers; index++)
        {
            if (!TakeNumber(ref line, out long number))
                return Errno.EINVAL;
            if (index > 0)
                value.Append((byte)'\t');
            value.Append(number);
        }

        if (!line.IsEmpty)
            return Errno.EINVAL;
        Volatile.Write(ref _value, value.Append((byte)'\n').ToArray());
        return Errno.Ok;
    }

    // How many numbers the value is made of; 0 if it is a text.
    private static int CountNumbers(string value)
    {
        ReadOnlySpan<byte> rest = Encoding.UTF8.GetBytes(value);
        int count = 0;
        while (!rest.IsEmpty)
        {
            if (!TakeNumber(ref rest, out _))
                return 0;
            count++;
        }

        return count;
    }

    private static bool TakeNumber(ref ReadOnlySpan<byte> text, out long number)
    {
        if (!Utf8Parser.TryParse(text, out number, out int used))
            return false;
        bool isWhole = used == text.Length || text[used] is (byte)' ' or (byte)'\t';
        text = text[used..].TrimStart(" \t"u8);
        return isWhole;
    }
}
