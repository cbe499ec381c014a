"""Times of single kernels, as NVIDIA's `ncu` reads them: `python kernels.py OUT.json CSV...`, each CSV of a process that
did the same work RUNS times (3 unless `RUNS` says otherwise), of which the last counts. Their sum is what the card works;
what the clock on the wall says beyond it, it waits."""
import csv
import json
import os
import re
import sys
from pathlib import Path

RUNS = int(os.environ.get("RUNS", "3"))
UNITS = {"ns": 1e-3, "nsecond": 1e-3, "us": 1, "usecond": 1, "ms": 1e3, "msecond": 1e3}


def short(name: str) -> str:
    """A kernel's name without namespaces and most of its parameters."""
    name = re.sub(r"\((anonymous namespace|.*::)?\)?::", "", name)
    name = re.sub(r"\b\w+::", "", name)
    name = re.sub(r"\(.*$", "", name)
    return re.sub(r"^void ", "", name)[:90]


def table(path: Path) -> dict:
    text = path.read_text(errors="replace")
    rows = list(csv.DictReader(text[text.index('"ID"'):].splitlines()))
    kernels = [(short(r["Kernel Name"]), r.get("Grid Size", ""), float(r["Metric Value"].replace(",", "")) * UNITS[r["Metric Unit"]])
               for r in rows if r.get("Metric Name") == "gpu__time_duration.sum"]
    last = kernels[len(kernels) - len(kernels) // RUNS:]
    totals: dict[tuple[str, str], list[float]] = {}
    for name, grid, us in last:
        totals.setdefault((name, grid), []).append(us)
    lines = sorted(({"kernel": name, "grid": grid, "count": len(us), "us": sum(us), "each": sum(us) / len(us)}
                    for (name, grid), us in totals.items()), key=lambda line: -line["us"])
    return {"case": path.stem, "launches": len(last), "all_launches": len(kernels), "ms": sum(us for _, _, us in last) / 1e3, "kernels": lines}


if __name__ == "__main__":
    out, *paths = sys.argv[1:]
    tables = [table(Path(p)) for p in paths]
    Path(out).write_text(json.dumps(tables, indent=1))
    for t in tables:
        print(f"\n{t['case']}: {t['ms']:.2f} ms in {t['launches']} kernels (of {t['all_launches']} in all)")
        for k in t["kernels"][:22]:
            print(f"  {k['us']:8.0f} us {k['count']:4d} x {k['each']:7.1f}  {k['kernel'][:64]} {k['grid']}")
