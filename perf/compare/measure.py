"""Runs one workload once under one runtime: gives its figures, and why any are missing."""
import os
import signal
import subprocess
import time

TIMEOUT = 180  # seconds, for one run of one workload
START_TIMEOUT = 60


class Failed(Exception):
    """A runtime cannot do this; the text says why."""


def reason(text, default):
    """The last line that says something."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1][:160] if lines else default


def script(containers, runtime, workload):
    """Figures that a script in the container prints. Those it printed before it failed count."""
    command = ["sh", "-c", workload.script]
    process, cleanup = containers.start(runtime, command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    problem = ""
    try:
        output, errors = process.communicate(timeout=TIMEOUT)
        if process.returncode != 0:
            problem = reason(errors, f"status {process.returncode}")
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        output, errors = process.communicate()
        problem = f"no end after {TIMEOUT} s"
    finally:
        containers.end(process, cleanup)
    figures = {}
    known = {figure.name: figure for figure in workload.figures}
    for line in output.splitlines():
        words = line.split()
        if len(words) == 2 and words[0] in known:
            value = number(words[1])
            if value is not None:
                figures[words[0]] = value / 1000 if known[words[0]].unit == "µs" else value
    if not figures and not problem:
        problem = reason(errors, "printed no figure")
    return figures, problem


def number(text):
    try:
        return float(text)
    except ValueError:
        return None


def timed(command, what):
    """Milliseconds that a command takes. It must end well."""
    started = time.perf_counter()
    # Files, not pipes: what a runtime leaves running may hold on to them.
    with open(os.devnull, "r+b") as null:
        try:
            streams = {"stdin": null, "stdout": null, "stderr": null}
            status = subprocess.run(command, **streams, timeout=START_TIMEOUT, start_new_session=True).returncode
        except subprocess.TimeoutExpired as error:
            raise Failed(f"{what}: no end after {START_TIMEOUT} s") from error
    if status != 0:
        raise Failed(f"{what}: status {status}")
    return (time.perf_counter() - started) * 1000


def remove(containers, runtime, name):
    """Deletes a container, if it is still there."""
    try:
        command = containers.command(runtime, "delete", "--force", name)
        null = subprocess.DEVNULL
        subprocess.run(command, stdin=null, stdout=null, stderr=null, check=False, timeout=START_TIMEOUT)
    except subprocess.TimeoutExpired:
        pass


def start(containers, runtime, _):
    """Start-up and teardown, in milliseconds. Natively there is none."""
    if runtime.command is None:
        return {}, ""
    process, cleanup = None, None
    began = time.perf_counter()
    try:
        process, cleanup = containers.start(runtime, ["/bin/true"], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        _, errors = process.communicate(timeout=START_TIMEOUT)
        took = (time.perf_counter() - began) * 1000
        if process.returncode != 0:
            return {}, "run: " + reason(errors.decode(errors="replace"), f"status {process.returncode}")
    except subprocess.TimeoutExpired:
        return {}, f"run: no end after {START_TIMEOUT} s"
    finally:
        if process:
            containers.end(process, cleanup)
    figures = {"run_true": took}
    name = containers.bundle(["sleep", "1000"])
    before = below(os.getppid())
    try:
        folder = os.path.join(containers.folder, name)
        figures["create"] = timed(containers.command(runtime, "create", "--bundle", folder, name), "create")
        figures["start"] = timed(containers.command(runtime, "start", name), "start")
        figures["exec_true"] = timed(containers.command(runtime, "exec", name, "true"), "exec")
        figures["delete"] = timed(containers.command(runtime, "delete", "--force", name), "delete")
    except Failed as error:
        return figures, str(error)
    finally:
        remove(containers, runtime, name)
        kill(below(os.getppid()) - before)
    return figures, ""


def idle(containers, runtime, workload):
    """Memory (PSS of all processes) of each of 1, 10 and 100 idle containers, and the processor time that ten take."""
    if runtime.command is None:
        return {}, ""
    figures = {}
    names = []
    before = below(os.getppid())
    wanted = [int(figure.name.split("_")[1]) for figure in workload.figures if figure.unit == "MB"]
    try:
        for count in wanted:
            while len(names) < count:
                name = containers.bundle(["sleep", "1000"])
                names.append(name)
                folder = os.path.join(containers.folder, name)
                timed(containers.command(runtime, "run", "--detach", "--bundle", folder, name), "run --detach")
            time.sleep(2)  # what start-up left to do
            left = below(os.getppid()) - before
            figures[f"idle_{count}"] = sum(pss(pid) for pid in left) / 1024 / count
            if count == 10:
                used = sum(cpu_ticks(pid) for pid in left)
                time.sleep(3)
                figures["idle_cpu"] = (sum(cpu_ticks(pid) for pid in left) - used) / os.sysconf("SC_CLK_TCK") / 3 * 100
    except Failed as error:
        return figures, str(error)
    finally:
        for name in names:
            remove(containers, runtime, name)
        kill(below(os.getppid()) - before)
    return figures, ""


KINDS = {"script": script, "start": start, "idle": idle}


def run(containers, runtime, workload):
    """(figures, problem): what was measured, and what went wrong, or an empty text."""
    return KINDS[workload.kind](containers, runtime, workload)


def stat_fields(pid):
    with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
        text = file.read()
    return text[text.rindex(")") + 2:].split()


def below(root):
    """A process and all its descendants."""
    parents = {}
    for pid in (int(name) for name in os.listdir("/proc") if name.isdigit()):
        try:
            parents[pid] = int(stat_fields(pid)[1])
        except OSError:
            pass
    found = {root}
    grown = True
    while grown:
        more = {pid for pid, parent in parents.items() if parent in found} - found
        found |= more
        grown = bool(more)
    return found


def cpu_ticks(pid):
    try:
        fields = stat_fields(pid)
        return int(fields[11]) + int(fields[12])
    except OSError:
        return 0


def pss(pid):
    """KiB."""
    try:
        with open(f"/proc/{pid}/smaps_rollup", encoding="utf-8") as file:
            for line in file:
                if line.startswith("Pss:"):
                    return int(line.split()[1])
    except OSError:
        pass
    return 0


def kill(orphans):
    """Ends what a runtime left running. The parent of us reaps it."""
    for pid in orphans:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
    while any(os.path.exists(f"/proc/{pid}") for pid in orphans):
        time.sleep(0.02)
