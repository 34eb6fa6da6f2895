using Sandbox.SyscallTables;
using Sandbox.SyscallTables.Tracing;
using Xunit;

namespace Sandbox.UnitTests.SyscallTables;

/// <summary>How traces write what needs no guest.</summary>
public sealed class TracingTests
{
    [Theory]
    [InlineData(0, "O_RDONLY")]
    [InlineData(0x241, "O_WRONLY|O_CREAT|O_TRUNC")]
    [InlineData(0x101002, "O_RDWR|O_SYNC")]
    [InlineData(0x80000, "O_RDONLY|O_CLOEXEC")]
    [InlineData(0x8000003, "3|0x8000000")]
    public void Open_flags_have_names(ulong flags, string expected) =>
        Assert.Equal(expected, FileNames.Open.Describe(flags));

    [Theory]
    [InlineData(0, "0")]
    [InlineData(5, "PROT_READ|PROT_EXEC")]
    [InlineData(0x10, "0x10")]
    public void Bits_without_a_name_are_numbers(ulong flags, string expected) =>
        Assert.Equal(expected, TaskNames.Protection.Describe(flags));

    [Theory]
    [InlineData(9, "SIGKILL")]
    [InlineData(31, "SIGSYS")]
    [InlineData(34, "SIGRT_2")]
    [InlineData(0, "0")]
    public void Signals_have_names(int number, string expected) => Assert.Equal(expected, TaskNames.Signal(number));

    [Fact]
    public void Bytes_are_quoted_as_in_C() =>
        Assert.Equal(
            "\"a\\n\\0\\\"\\\\\\xff\"", ArgumentText.Quoted("a\n\0\"\\"u8.ToArray().Append((byte)0xFF).ToArray()));

    [Theory]
    [InlineData(new byte[] { 1, 0 }, "{AF_UNIX}")]
    [InlineData(new byte[] { 1, 0, (byte)'/', (byte)'a', 0, (byte)'x' }, "{AF_UNIX, \"/a\"}")]
    [InlineData(new byte[] { 1, 0, 0, (byte)'n' }, "{AF_UNIX, @\"n\"}")]
    [InlineData(new byte[] { 2, 0, 0x1F, 0x90, 127, 0, 0, 1, 0, 0 }, "{AF_INET, 127.0.0.1:8080}")]
    [InlineData(new byte[] { 2, 0, 1 }, "{AF_INET}")]
    [InlineData(new byte[] { 99, 0, 1 }, "{0x63}")]
    public void Socket_addresses_are_taken_apart(byte[] bytes, string expected) =>
        Assert.Equal(expected, SocketAddressText.Of(bytes));

    [Fact]
    public void Every_row_has_a_format_for_each_of_its_arguments()
    {
        LinuxX64 table = new();
        for (int number = 0; number < LinuxX64.Size; number++)
        {
            if (table[number] is { Level: not SupportLevel.Unsupported } row
                && row.Name is not ("arch_prctl" or "rseq"))
                Assert.True(Formats.Of(row).Length == row.Parameters.Length, row.Name);
        }
    }
}
