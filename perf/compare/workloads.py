"""What is measured. A workload is a shell script for the container; it prints lines `FIGURE VALUE`."""

MICROSECONDS, SECONDS, MILLISECONDS = "µs", "s", "ms"
PER_SECOND, MEGABYTES = "/s", "MB"
CALLS = {"getpid": 25, "pread_4K": 6, "stat": 9, "open_close": 8, "pipe_write_read": 16, "pipe_ping_pong": 3,
         "unix_ping_pong": None, "tcp_ping_pong": None, "mmap_touch_munmap": 1.5, "page_fault": 1.1, "fork_exit_wait": None,
         "fork_exec_wait": 2.5}


class Figure:
    """One row of the table. `mark` is the ratio to native that is aimed at: at most, or at least where more is better."""

    def __init__(self, name, unit, what, mark=None):
        self.name = name
        self.unit = unit
        self.what = what
        self.mark = mark

    @property
    def more_is_better(self):
        return self.unit == PER_SECOND


class Workload:
    """`group` is a section of the report; `kind` says how it is run (measure.py); quick ones are in `--quick`."""

    def __init__(self, name, group, figures, script="", kind="script", quick=False, rounds=None):
        self.name = name
        self.group = group
        self.figures = figures
        self.script = script
        self.kind = kind
        self.quick = quick
        self.rounds = rounds


def timed(name, what, script, mark=None, group="Whole programs", quick=False):
    """A script in which `wall NAME COMMAND…` prints the seconds that the command took."""
    return Workload(name, group, [Figure(name, SECONDS, what, mark)], script, quick=quick)


def calls():
    figures = [Figure(name, MICROSECONDS, name.replace("_", " "), mark) for name, mark in CALLS.items()]
    return Workload("calls", "System calls", figures, "work " + " ".join(CALLS), quick=True)


def files(place, folder, mark):
    """3,000 files of 1 to 4 KiB in 30 directories."""
    what = f"3,000 small files written, read, removed ({place})"
    script = f"wall small_files_{place} work files {folder}/small"
    return timed(f"small_files_{place}", what, script, mark, "Files", quick=place == "tmp")


def fio(place, folder):
    names = [f"fio_randread_{place}", f"fio_randwrite_{place}", f"fio_read_{place}"]
    figures = [Figure(names[0], PER_SECOND, f"fio: random 4 KiB reads ({place})"),
               Figure(names[1], PER_SECOND, f"fio: random 4 KiB writes ({place})"),
               Figure(names[2], PER_SECOND, f"fio: 128 KiB reads in order ({place})")]
    # Terse output, version 3: field 8 is the reads per second, field 49 the writes.
    script = f"""run() {{ fio --name=f --filename={folder}/fio --size=32M --ioengine=psync --runtime=2 --time_based \
--thread --output-format=terse --terse-version=3 "$@"; }}
echo {names[0]} $(run --rw=randread --bs=4k | cut -d';' -f8)
echo {names[1]} $(run --rw=randwrite --bs=4k | cut -d';' -f49)
echo {names[2]} $(run --rw=read --bs=128k | cut -d';' -f8)
rm -f {folder}/fio"""
    return Workload(f"fio_{place}", "Files", figures, script)


def redis():
    rows = [("unix_set", "SET over a unix socket, 20 clients", 0.35), ("unix_get", "GET over a unix socket, 20 clients", 0.35),
            ("unix_set_pipelined", "SET over a unix socket, 16 in flight", 0.4),
            ("unix_get_pipelined", "GET over a unix socket, 16 in flight", 0.4), ("tcp_set", "SET over loopback, 20 clients", None),
            ("tcp_get", "GET over loopback, 20 clients", None)]
    figures = [Figure("redis_" + name, PER_SECOND, "redis: " + what, mark) for name, what, mark in rows]
    script = """redis-server --port 6399 --unixsocket /tmp/redis.sock --save '' --appendonly no --dir /tmp >/tmp/redis.log 2>&1 &
for i in $(seq 100); do redis-cli -s /tmp/redis.sock ping >/dev/null 2>&1 && break; sleep 0.1; done
bench() {
    prefix=$1; suffix=$2; shift 2
    redis-benchmark "$@" -t set,get -c 20 --csv 2>/dev/null | tr -d '"' | while IFS=, read -r name rate rest; do
        case $name in SET) echo redis_${prefix}_set$suffix $rate;; GET) echo redis_${prefix}_get$suffix $rate;; esac
    done
}
bench unix '' -s /tmp/redis.sock -n 40000
bench unix _pipelined -s /tmp/redis.sock -n 200000 -P 16
bench tcp '' -p 6399 -n 40000
redis-cli -s /tmp/redis.sock shutdown nosave"""
    return Workload("redis", "Whole programs", figures, script)


