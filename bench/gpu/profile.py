"""ONNX Runtime's profiles as tables: `python profile.py OUT.json PROFILE...`. Time by operator and provider, the
costliest nodes, copies between host and device, and what ran on the CPU. Times are those of CUDA_LAUNCH_BLOCKING=1,
in which every kernel is waited for; without it they are the times of launching."""
import json
import re
import sys
from collections import defaultdict
from pathlib import Path


def table(path: Path) -> dict:
    events = json.loads(path.read_text())
    runs = sum(e.get("cat") == "Session" and e["name"] == "model_run" for e in events) or 1
    # The first run allocates and tries algorithms: it would hide the others.
    starts = sorted(e["ts"] for e in events if e.get("cat") == "Session" and e["name"] == "model_run")
    since = starts[1] if len(starts) > 1 else 0
    counted = max(1, runs - 1)
    by_op, by_node, cpu = defaultdict(lambda: [0, 0.0]), defaultdict(lambda: [0, 0.0, ""]), defaultdict(int)
    for e in events:
        if e.get("cat") != "Node" or not e["name"].endswith("_kernel_time") or e["ts"] < since:
            continue
        op, provider = e["args"].get("op_name", "?"), e["args"].get("provider", "?").replace("ExecutionProvider", "")
        ms = e["dur"] / 1e3
        by_op[f"{op} ({provider})"][0] += 1
        by_op[f"{op} ({provider})"][1] += ms
        # Layers that differ in their number alone are one line.
        shapes = [list(s.values())[0] for s in e["args"].get("input_type_shape", []) if s]
        node = f"{op} {shapes}"
        by_node[node][0] += 1
        by_node[node][1] += ms
        if provider == "CPU":
            cpu[op] += 1
    total = sum(ms for _, ms in by_op.values())
    rank = lambda rows, n: sorted(rows, key=lambda row: -row["ms"])[:n]  # noqa: E731
    return {
        "file": path.name, "runs": counted, "ms_per_run": total / counted,
        "operators": rank([{"operator": k, "nodes": c / counted, "ms": ms / counted, "share": ms / max(total, 1e-9)}
                           for k, (c, ms) in by_op.items()], 40),
        "nodes": rank([{"node": k, "nodes": v[0] / counted, "ms": v[1] / counted} for k, v in by_node.items()], 15),
        "copies": {k: c / counted for k, (c, _) in by_op.items() if k.startswith("Memcpy")},
        "on_cpu": {k: c / counted for k, c in cpu.items()},
    }


if __name__ == "__main__":
    out, *paths = sys.argv[1:]
    tables = [table(Path(p)) for p in paths]
    Path(out).write_text(json.dumps(tables, indent=1))
    for t in tables:
        print(f"\n{t['file']}: {t['ms_per_run']:.2f} ms a run, {t['runs']} runs; copies {t['copies']}; on the CPU {t['on_cpu']}")
        for row in t["operators"][:14]:
            print(f"  {row['ms']:9.3f} ms {row['share']:6.1%} {row['nodes']:6.0f} x {row['operator']}")
        for row in t["nodes"]:
            print(f"  {row['ms']:9.3f} ms {row['nodes']:6.0f} x {re.sub(r' +', ' ', row['node'])[:150]}")
