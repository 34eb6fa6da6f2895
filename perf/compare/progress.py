"""A progress bar on a terminal, a line for each workload elsewhere."""
import sys
import time


class Progress:
    """Counts runs. The remaining time is a guess from those done."""

    def __init__(self, total):
        self.total = total
        self.done = 0
        self.started = time.monotonic()
        self.last = ""
        self.is_terminal = sys.stderr.isatty()

    def show(self, workload, runtime, number):
        """Before a run."""
        if not self.is_terminal:
            if workload != self.last:
                print(f"[{self.done * 100 // self.total:3d} %] {workload}", file=sys.stderr, flush=True)
            self.last = workload
            return
        share = self.done / self.total
        spent = time.monotonic() - self.started
        left = f"{spent / share - spent:4.0f} s left" if self.done > 3 else ""
        bar = "#" * int(share * 30)
        text = f"[{bar:<30}] {share * 100:3.0f} % {left} {workload}, {runtime}, round {number}"
        print("\r\033[K" + text[:118], end="", file=sys.stderr, flush=True)

    def step(self):
        """After a run."""
        self.done += 1

    def end(self):
        if self.is_terminal:
            print("\r\033[K", end="", file=sys.stderr, flush=True)
