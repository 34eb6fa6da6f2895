using Xunit;

namespace Sandbox.RuntimeTests;

/// <summary>A Debian root: dynamic linking, compilers, interpreters, databases; ordinary software, unchanged.</summary>
public sealed class DebianTests : ContainerTests
{
    [Fact]
    public void A_C_program_is_compiled_and_runs() =>
        Assert.Equal("hello 42\n", Bash("""
            cd /tmp
            printf '#include <stdio.h>\nint main(void) { printf("hello %%d\\n", 6 * 7); return 0; }\n' > a.c
            gcc -O2 -Wall -o a a.c && ./a
            """));

    [Fact]
    public void A_threaded_C_program_uses_mutexes_and_condition_variables() =>
        Assert.Equal("400000 100\n", Bash("""
            cd /tmp
            cat > t.c <<'END'
            #include <pthread.h>
            #include <stdio.h>
            static pthread_mutex_t m = PTHREAD_MUTEX_INITIALIZER;
            static pthread_cond_t c = PTHREAD_COND_INITIALIZER;
            static long n; static int turn, rounds;
            static void *count(void *x) {
                for (int i = 0; i < 100000; i++) { pthread_mutex_lock(&m); n++; pthread_mutex_unlock(&m); }
                return x;
            }
            static void *play(void *x) {
                int me = x != 0;
                for (int i = 0; i < 50; i++) {
                    pthread_mutex_lock(&m);
                    while (turn != me) pthread_cond_wait(&c, &m);
                    turn = !turn; rounds++;
                    pthread_cond_signal(&c);
                    pthread_mutex_unlock(&m);
                }
                return x;
            }
            int main(void) {
                pthread_t t[6];
                for (int i = 0; i < 4; i++) pthread_create(&t[i], 0, count, 0);
                pthread_create(&t[4], 0, play, 0); pthread_create(&t[5], 0, play, t);
                for (int i = 0; i < 6; i++) pthread_join(t[i], 0);
                printf("%ld %d\n", n, rounds);
                return 0;
            }
            END
            gcc -O2 -pthread -o t t.c && ./t
            """));

    [Fact]
    public void Python_starts_threads() =>
        Assert.Equal("[0, 1, 4, 9, 16]\n", Python("""
            import threading, queue
            q = queue.Queue()
            threads = [threading.Thread(target=lambda i=i: q.put((i, i * i))) for i in range(5)]
            [t.start() for t in threads]; [t.join() for t in threads]
            print([v for _, v in sorted(q.queue)])
            """));

    [Fact]
    public void Python_starts_subprocesses() =>
        Assert.Equal("b'out' 7 True\n", Python("""
            import subprocess
            a = subprocess.run(["sh", "-c", "printf out; exit 7"], capture_output=True)
            b = subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
            print(a.stdout, a.returncode, b.communicate(b"x" * 200000)[0] == b"x" * 200000)
            """));

    [Fact]
    public void Python_multiprocessing_pools_work() =>
        Assert.Equal("[0, 1, 8, 27, 64, 125, 216, 343]\n", Python("""
            import multiprocessing
            def cube(x): return x ** 3
            if __name__ == "__main__":
                with multiprocessing.Pool(3) as pool:
                    print(pool.map(cube, range(8)))
            """));

    [Fact]
    public void Python_asyncio_and_sockets_work() =>
        Assert.Equal("echo: hello\n", Python("""
            import asyncio
            async def serve(r, w):
                w.write(b"echo: " + await r.readline()); await w.drain(); w.close()
            async def main():
                server = await asyncio.start_unix_server(serve, "/tmp/s")
                r, w = await asyncio.open_unix_connection("/tmp/s")
                w.write(b"hello\n")
                print((await r.read()).decode(), end="")
                server.close()
            asyncio.run(main())
            """));

