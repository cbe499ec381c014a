"""What the card did and when, from what trace.cpp wrote: `python kernels.py OUT.json TRACE...`, each of a process that did
the same work at least three times, of which the last counts. What of its span is neither kernel nor copy, the card waits."""
import csv
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path


#: CUPTI's numbers of them.
COPIES = {1: "copy to the card", 2: "copy from the card", 8: "copy on the card"}


def plain(names: set[str]) -> dict[str, str]:
    """Kernels' names without namespaces and parameters."""
    ordered = sorted(names)
    lines = ordered
    if shutil.which("c++filt"):
        lines = subprocess.run(["c++filt"], input="\n".join(ordered), capture_output=True, text=True, check=True).stdout.splitlines()
    short = lambda name: re.sub(r"(^void )|\(anonymous namespace\)::|\b\w+::|\(.*$", "", name)  # noqa: E731
    return {name: short(line)[:110] for name, line in zip(ordered, lines)}


def period(names: list[str]) -> int:
    """Of the repetition at the end of a list: the longest that happened twice, so that layers do not count as runs."""
    for length in range(len(names) // 2, 0, -1):
        if names[-length:] == names[-2 * length:-length]:
            # Of several runs, one.
            for parts in (4, 3, 2):
                if length % parts == 0 and names[-length:] == names[-length // parts:] * parts:
                    return length // parts
            return length
    return len(names)


def table(path: Path) -> dict:
    with path.open(newline="") as file:
        events = sorted((int(begin), int(end), kind, int(size), name) for kind, begin, end, size, name in csv.reader(file))
    kernels = [event for event in events if event[2] == "kernel"]
    last = kernels[-period([name for *_, name in kernels]):]
    # Copies to the card come before the first kernel, those from it after the last.
    before = max((end for _, end, kind, _, _ in events if kind == "kernel" and end < last[0][0]), default=0)
    run = [event for event in events if event[0] > before]
    busy, reached = 0, 0
    for begin, end, *_ in run:
        busy += max(0, end - max(begin, reached))
        reached = max(reached, end)
    names = plain({name for *_, name in run}) | {f"copy of kind {kind}": where for kind, where in COPIES.items()}
    totals: dict[tuple[str, int], list[int]] = {}
    for begin, end, kind, size, name in run:
        totals.setdefault((names[name], size if kind == "kernel" else -1), []).append(end - begin)
    lines = sorted(({"kernel": name, "blocks": size, "count": len(ns), "us": sum(ns) / 1e3, "each": sum(ns) / len(ns) / 1e3}
                    for (name, size), ns in totals.items()), key=lambda line: -line["us"])
    copies = [event for event in run if event[2] == "copy"]
    return {"case": path.stem, "launches": len(last), "span_ms": (reached - run[0][0]) / 1e6, "busy_ms": busy / 1e6,
            "kernel_ms": sum(end - begin for begin, end, *_ in last) / 1e6, "copy_ms": sum(end - begin for begin, end, *_ in copies) / 1e6,
            "copied_mb": sum(size for *_, size, _ in copies) / 1e6, "kernels": lines}


if __name__ == "__main__":
    out, *paths = sys.argv[1:]
    tables = [table(Path(p)) for p in paths]
    Path(out).write_text(json.dumps(tables, indent=1))
    for t in tables:
        print(f"\n{t['case']}: {t['span_ms']:.2f} ms, {t['busy_ms']:.2f} of them busy; {t['launches']} kernels {t['kernel_ms']:.2f} ms, "
              f"copies {t['copy_ms']:.2f} ms of {t['copied_mb']:.1f} MB")
        for k in t["kernels"][:26]:
            print(f"  {k['us']:8.0f} us {k['count']:4d} x {k['each']:7.1f}  {k['blocks']:8d}  {k['kernel'][:100]}")
