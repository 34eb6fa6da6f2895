"""Results as JSON and as Markdown."""
import json
import os
import statistics

BEGIN, END = "<!-- compare: begin (made by make compare) -->", "<!-- compare: end -->"


def machine():
    """Where it ran."""
    model, memory = "", 0
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        for line in file:
            if line.startswith("model name"):
                model = line.split(":", 1)[1].strip()
                break
    with open("/proc/meminfo", encoding="utf-8") as file:
        memory = int(file.readline().split()[1]) // 1024
    return {"processor": model, "cores": os.cpu_count(), "memory_MB": memory, "kernel": os.uname().release,
            "load": round(os.getloadavg()[0], 2)}


class Results:
    """Values of each figure by runtime, in the order they were measured."""

    def __init__(self, runtimes, workloads, settings):
        self.runtimes = runtimes
        self.workloads = workloads
        self.settings = settings
        self.values = {}
        self.problems = {}

    def add(self, runtime, workload, figures, problem):
        for name, value in figures.items():
            self.values.setdefault(name, {}).setdefault(runtime.name, []).append(value)
        if problem:
            self.problems.setdefault(workload.name, {}).setdefault(runtime.name, problem)

    def to_json(self):
        figures = {}
        for workload in self.workloads:
            for figure in workload.figures:
                by_runtime = {name: summary(values) for name, values in self.values.get(figure.name, {}).items()}
                figures[figure.name] = {
                    "what": figure.what, "unit": figure.unit, "group": workload.group, "mark": figure.mark,
                    "workload": workload.name, "runtimes": by_runtime}
        return {"settings": self.settings, "machine": machine(), "figures": figures, "problems": self.problems,
                "runtimes": {runtime.name: runtime.version for runtime in self.runtimes}}


def summary(values):
    """Median and spread: the median of the distances from it, as a share of it."""
    median = statistics.median(values)
    away = statistics.median(abs(value - median) for value in values)
    return {"median": median, "spread": away / median if median else 0, "values": values}


def number(value):
    if value >= 10000:
        return f"{value:,.0f}"
    return f"{value:.0f}" if value >= 1000 else f"{value:.3g}"


def ratio(figure, name, other="native"):
    """To another runtime's median, or None."""
    mine, base = figure["runtimes"].get(name), figure["runtimes"].get(other)
    return mine["median"] / base["median"] if mine and base and base["median"] else None


def meets(figure, value):
    return value >= figure["mark"] if figure["unit"] == "/s" else value <= figure["mark"]


def doubts(results):
    """Why no verdict should rest on these figures, or an empty text."""
    where, rounds = results["machine"], results["settings"]["rounds"]
    found = []
    if rounds < 3:
        found.append(f"{rounds} round{'s' if rounds > 1 else ''} only")
    if where["load"] > 2 * where["cores"]:
        found.append(f"a load of {where['load']} on {where['cores']} cores")
    return " and ".join(found)


def cell(results, figure, name):
    found = figure["runtimes"].get(name)
    if found is None:
        return "fails" if name in results["problems"].get(figure["workload"], {}) else ""
    text = number(found["median"])
    if len(found["values"]) > 1:
        text += f" ±{found['spread'] * 100:.0f} %"
    to_native = ratio(figure, name)
    return text + (f" **{to_native:.2f}×**" if to_native is not None and name != "native" else "")


def table(results, group):
    """One section's figures: median, spread, ratio to native."""
    figures = results["figures"].values()
    names = [name for name in results["runtimes"] if any(name in figure["runtimes"] for figure in figures)]
    rows = ["| | " + " | ".join(names) + " | mark |", "| --- |" + " ---: |" * (len(names) + 1)]
    for figure in figures:
        if figure["group"] != group or not figure["runtimes"]:
            continue
        mark = "" if figure["mark"] is None else ("≥ " if figure["unit"] == "/s" else "≤ ") + f"{figure['mark']}"
        ratios = [ratio(figure, name) for name in names if name.startswith("Sandbox")]
        ours = next((value for value in ratios if value is not None), None)
        if mark and ours is not None and not doubts(results):
            mark += " ✓" if meets(figure, ours) else " ✗"
        cells = [cell(results, figure, name) for name in names]
        rows.append(f"| {figure['what']} ({figure['unit']}) | " + " | ".join(cells) + f" | {mark} |")
    return rows


def rounds_text(rounds):
    return "one round" if rounds == 1 else f"medians of {rounds} rounds ± the median distance from them"


def markdown(results, title, plots=()):
    """A chapter for docs/performance.md. `plots` are (caption, path) of pictures."""
    settings, where = results["settings"], results["machine"]
    lines = [f"## {title}", "",
             f"{settings['date']}, {where['processor']}, {where['cores']} cores, {where['memory_MB']} MB, "
             f"kernel {where['kernel']}, load {where['load']}; {rounds_text(settings['rounds'])}"
             + (f"; held to core {settings['cpus']}" if settings["cpus"] else "") + ".", "",
             "Versions: " + "; ".join(f"{n}: {version}" for n, version in results["runtimes"].items() if version) + ".", ""]
    if doubts(results):
        lines += [f"**Not fit for verdicts: {doubts(results)}.** Single ratios are off by factors: see how far runc and",
                  "crun, which cost these programs nothing, are from native. No mark is ticked.", ""]
    for caption, path in plots:
        lines += [f"![{caption}]({path})", ""]
    groups = []
    for figure in results["figures"].values():
        if figure["runtimes"] and figure["group"] not in groups:
            groups.append(figure["group"])
    for group in groups:
        lines += [f"### {group}", "", *table(results, group), ""]
    if results["problems"]:
        lines += ["What a runtime could not run:", ""]
        for workload, problems in results["problems"].items():
            lines += [f"- {workload}, {name}: {problem}" for name, problem in problems.items()]
        lines.append("")
    return lines


def into(path, lines):
    """Replaces the generated part of a document."""
    text = "# Performance\n"
    if os.path.exists(path):
        with open(path, encoding="utf-8") as file:
            text = file.read()
    before, _, rest = text.partition(BEGIN)
    after = rest.partition(END)[2] if END in rest else ""
    with open(path, "w", encoding="utf-8") as file:
        file.write(before.rstrip() + "\n\n" + "\n".join([BEGIN, "", *lines, END]) + (after or "\n"))


def save(path, results):
    os.makedirs(os.path.dirname(os.path.abspath(path)), exist_ok=True)
    with open(path + ".new", "w", encoding="utf-8") as file:
        json.dump(results, file, indent=1, ensure_ascii=False)
    os.rename(path + ".new", path)
