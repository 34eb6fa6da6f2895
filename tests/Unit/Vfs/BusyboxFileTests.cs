using Sandbox.Sentry.Syscalls;
using Sandbox.UnitTests.Kernel;
using Xunit;

namespace Sandbox.UnitTests.Vfs;

/// <summary>
/// Busybox works on files of a tmpfs root: each script's exit status tells the first thing that went wrong.
/// </summary>
public sealed class BusyboxFileTests
{
    [Theory]
    [InlineData("redirect and read back", "echo hello > /f && [ \"$(cat /f)\" = hello ] && [ -s /f ]")]
    [InlineData("append", "echo a > /f && echo b >> /f && [ \"$(wc -l < /f)\" = 2 ]")]
    [InlineData("directories",
        "mkdir -p /a/b/c && cd /a/b/c && [ \"$(pwd)\" = /a/b/c ] && cd ../.. && [ \"$(pwd)\" = /a ] && "
        + "rmdir b/c b")]
    [InlineData("rmdir of a full directory fails", "mkdir /a && touch /a/f && ! rmdir /a 2>/dev/null")]
    [InlineData("symbolic links",
        "mkdir /d && echo x > /d/f && ln -s d /l && [ \"$(cat /l/f)\" = x ] && [ \"$(readlink /l)\" = d ]")]
    [InlineData("a loop of links ends", "ln -s b /a && ln -s a /b && ! cat /a 2>/dev/null")]
    [InlineData("hard links",
        "echo x > /f && ln /f /g && rm /f && [ \"$(cat /g)\" = x ] && [ \"$(stat -c %h /g)\" = 1 ]")]
    [InlineData("rename replaces", "echo 1 > /a && echo 2 > /b && mv /a /b && [ \"$(cat /b)\" = 1 ] && [ ! -e /a ]")]
    [InlineData("a directory does not go into itself", "mkdir -p /a/b && ! mv /a /a/b/c 2>/dev/null && [ -d /a/b ]")]
    [InlineData("modes",
        "touch /f && chmod 4751 /f && [ \"$(stat -c %a /f)\" = 4751 ] && chown 7:8 /f && [ \"$(stat -c "
        + "%a-%u-%g /f)\" = 751-7-8 ]")]
    [InlineData("umask",
        "umask 077 && touch /f && mkdir /d && [ \"$(stat -c %a /f /d | tr '\\n' ' ')\" = '600 700 ' ]")]
    [InlineData("times", "touch -d '2001-02-03 04:05:06' /f && [ \"$(stat -c %Y /f)\" = 981173106 ]")]
    [InlineData("truncate",
        "truncate -s 100000 /f && [ \"$(stat -c %s /f)\" = 100000 ] && [ \"$(tr -d '\\0' < /f | wc -c)\" "
        + "= 0 ]")]
    [InlineData("many files",
        "mkdir /m && cd /m && i=0; while [ $i -lt 300 ]; do : > f$i; i=$((i+1)); done; [ \"$(ls | wc "
        + "-l)\" = 300 ] && rm -r /m && [ ! -e /m ]")]
    [InlineData("tar round trip",
        "mkdir -p /a/b && echo x > /a/b/f && ln -s f /a/b/l && tar cf /t.tar -C / a && mkdir /o && tar xf "
        + "/t.tar -C /o && [ \"$(cat /o/a/b/l)\" = x ]")]
    [InlineData("find",
        "mkdir -p /a/b/c && touch /a/b/c/x.txt /a/y.txt && [ \"$(find /a -name '*.txt' | sort | tr '\\n' "
        + "' ')\" = '/a/b/c/x.txt /a/y.txt ' ]")]
    [InlineData("big copy", "dd if=/busybox of=/c bs=70000 2>/dev/null && cmp /busybox /c")]
    [InlineData("pipelines", "seq 1 20000 | sort -rn | head -1 | grep -q '^20000$'")]
    [InlineData("here-documents", "x=$(cat <<X\nhello\nX\n); [ \"$x\" = hello ]")]
    [InlineData("a fifo", "mkfifo /p && (echo hi > /p &) && [ \"$(cat /p)\" = hi ]")]
    [InlineData("flock", "(flock 9; echo in > /f) 9>/lock && [ \"$(cat /f)\" = in ]")]
    [InlineData("chroot", "mkdir /r && cp /busybox /r/ && [ \"$(chroot /r /busybox pwd)\" = / ]")]
    public void Busybox_script_succeeds(string name, string script)
    {
        using TestSandbox sandbox = new();
        DescriptorParts.Install(sandbox.Kernel);
        string applets = "for a in cat wc mkdir rmdir touch ln readlink rm stat mv chmod chown tr truncate "
            + "ls tar find sort dd cmp seq head grep "
            + "mkfifo cp chroot; do /busybox ln -s /busybox /$a; done; export PATH=/; mkdir /dev; : > /dev/null; ";
        int status = sandbox.Run("/busybox", "sh", "-c", applets + script);
        Assert.True(status == 0, $"{name}: status {status:x}\n{sandbox.Messages}");
    }
}
