#!/usr/bin/env python3
"""The same work natively, under runc, crun, gVisor's runsc and ours: medians and ratios as a Markdown table.

compare.py [--rounds N] [--output FILE] [NAME...]   (as root; runtimes that are not installed are left out)
The runtimes take turns within each round, so that whatever else the machine does hits all alike.
"""
import argparse
import ctypes
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
WORK = ["getpid", "pread_4K", "stat", "open_close", "pipe_write_read", "pipe_ping_pong", "mmap_touch_munmap", "page_fault",
        "fork_exit_wait", "fork_exec_wait"]


class Runtime:
    """A way to run the work; command[0] None means natively."""

    def __init__(self, name, command):
        self.name = name
        self.command = command
        self.figures = {}

    def add(self, figure, value):
        self.figures.setdefault(figure, []).append(value)


def runtimes():
    ours = os.environ.get("SANDBOX_RUNSC", os.path.join(ROOT, "artifacts", "runsc"))
    gvisor = os.environ.get("GVISOR_RUNSC", os.path.join(ROOT, "artifacts", "gvisor", "root", "usr", "bin", "runsc"))
    found = [Runtime("native", None), Runtime("ours", [ours])]
    for name, flags in (("runc", []), ("crun", ["--cgroup-manager=disabled"])):
        path = shutil.which(name)
        if path:
            found.append(Runtime(name, [path, *flags]))
    if os.path.exists(gvisor):
        found.append(Runtime("gVisor systrap", [gvisor, "--platform=systrap", "--network=none", "--ignore-cgroups"]))
    return [r for r in found if r.command is None or os.path.exists(r.command[0])]


def config(root, arguments):
    return {
        "ociVersion": "1.0.2",
        "process": {"terminal": False, "user": {"uid": 0, "gid": 0}, "args": arguments, "env": ["PATH=/bin"], "cwd": "/",
                    "capabilities": {"bounding": [], "effective": [], "permitted": []}, "noNewPrivileges": True},
        "root": {"path": root, "readonly": False},
        "hostname": "compare",
        "mounts": [{"destination": "/proc", "type": "proc", "source": "proc"},
                   {"destination": "/dev", "type": "tmpfs", "source": "tmpfs", "options": ["nosuid", "mode=755"]},
                   {"destination": "/tmp", "type": "tmpfs", "source": "tmpfs", "options": ["nosuid", "mode=1777"]}],
        "linux": {"namespaces": [{"type": t} for t in ("pid", "network", "ipc", "uts", "mount")]},
    }


class Bench:
    def __init__(self, folder):
        self.folder = folder
        self.next = 0
        self.root = os.path.join(folder, "rootfs")
        # cp, because runc leaves device nodes in a root's /dev: a copy by reading would never end.
        subprocess.run(["cp", "-a", os.path.join(ROOT, "artifacts", "rootfs", "busybox"), self.root], check=True)
        self.program = os.path.join(self.root, "bin", "work")
        source = os.path.join(ROOT, "perf", "compare", "work.c")
        subprocess.run(["gcc", "-O2", "-static", "-o", self.program, source], check=True)

    def start(self, runtime, arguments, detach=False, **options):
        if runtime.command is None:
            program = self.program if arguments[0] == "/bin/work" else arguments[0]
            process = subprocess.Popen([program, *arguments[1:]], stdin=subprocess.DEVNULL, start_new_session=True, **options)
            return process, None
        self.next += 1
        name = f"compare-{os.getpid()}-{self.next}"
        bundle = os.path.join(self.folder, name)
        os.mkdir(bundle)
        with open(os.path.join(bundle, "config.json"), "w") as file:
            json.dump(config(self.root, arguments), file)
        state = os.path.join(self.folder, "state-" + runtime.name.split()[0])
        command = [runtime.command[0], "--root", state, *runtime.command[1:]]
        if detach:
            options.update(stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        flags = ["--detach"] if detach else []
        process = subprocess.Popen([*command, "run", *flags, "--bundle", bundle, name],
                                   stdin=subprocess.DEVNULL, start_new_session=True, **options)
        return process, [*command, "delete", "--force", name]

    def work(self, runtime, names):
        """One pass over the operations."""
        process, cleanup = self.start(runtime, ["/bin/work", *names], stdout=subprocess.PIPE, text=True)
        try:
            output, _ = process.communicate(timeout=180)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, 9)
            output = process.communicate()[0] or ""
            print(f"{runtime.name}: timed out", file=sys.stderr)
        for line in output.splitlines():
            name, value = line.split()
            runtime.add(name, float(value) / 1000)
        self.end(process, cleanup)

    def run_true(self, runtime):
        """Wall time of `run … true`, in milliseconds."""
        started = time.perf_counter()
        process, cleanup = self.start(runtime, ["/bin/true"])
        status = process.wait(timeout=60)
        took = (time.perf_counter() - started) * 1000
        if status == 0:
            runtime.add("run_true_ms", took)
        self.end(process, cleanup)

    def idle(self, runtime):
        """PSS of all processes of an idle container, in MB. They are orphans by then, and we are their reaper."""
        if runtime.command is None:
            return
        before = below(os.getpid())
        process, cleanup = self.start(runtime, ["/bin/sleep", "100"], detach=True)
        if process.wait(timeout=60) == 0:
            time.sleep(1.5)
            left = below(os.getpid()) - before
            runtime.add("idle_pss_MB", sum(pss(pid) for pid in left) / 1024)
            reap(left)
        self.end(process, cleanup)

    @staticmethod
    def end(process, cleanup):
        if process.poll() is None:
            os.killpg(process.pid, 9)
        try:
            if cleanup:
                subprocess.run(cleanup, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=20)
        except subprocess.TimeoutExpired:
            print(f"{cleanup[0]} does not delete its container", file=sys.stderr)


