using System.Runtime.CompilerServices;
using Sandbox.Linux;
using Sandbox.Platform.Filters;
using Sandbox.Platform.Shortcuts.Page;
using Sandbox.Sentry.Filesystems.Event;
using Sandbox.Sentry.Kernel.Signals;
using Sandbox.Sentry.Syscalls;
using Sandbox.SyscallTables;
using Xunit;

namespace Sandbox.UnitTests.SyscallTables;

/// <summary>
/// What must stand twice, because machine code or a filter reads a table of its own,
/// agrees with the rows of the syscall table.
/// </summary>
public sealed class RowTests
{
    // What the machine code does for each kind: the argument that it follows, the argument that counts, bytes for each
    // or in all, and the type that a row gives the argument that is followed.
    private static readonly Dictionary<PageCall, (int Argument, int Length, int Bytes, Type? Type)> _inputs = new()
    {
        [PageCall.Path] = (0, -1, 0, typeof(UserString)),
        [PageCall.PathAt] = (1, -1, 0, typeof(UserString)),
        [PageCall.StatAtLease] = (1, -1, 0, typeof(UserString)),
        [PageCall.Buffer] = (1, 2, 1, typeof(UserAddress)),
        [PageCall.Vectors] = (1, 2, Unsafe.SizeOf<IoVector>(), typeof(UserPtr<IoVector>)),
        [PageCall.PollDescriptors] = (0, 1, Unsafe.SizeOf<PollDescriptor>(), typeof(UserPtr<PollDescriptor>)),
        [PageCall.Message] = (1, -1, Unsafe.SizeOf<MessageHeader>(), typeof(UserPtr<MessageHeader>)),
        [PageCall.EpollEvent] = (3, -1, Unsafe.SizeOf<EpollEvent>(), typeof(UserPtr<EpollEvent>)),
        [PageCall.SignalSet] = (1, -1, Unsafe.SizeOf<SignalSet>(), typeof(UserPtr<SignalSet>)),
        [PageCall.SignalAction] = (1, -1, Unsafe.SizeOf<SignalAction>(), typeof(UserPtr<SignalAction>)),
    };

    private readonly LinuxX64 _table = new();

    public static TheoryData<int> Numbers =>
        [.. Enumerable.Range(0, LinuxX64.Size).Where(n => SyscallNames.NameOf(n) is not null)];

    [Theory, MemberData(nameof(Numbers))]
    public void The_machine_code_of_the_page_takes_what_the_row_says(int number)
    {
        Syscall row = _table[number]!;
        Assert.Equal(row.Page != PageCall.Never, FastCalls.Contains(number));
        Assert.Equal(row.Page == PageCall.Answer, FastCalls.IsAnswered(number));
        byte rule = number < FastCalls.Numbers ? FastCalls.Image[number] : FastCalls.NotFast;
        switch (row.Page)
        {
            case PageCall.Never:
                Assert.Equal(FastCalls.NotFast, rule);
                break;
            case PageCall.NoInput:
                Assert.Equal(0, rule);
                break;
            case PageCall.Answer:
                Assert.InRange(rule, FastCalls.FirstAnswer, FastCalls.FirstAnswer + FastCalls.Answers - 1);
                break;
            case PageCall.ReadLease:
                Assert.Equal(FastCalls.ReadLease, rule);
                break;
            case PageCall.ReadAtLease:
                Assert.Equal(FastCalls.ReadAtLease, rule);
                break;
            case PageCall.StatLease:
                Assert.Equal(FastCalls.StatLease, rule);
                break;
            case PageCall.StatAtLease:
                Assert.Equal(FastCalls.StatAtLease, rule);
                CheckRule(row, FastCalls.PathAt);
                break;
            default:
                CheckRule(row, rule);
                break;
        }
    }

    /// <summary>
    /// A call that waits without a thread is made anew: nothing of it may be lost, and it must say where it waits.
    /// </summary>
    [Fact]
    public void What_waits_without_a_thread_comes_by_a_page_and_has_a_wait_channel()
    {
        for (int number = 0; number < LinuxX64.Size; number++)
        {
            if (_table[number] is not { MayWaitWithoutThread: true } row)
                continue;
            Assert.True(row.Page != PageCall.Never, row.Name);
            Assert.True(row.WaitChannel != "0", row.Name);
        }
    }

    [Fact]
    public void The_filter_of_guests_traps_and_allows_what_the_rows_say()
    {
        List<int> trapped = [], native = [];
        for (int number = 0; number < LinuxX64.Size; number++)
        {
            if (_table[number]?.IsTrapped == true)
                trapped.Add(number);
            if (_table[number]?.IsNative == true)
                native.Add(number);
        }

        Assert.Equal(trapped, GuestFilter.TrappedCalls.ToArray().Order());
        Assert.Equal(native, GuestFilter.NativeCalls(directMemory: true).Order());
    }

    /// <summary>
    /// The eight bytes of a rule (FastCalls.Image) name the row's own argument, and count in its own unit.
    /// </summary>
    private static void CheckRule(Syscall row, byte index)
    {
        (int argument, int length, int bytes, Type? type) = _inputs[row.Page];
        ReadOnlySpan<byte> rule = FastCalls.Image.Slice(FastCalls.Numbers + (index * 8), 8);
        Assert.Equal(FastLayout.PageArguments + (argument * 8), rule[0]);
        Assert.Equal(length < 0 ? 0 : FastLayout.PageArguments + (length * 8), rule[1]);
        Assert.Equal(type, row.Parameters[argument]);
        if (length >= 0)
            Assert.Equal(bytes, 1 << rule[2]);
        else if (bytes != 0)
            Assert.Equal(bytes, BitConverter.ToInt32(rule[4..]));
    }
}
