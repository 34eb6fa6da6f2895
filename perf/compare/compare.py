#!/usr/bin/env python3
"""The same work natively, under runc, crun, gVisor and Sandbox: medians, spread and ratios to native. Run it as root.

The runtimes take turns within each round, so that whatever else the machine does hits all alike. A runtime that is not
installed is left out; what one cannot run says so in the table.
"""
import argparse
import ctypes
import os
import signal
import sys
import tempfile
import time

import measure
import report
import root
import runtimes
import workloads
from progress import Progress

QUICK_RUNTIMES = ["native", "gVisor systrap", "Sandbox notify"]
SUBREAPER = 36  # PR_SET_CHILD_SUBREAPER


def options():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=0, help="default 5, quick 2")
    parser.add_argument("--quick", action="store_true", help="fewer workloads, rounds and runtimes")
    parser.add_argument("--only", action="append", default=[], metavar="WORKLOAD", help="(repeatable, or with commas)")
    parser.add_argument("--runtimes", default="", help="beginnings of names, e.g. native,gVisor,Sandbox")
    parser.add_argument("--cpus", help="hold everything to these cores, as taskset -c takes them")
    root_default = os.path.join(runtimes.ROOT, "artifacts", "rootfs", "compare")
    parser.add_argument("--root", default=root_default, help="root made by make-root.sh")
    parser.add_argument("--json", help="file for the results (document.py makes text and charts of it)")
    parser.add_argument("--list", action="store_true", help="name workloads and runtimes")
    return parser.parse_args()


def chosen_workloads(given):
    only = [name for text in given.only for name in text.split(",")]
    every = workloads.everything()
    unknown = set(only) - {workload.name for workload in every}
    if unknown:
        sys.exit(f"unknown workload: {', '.join(sorted(unknown))} (--list names them)")
    return [workload for workload in every if (workload.name in only if only else workload.quick or not given.quick)]


def chosen_runtimes(given):
    wanted = [text for text in given.runtimes.split(",") if text] or (QUICK_RUNTIMES if given.quick else [""])
    return [runtime for runtime in runtimes.all_runtimes() if any(runtime.name.startswith(text) for text in wanted)]


def measure_all(given, works, found, results):
    rounds = given.rounds or (2 if given.quick else 5)
    progress = Progress(sum((work.rounds or rounds) * len(found) for work in works))
    with tempfile.TemporaryDirectory(prefix="compare-") as folder:
        containers = runtimes.Containers(folder, os.path.realpath(given.root), given.cpus)
        for work in works:
            broken = set()
            for number in range(work.rounds or rounds):
                for runtime in found:
                    if runtime.name not in broken:
                        progress.show(work.name, runtime.name, number + 1)
                        figures, problem = measure.run(containers, runtime, work)
                        results.add(runtime, work, figures, problem)
                        if problem:
                            broken.add(runtime.name)
                    progress.step()
            if given.json:
                report.save(given.json, results.to_json())
    progress.end()


def with_reaper():
    """Goes on in a child. The parent adopts and reaps whatever a runtime leaves behind, and ends as the child does."""
    ctypes.CDLL(None).prctl(SUBREAPER, 1, 0, 0, 0)
    sys.stdout.flush()
    child = os.fork()
    if child == 0:
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
        return
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # The child has it too, and cleans up.
    signal.signal(signal.SIGTERM, lambda *_: os.kill(child, signal.SIGTERM))
    while True:
        pid, status = os.wait()
        if pid == child:
            for left in measure.below(os.getpid()) - {os.getpid()}:
                os.kill(left, signal.SIGKILL)
            os._exit(os.waitstatus_to_exitcode(status) & 0xff)


def main():
    given = options()
    works, found = chosen_workloads(given), chosen_runtimes(given)
    if given.list:
        print("workloads:", *(work.name for work in works))
        print("runtimes:", ", ".join(runtime.name for runtime in found))
        return
    if os.geteuid() != 0:
        sys.exit("compare.py must run as root")
    if not os.path.isdir(given.root):
        sys.exit(f"{given.root} is missing: make it with make-root.sh, or run make compare")
    with_reaper()
    root.prepare(given.root)
    rounds = given.rounds or (2 if given.quick else 5)
    settings = {"date": time.strftime("%Y-%m-%d"), "rounds": rounds, "cpus": given.cpus}
    results = report.Results(found, works, settings)
    measure_all(given, works, found, results)
    final = results.to_json()
    if given.json:
        report.save(given.json, final)
    print("\n".join(report.markdown(final, "Side by side")))


main()
