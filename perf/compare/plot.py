"""Bar charts as SVG, by hand: ratio to native on a logarithmic scale, a group of bars for each figure."""
import math
from xml.sax.saxutils import escape

COLOURS = {"runc": "#9aa0a6", "crun": "#c7cbd1", "gVisor systrap": "#e8a33d", "gVisor ptrace": "#b5651d"}
OURS = ["#1f6feb", "#6ea8fe", "#0b3d91", "#a5c8ff"]
BAR, GAP, LEFT, WIDTH, TOP = 11, 12, 270, 940, 46


def colour(name, ours):
    return COLOURS.get(name) or (OURS[ours.index(name) % len(OURS)] if name in ours else "#888888")


def bars(title, rows, names):
    """`rows` are (label, {runtime: ratio}). Less is better: rates come in turned round."""
    values = [value for _, ratios in rows for value in ratios.values() if value > 0]
    low = min(0.5, *values) if values else 0.5
    high = max(2.0, *values) if values else 2.0
    span = math.log(high * 1.6 / low)
    ours = [name for name in names if name.startswith("Sandbox")]

    def x(value):
        return LEFT + (WIDTH - LEFT - 20) * math.log(value / low) / span

    parts, y = [], TOP
    for label, ratios in rows:
        shown = [name for name in names if ratios.get(name, 0) > 0]
        if not shown:
            continue
        middle = y + BAR * len(shown) / 2 + 4
        parts.append(f'<text x="{LEFT - 8}" y="{middle:.0f}" text-anchor="end">{escape(label)}</text>')
        for name in shown:
            start, end = sorted((x(1), x(ratios[name])))
            width = max(end - start, 1)
            parts.append(f'<rect x="{start:.1f}" y="{y}" width="{width:.1f}" height="{BAR - 1}" fill="{colour(name, ours)}"/>')
            parts.append(f'<text x="{max(end, x(1)) + 4:.1f}" y="{y + BAR - 2}" class="n">{ratios[name]:.2f}</text>')
            y += BAR
        y += GAP
    ticks = [value for value in (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100) if low <= value <= high * 1.3]
    grid = [f'<line x1="{x(v):.1f}" x2="{x(v):.1f}" y1="{TOP - 6}" y2="{y}" stroke="{"#555" if v == 1 else "#ddd"}"/>'
            f'<text x="{x(v):.1f}" y="{y + 12}" text-anchor="middle" class="n">{v:g}×</text>' for v in ticks]
    legend, at = [], LEFT
    for name in names:
        legend.append(f'<rect x="{at}" y="26" width="10" height="10" fill="{colour(name, ours)}"/>'
                      f'<text x="{at + 14}" y="35" class="n">{escape(name)}</text>')
        at += 24 + 6.2 * len(name)
    return (f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{y + 20}" '
            'font-family="sans-serif" font-size="12">'
            '<style>.n{font-size:10px;fill:#333}</style><rect width="100%" height="100%" fill="#fff"/>'
            f'<text x="{LEFT}" y="17" font-size="14" font-weight="bold">{escape(title)}</text>'
            + "".join(legend + grid + parts) + "</svg>\n")


def chart(results, group):
    """The chart of a section's figures against native, or None when there is nothing to compare."""
    names = [name for name in results["runtimes"] if name != "native"]
    rows = []
    for figure in results["figures"].values():
        base = figure["runtimes"].get("native")
        if figure["group"] != group or not base or not base["median"]:
            continue
        ratios = {}
        for name in names:
            found = figure["runtimes"].get(name)
            if found and found["median"]:
                ratio = found["median"] / base["median"]
                ratios[name] = 1 / ratio if figure["unit"] == "/s" else ratio
        if ratios:
            rows.append((figure["what"], ratios))
    names = [name for name in names if any(name in ratios for _, ratios in rows)]
    return bars(f"{group}: times native (less is better)", rows, names) if rows else None


def save(results, folder, prefix):
    """Writes a chart for each section; gives (caption, file name)."""
    written = []
    for group in dict.fromkeys(figure["group"] for figure in results["figures"].values()):
        picture = chart(results, group)
        if picture:
            name = f"{prefix}-{group.split(',')[0].lower().replace(' ', '-')}.svg"
            with open(f"{folder}/{name}", "w", encoding="utf-8") as file:
                file.write(picture)
            written.append((group, name))
    return written
