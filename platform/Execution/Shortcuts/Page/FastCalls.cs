using System.Buffers.Binary;
using Sandbox.Linux;

namespace Sandbox.Platform.Shortcuts.Page;

/// <summary>
/// The calls that may come by a shared page: frequent ones whose handlers need no registers and end with a value. All
/// others take the notified way even from a rewritten place. And what the guest's side copies to the page before it
/// asks: one range of memory, named by the arguments.
/// </summary>
internal static class FastCalls
{
    /// <summary>Numbers from here on are not looked up by the guest's side.</summary>
    public const int Numbers = FastLayout.RulesOffset - FastLayout.InputsOffset;

    /// <summary>The most bytes of a buffer that are copied to the page, or of answers that wait there.</summary>
    public const int MaxBufferBytes = 0x4000;

    /// <summary>How many numbers the guest's side answers by itself while its page says so.</summary>
    public const int Answers = 6;

    /// <summary>
    /// Bytes of the image that are no rule: the first of the answers, and a call that never comes by a page.
    /// </summary>
    public const byte FirstAnswer = 0xF0, NotFast = 0xFF;

    /// <summary>
    /// Calls that the guest's side answers by itself where it has a lease. Without one they have no input; but
    /// StatAtLease is fstat(2) only with AT_EMPTY_PATH and an empty path,
    /// and otherwise has the input <see cref="PathAt"/>.
    /// </summary>
    public const byte ReadLease = 0xE0, ReadAtLease = 0xE1, StatLease = 0xE2, StatAtLease = 0xE3;

    /// <summary>The rule of a path that is the second argument.</summary>
    public const byte PathAt = 2;

    private const int PathBytes = 256, RuleBytes = 8;

    private static readonly bool[] _isFast = new bool[Numbers];

    // Numbers into _rules.
    private static readonly byte[] _inputs = new byte[Numbers];

    // In the order of FastPage.SetIds.
    private static readonly int[] _answered =
        [Sys.getpid, Sys.gettid, Sys.getuid, Sys.geteuid, Sys.getgid, Sys.getegid];

    // The first stands for no input.
    private static readonly Rule[] _rules =
    [
        default,
        new(0, PathBytes),
        new(1, PathBytes),
        new(1, MaxBufferBytes, LengthArgument: 2),
        new(1, 16, LengthArgument: 2, Shift: 4), // An array of struct iovec.
        new(0, 64, LengthArgument: 1, Shift: 3), // An array of struct pollfd.
        new(1, 56), // struct msghdr
        new(3, 12), // struct epoll_event
        new(1, 8), // sigset_t
        new(1, 32), // struct sigaction, as the kernel has it
    ];

    private static readonly byte[] _image;

    static FastCalls()
    {
        Array.Fill(_inputs, NotFast);
        Add(
            0, Sys.close, Sys.lseek, Sys.recvfrom, Sys.fcntl, Sys.getcwd, Sys.getppid,
            Sys.getdents64, Sys.epoll_wait, Sys.fsync, Sys.fdatasync, Sys.ftruncate, Sys.fchown);
        Add(1, Sys.stat, Sys.lstat, Sys.access, Sys.readlink, Sys.unlink, Sys.mkdir, Sys.rmdir, Sys.rename);
        Add(PathAt, Sys.openat, Sys.unlinkat, Sys.readlinkat, Sys.faccessat, Sys.statx);
        Add(3, Sys.write, Sys.pwrite64, Sys.sendto);
        Add(4, Sys.readv, Sys.writev);
        Add(5, Sys.poll);
        Add(6, Sys.sendmsg, Sys.recvmsg);
        Add(7, Sys.epoll_ctl);
        Add(8, Sys.rt_sigprocmask);
        Add(9, Sys.rt_sigaction);
        Add(ReadLease, Sys.read);
        Add(ReadAtLease, Sys.pread64);
        Add(StatLease, Sys.fstat);
        Add(StatAtLease, Sys.newfstatat);
        for (int i = 0; i < Answers; i++)
            Add((byte)(FirstAnswer + i), _answered[i]);
        _image = Build();
    }

    /// <summary>
    /// One range of the caller's memory. The length is an argument, in units of 1 &lt;&lt; Shift bytes,
    /// and if it is more than
    /// <paramref name="Max"/> nothing is copied. Without one it is Max bytes, or those up to the end of the page.
    /// </summary>
    private readonly record struct Rule(int Argument, int Max, int LengthArgument = -1, int Shift = 0);

    public static bool Contains(int number) => (uint)number < (uint)_isFast.Length && _isFast[number];

    /// <summary>A call for an id, which the guest's side may answer.</summary>
    public static bool IsAnswered(int number) => Array.IndexOf(_answered, number) >= 0;

    /// <summary>A call whose output is nothing but the bytes it counts: it may end with fewer of them.</summary>
    public static bool IsRead(ulong number) => number is Sys.read or Sys.pread64 or Sys.readv or Sys.preadv;

    /// <summary>Of those, one that reads at the file's own position.</summary>
    public static bool MovesPosition(ulong number) => number is Sys.read or Sys.readv;

    /// <summary>
    /// What the guest's side reads, for <see cref="FastLayout.InputsOffset"/>: a byte for each number, the index of its
    /// rule, an answer or <see cref="NotFast"/>; and the rules: offset of the address in a thread's page, offset of the
    /// length or 0, shift, u32 maximum at 4.
    /// </summary>
    public static ReadOnlySpan<byte> Image => _image;

    private static byte[] Build()
    {
        byte[] image = new byte[Numbers + (_rules.Length * RuleBytes)];
        _inputs.CopyTo(image, 0);
        for (int i = 0; i < _rules.Length; i++)
        {
            Rule rule = _rules[i];
            Span<byte> bytes = image.AsSpan(Numbers + (i * RuleBytes), RuleBytes);
            bytes[0] = OffsetOf(rule.Argument);
            bytes[1] = rule.LengthArgument < 0 ? (byte)0 : OffsetOf(rule.LengthArgument);
            bytes[2] = (byte)rule.Shift;
            BinaryPrimitives.WriteInt32LittleEndian(bytes[4..], rule.Max);
        }

        return image;
    }

    private static byte OffsetOf(int argument) => (byte)(FastLayout.PageArguments + (argument * sizeof(ulong)));

    private static void Add(byte rule, params ReadOnlySpan<int> numbers)
    {
        foreach (int number in numbers)
            (_isFast[number], _inputs[number]) = (true, rule);
    }
}
