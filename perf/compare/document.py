#!/usr/bin/env python3
"""document.py DOCUMENT RESULTS.json…: puts tables of results into a document, and charts beside it."""
import json
import os
import sys

import plot
import report


def main():
    document, files = sys.argv[1], sys.argv[2:]
    folder = os.path.join(os.path.dirname(os.path.abspath(document)), "plots")
    os.makedirs(folder, exist_ok=True)
    lines = []
    for name in files:
        with open(name, encoding="utf-8") as file:
            results = json.load(file)
        cpus = results["settings"]["cpus"]
        title = f"Everything held to core {cpus}" if cpus else "All cores"
        prefix = f"core-{cpus}" if cpus else "all-cores"
        charts = [(caption, "plots/" + chart) for caption, chart in plot.save(results, folder, prefix)]
        lines += report.markdown(results, title, charts)
    report.into(document, lines)
    print(f"wrote {document}")


main()
