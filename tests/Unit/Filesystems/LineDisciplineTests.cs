using System.Text;
using Sandbox.Linux;
using Sandbox.Sentry.Filesystems.Pts;
using Xunit;

namespace Sandbox.UnitTests.Filesystems;

/// <summary>What a terminal makes of keys and of output (termios(3)).</summary>
public sealed class LineDisciplineTests
{
    private readonly LineDiscipline _line = new(Sandbox.Sentry.Memory.MemoryAccount.Sandbox);

    [Fact]
    public void A_line_is_readable_only_when_it_is_finished()
    {
        Type("hello");
        Assert.Equal(Errno.EAGAIN, _line.Read(new byte[10], takesLess: true).Error);
        Type("\r");
        Assert.Equal("hello\n", Read(100));
        Assert.Equal("hello\r\n", Screen());
    }

    [Fact]
    public void A_read_takes_one_line_and_a_short_read_leaves_the_rest_of_it()
    {
        Type("one\ntwo\nthree\n");
        Assert.Equal("on", Read(2));
        Assert.Equal("e\n", Read(100));
        Assert.Equal("two\n", Read(100));
        Assert.Equal("three\n", Read(100));
    }

    [Fact]
    public void Erase_word_erase_and_kill_edit_the_line_and_the_screen()
    {
        Type("abc\x7f");
        Assert.Equal("abc\b \b", Screen());
        Type(" def ghi\x17\n");
        Assert.Equal("ab def \n", Read(100));
        Screen();
        Type("gone\x15" + "kept\n");
        Assert.Equal("kept\n", Read(100));
        Assert.Equal("gone\b \b\b \b\b \b\b \bkept\r\n", Screen());
    }

    [Fact]
    public void A_character_of_several_bytes_is_erased_as_one()
    {
        Termios termios = _line.Termios;
        termios.Input |= InputModes.Utf8;
        _line.Termios = termios;
        Type("aé\x7f\n");
        Assert.Equal("a\n", Read(100));
        Assert.Equal("aé\b \b\r\n", Screen());
    }

    [Fact]
    public void A_control_character_takes_two_columns_and_a_tab_its_own()
    {
        Type("\x16\x01\x7f");
        Assert.Equal("^\b^A\b \b\b \b", Screen());
        Type("a\t\x7f");
        Assert.Equal("a\t" + new string('\b', 7), Screen());
    }

    [Fact]
    public void End_of_file_ends_the_line_and_alone_reads_as_zero()
    {
        Type("abc\x04");
        Assert.Equal("abc", Read(100));
        Type("\x04");
        Assert.Equal("", Read(100));
        Assert.Equal(Errno.EAGAIN, _line.Read(new byte[1], takesLess: true).Error);
    }

    [Fact]
    public void The_interrupt_key_is_a_signal_and_forgets_the_line()
    {
        Type("half");
        Assert.Equal(Signal.Interrupt, _line.Receive(3));
        Assert.Equal("^C", Screen());
        Type("x\n");
        Assert.Equal("x\n", Read(100));
        Assert.Equal(Signal.Quit, _line.Receive(28));
        Assert.Equal(Signal.TerminalStop, _line.Receive(26));
    }

    [Fact]
    public void Raw_mode_passes_bytes_as_they_come_and_counts_to_the_minimum()
    {
        Termios raw = HostTerminal.MakeRaw(_line.Termios);
        raw.Characters[ControlCharacter.Minimum] = 3;
        _line.Termios = raw;
        Assert.Equal(Signal.None, _line.Receive(3));
        Assert.Equal(Errno.EAGAIN, _line.Read(new byte[10], takesLess: false).Error);
        Assert.False(_line.IsReadable);
        Type("\r\x04");
        Assert.True(_line.IsReadable);
        Assert.Equal("\x03\r\x04", Read(10));
        Assert.Equal("", Screen());
        _line.Write("a\nb"u8);
        Assert.Equal("a\nb", Screen());
    }

    [Fact]
    public void What_was_typed_before_raw_mode_is_not_lost()
    {
        Type("abc");
        _line.Termios = HostTerminal.MakeRaw(_line.Termios);
        Assert.Equal("abc", Read(10));
    }

    [Fact]
    public void Stop_and_start_hold_output_back()
    {
        Type("\x13");
        Assert.True(_line.IsStopped);
        Type("\x11");
        Assert.False(_line.IsStopped);
        Assert.Equal("", Screen());
    }

    [Fact]
    public void A_line_longer_than_the_limit_is_cut_and_never_overflows()
    {
        Type(new string('x', 10_000) + "\n");
        Assert.Equal(4096, Read(20_000).Length);
    }

    [Fact]
    public void Newlines_become_return_and_newline_on_the_way_out()
    {
        _line.Write("a\nb\n"u8);
        Assert.Equal("a\r\nb\r\n", Screen());
    }

    private void Type(string keys)
    {
        foreach (byte key in Encoding.UTF8.GetBytes(keys))
            _line.Receive(key);
    }

    private string Read(int size)
    {
        byte[] buffer = new byte[size];
        Assert.False(_line.Read(buffer, takesLess: true).Failed(out int count, out Errno error), error.ToString());
        return Encoding.UTF8.GetString(buffer, 0, count);
    }

    private string Screen()
    {
        byte[] buffer = new byte[100_000];
        return Encoding.UTF8.GetString(buffer, 0, _line.Output.Read(buffer));
    }
}