    [Fact]
    public void Git_makes_a_repository_with_history() =>
        Assert.Equal("second\nfirst\nclean\n", Bash("""
            mkdir /tmp/r && cd /tmp/r
            export GIT_AUTHOR_NAME=a GIT_AUTHOR_EMAIL=a@b GIT_COMMITTER_NAME=a GIT_COMMITTER_EMAIL=a@b
            git init -q . && echo one > f && git add f && git commit -qm first
            echo two >> f && git add -A && git commit -qm second
            git log --format=%s
            git fsck --strict >/dev/null 2>&1 && [ -z "$(git status --porcelain)" ] && echo clean
            """));

    [Fact]
    public void Sqlite_keeps_transactions_and_a_write_ahead_log() =>
        Assert.Equal("wal\n1000|500500\n1000\nok\n", Bash("""
            cd /tmp
            sqlite3 d.db "pragma journal_mode=wal; create table t(a integer primary key, b text); begin;
              with recursive c(x) as (select 1 union all select x+1 from c where x<1000)
               insert into t select x, 'row '||x from c; commit;
              select count(*), sum(a) from t;"
            sqlite3 d.db "begin; delete from t; rollback; select count(*) from t; pragma integrity_check;"
            """));

    [Fact]
    public void Strace_follows_children_from_call_to_call() =>
        Assert.Equal("execve\nexit_group\n2\n", Bash("""
            strace -f -o /tmp/calls sh -c 'echo one | cat; /bin/true' >/dev/null
            grep -oE '^[0-9]+ +[a-z_0-9]+' /tmp/calls | awk 'NR==1 {print $2} END {print $2}'
            grep -c '+++ exited with 0 +++' /tmp/calls | awk '{print ($1 > 1) + 1}'
            """));

    [Fact]
    public void Perl_runs_with_its_modules() =>
        Assert.Equal("3:b,c,a\n", Bash("""perl -MList::Util=reduce -MPOSIX -e '%h=(c=>2,a=>3,b=>1); print scalar(keys %h),":",join(",",sort { $h{$a} <=> $h{$b} } keys %h),"\n"'"""));

    [Fact]
    public void Find_walks_the_whole_root() =>
        Assert.True(int.Parse(Bash("find / -xdev | wc -l")) > 5000);

    [Fact]
    public void Tar_makes_a_faithful_copy_of_usr_share() =>
        Assert.Equal("same\n", Bash("""
            mkdir /tmp/copy
            tar cf - -C /usr/share doc perl5 zoneinfo 2>/dev/null | tar xf - -C /tmp/copy || true
            for d in doc perl5; do [ -d /usr/share/$d ] && diff -r --no-dereference /usr/share/$d /tmp/copy/$d; done
            echo same
            """));

    [Fact]
    public void Package_tools_start()
    {
        Assert.StartsWith("apt ", Bash("apt-get --version"));
        Assert.Contains("libc6", Bash("dpkg -l | cat"));
    }

    [Fact]
    public void Node_runs_timers_promises_and_workers() =>
        Assert.Equal("worker says 42\n", Bash("""
            node -e '
              const { Worker } = require("worker_threads");
              setTimeout(() => {
                const w = new Worker("require(\"worker_threads\").parentPort.postMessage(6*7)", { eval: true });
                w.on("message", m => console.log("worker says " + m));
              }, 10);'
            """));

    [Fact]
    public void Process_tools_read_proc()
    {
        Assert.Contains("PID TTY", Bash("ps"));
        Assert.Contains("Tasks:", Bash("top -bn1"));
        Assert.Contains("Mem:", Bash("free -m"));
        Assert.Matches("^1 bash", Bash("ps -eo pid,comm --no-headers | sed 's/^ *//'"));
        Assert.Contains("procs", Bash("vmstat 1 1"));
    }

    [Fact]
    public void Make_builds_in_parallel() =>
        Assert.Equal("8\n", Bash("""
            mkdir /tmp/m && cd /tmp/m
            printf 'all: 1 2 3 4 5 6 7 8\n%%:\n\t@sleep 0.1; touch $@\n' > Makefile
            make -s -j4 && ls [1-8] | wc -l
            """));

    private string Python(string program) =>
        Succeeds(Runsc.RunBundle(Debian("python3", "-c", program), Minutes(3)));
}