def below(root):
    """A process and all its descendants."""
    parents = {}
    for pid in (int(name) for name in os.listdir("/proc") if name.isdigit()):
        try:
            with open(f"/proc/{pid}/stat") as file:
                text = file.read()
            parents[pid] = int(text[text.rindex(")") + 2:].split()[1])
        except OSError:
            pass
    found = {root}
    grown = True
    while grown:
        more = {pid for pid, parent in parents.items() if parent in found} - found
        found |= more
        grown = bool(more)
    return found


def reap(orphans):
    for pid in orphans:
        try:
            os.kill(pid, 9)
        except ProcessLookupError:
            pass
    for _ in range(40):
        for pid in orphans:
            try:
                os.waitpid(pid, os.WNOHANG)
            except ChildProcessError:
                pass
        time.sleep(0.05)


def pss(pid):
    try:
        with open(f"/proc/{pid}/smaps_rollup") as file:
            for line in file:
                if line.startswith("Pss:"):
                    return int(line.split()[1])
    except OSError:
        pass
    return 0


def table(found):
    figures = [name for name in [*WORK, "run_true_ms", "idle_pss_MB"] if any(name in r.figures for r in found)]
    rows = ["| | " + " | ".join(r.name for r in found) + " | ours / native | ours / gVisor |",
            "| --- |" + " ---: |" * (len(found) + 2)]
    by_name = {r.name: r for r in found}

    def median(name, figure):
        values = by_name.get(name) and by_name[name].figures.get(figure)
        return statistics.median(values) if values else None

    def ratio(left, right):
        return "" if not left or not right else f"{left / right:.2f}"

    for figure in figures:
        values = [median(r.name, figure) for r in found]
        unit = "" if figure.endswith(("_ms", "_MB")) else " (µs)"
        cells = ["" if value is None else f"{value:.2f}" for value in values]
        ours = median("ours", figure)
        rows.append(f"| {figure}{unit} | " + " | ".join(cells)
                    + f" | {ratio(ours, median('native', figure))} | {ratio(ours, median('gVisor systrap', figure))} |")
    return "\n".join(rows)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--output")
    parser.add_argument("names", nargs="*")
    options = parser.parse_args()
    found = runtimes()
    ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)  # PR_SET_CHILD_SUBREAPER: what a runtime leaves behind becomes ours
    with tempfile.TemporaryDirectory(prefix="compare-") as folder:
        bench = Bench(folder)
        for number in range(options.rounds):
            print(f"round {number + 1} of {options.rounds}", file=sys.stderr)
            for runtime in found:
                bench.work(runtime, options.names)
            for _ in range(4 if not options.names else 0):
                for runtime in found:
                    bench.run_true(runtime)
            if not options.names:
                for runtime in found:
                    bench.idle(runtime)
    text = table(found) + f"\n\nMedians of {options.rounds} rounds, {time.strftime('%Y-%m-%d')}, kernel {os.uname().release}, " \
        f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}.\n"
    print(text)
    if options.output:
        with open(options.output, "w") as file:
            file.write(text)


main()
