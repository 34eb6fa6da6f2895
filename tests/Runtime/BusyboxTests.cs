using Xunit;

namespace Sandbox.RuntimeTests;

/// <summary>A root of one static binary: shell scripts as people write them.</summary>
public sealed class BusyboxTests : ContainerTests
{
    [Fact]
    public void Pipelines_move_data_through_several_processes()
    {
        Assert.Equal("5050\n", Sh("seq 1 100 | awk '{ s += $1 } END { print s }'"));
        Assert.Equal("9\n8\n7\n", Sh("seq 1 9 | sort -rn | head -n 3"));
        Assert.Equal("100000\n", Sh("seq 1 100000 | tail -n 1"));
        Assert.Equal("1000000\n", Sh("dd if=/dev/zero bs=1000 count=1000 2>/dev/null | wc -c | tr -d ' '"));
    }

    [Fact]
    public void Here_documents_variables_functions_and_command_substitution_work() =>
        Assert.Equal("hello world 3\n", Sh("""
            greet() { echo "hello $1"; }
            name=$(cat <<END
            world
            END
            )
            echo "$(greet "$name") $((1 + 2))"
            """));

    [Fact]
    public void Background_jobs_run_and_are_waited_for() =>
        Assert.Equal("0 3\ndone\n", Sh("""
            sleep 0.2 & first=$!
            (exit 3) & second=$!
            wait $first; a=$?
            wait $second; b=$?
            echo $a $b
            for i in 1 2 3 4 5; do sleep 0.1 & done; wait
            echo done
            """));

    [Fact]
    public void Traps_and_kill_work() =>
        Assert.Equal("got it\n143\n", Sh("""
            trap 'echo got it' USR1
            kill -USR1 $$
            sleep 100 & kill $!; wait $!; echo $?
            """));

    [Fact]
    public void Two_hundred_processes_in_a_row_come_and_go() =>
        Assert.Equal("200\n", Sh("i=0; while [ $i -lt 200 ]; do /bin/true || exit 1; i=$((i+1)); done; echo $i"));

    [Fact]
    public void Find_and_tar_see_and_keep_a_tree() =>
        Assert.Equal("same\n51\n", Sh("""
            mkdir -p /tmp/tree && cd /tmp/tree
            for i in $(seq 1 50); do mkdir -p d$((i % 7)); echo "text $i" > d$((i % 7))/f$i; done
            ln -s d1/f1 link; chmod 600 d1/f1
            cd /tmp && tar czf tree.tgz tree && mkdir other && tar xzf tree.tgz -C other
            (cd tree && find . -type f | sort | xargs md5sum) > a
            (cd other/tree && find . -type f | sort | xargs md5sum) > b
            cmp a b && echo same
            find other/tree ! -type d | wc -l | tr -d ' '
            """));

    [Fact]
    public void Only_the_containers_processes_are_visible_and_the_command_is_the_first()
    {
        string output = Sh("sleep 100 & ps -o pid,comm; kill $!");
        string[] lines = output.TrimEnd('\n').Split('\n');
        Assert.Matches(@"^\s*1\s+sh$", lines[1]);
        Assert.Equal(4, lines.Length); // the heading, sh, sleep, ps
    }

    [Fact]
    public void The_virtual_kernel_answers_the_usual_questions()
    {
        Assert.StartsWith("Linux sandbox ", Sh("uname -a"));
        Assert.Contains("Mem:", Sh("free"));
        Assert.Contains("Mounted on", Sh("df"));
        Assert.Contains(" /proc type proc ", Sh("mount"));
        Assert.StartsWith("uid=0(root) gid=0(root)", Sh("id"));
        Assert.Contains("HOME=/root\n", Sh("env"));
        Assert.Contains("load average", Sh("uptime"));
        Assert.Equal("sandbox\n", Sh("hostname"));
        Assert.Matches("^[1-9][0-9]*\n$", Sh("nproc"));
    }

    [Fact]
    public void Writing_changes_the_container_and_never_the_hosts_root()
    {
        Assert.Equal(
            "mine\n", Sh("echo mine > /etc/written && rm /bin/vi && cat /etc/written && ! ls /bin/vi 2>/dev/null"));
        Assert.False(File.Exists(Path.Combine(Sandbox.Harness.Checkout.BusyboxRoot, "etc/written")));
        Assert.True(File.Exists(Path.Combine(Sandbox.Harness.Checkout.BusyboxRoot, "bin/vi")));
    }

    [Fact]
    public void Fork_heavy_scripts_and_deep_pipelines_finish() =>
        Assert.Equal("x\n", Sh(
            "echo x | cat | cat | cat | cat | cat | cat | cat | cat | cat | cat | cat | cat | cat | cat | cat"));
}