GIT = """cp -r /opt/compare/tree /tmp/tree && cd /tmp/tree
git config --global user.email a@example.org; git config --global user.name a; git config --global init.defaultBranch main
wall git sh -c 'git init -q . && git add . && git commit -q -m first && git status --short && git log --oneline'"""

SQLITE = """{ echo 'create table t(a integer primary key, b text);'
for i in $(seq 300); do echo "insert into t(b) values('row number $i');"; done; } >/tmp/commits.sql
wall sqlite_300_commits sqlite3 /tmp/commits.db '.read /tmp/commits.sql'"""

SQLITE_BULK = """cat >/tmp/bulk.sql <<END
create table t(a integer primary key, b text, c integer);
begin;
with recursive n(i) as (select 1 union all select i + 1 from n where i < 200000)
insert into t select i, 'row number ' || i, i * 7919 % 100003 from n;
commit;
create index ti on t(c);
select count(*), sum(c) from t where c between 1000 and 50000;
select count(*) from t x join t y on x.c = y.a;
END
wall sqlite_bulk sqlite3 /tmp/bulk.db '.read /tmp/bulk.sql'"""


def everything():
    """All workloads in the order of the report."""
    start = [Figure("run_true", MILLISECONDS, "`run … true`, to its end"), Figure("create", MILLISECONDS, "create"),
             Figure("start", MILLISECONDS, "start"), Figure("exec_true", MILLISECONDS, "exec … true"),
             Figure("delete", MILLISECONDS, "delete --force of a running container")]
    memory = [Figure(f"idle_{count}", MEGABYTES, f"PSS of an idle container, each of {count}") for count in (1, 10, 100)]
    cpu = [Figure("idle_cpu", "%", "CPU of 10 idle containers")]
    return [
        calls(),
        Workload("start", "Start-up, teardown and memory", start, kind="start", quick=True),
        Workload("idle", "Start-up, teardown and memory", memory + cpu, kind="idle", rounds=1),
        files("tmp", "/tmp", 5), files("root", "/var/tmp", 5), files("bind", "/data", 5), fio("tmp", "/tmp"), fio("bind", "/data"),
        timed("pipe_1G", "1 GiB through a pipe", "wall pipe_1G sh -c 'head -c 1G /dev/zero | cat'", group="Files"),
        timed("find_stat", "find with stat over /usr", "wall find_stat find /usr -printf '%s %T@ %p\\n'", 5, "Files", True),
        timed("tar_read", "tar reads /usr/share", "wall tar_read sh -c 'tar cf - /usr/share | cat'", 3, "Files", True),
        timed("untar", "untar a tree of 2,600 files", "mkdir /tmp/u; wall untar tar xf /opt/compare/tree.tar -C /tmp/u", 5, "Files", True),
        timed("git", "git add, commit, status", GIT, 4, quick=True),
        timed("python_start_20", "20 Python starts", "wall python_start_20 sh -c 'for i in $(seq 20); do python3 -c \"import json\"; done'",
              2, quick=True),
        timed("python_loop", "a Python CPU loop", "wall python_loop python3 -c 's = 0\nfor i in range(8000000): s += i * i % 7'", 1.1),
        timed("gcc_j2", "make -j2 of 40 C files", "wall gcc_j2 make -s -j2 -C /opt/compare/source OUT=/tmp/out", 1.6, quick=True),
        timed("true_1000", "1,000 /bin/true from a shell",
              "wall true_1000 sh -c 'i=0; while [ $i -lt 1000 ]; do /bin/true; i=$((i+1)); done'", 4, quick=True),
        timed("node_start", "5 Node starts", "wall node_start sh -c 'for i in 1 2 3 4 5; do node -e 0; done'", 1.5, quick=True),
        timed("sqlite_300_commits", "300 sqlite commits", SQLITE, 4, quick=True),
        timed("sqlite_bulk", "sqlite: 200,000 rows, an index, a join", SQLITE_BULK),
        redis(),
    ]
