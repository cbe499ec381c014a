"""Results of run.sh as one JSON file each, and all of them side by side as RESULTS.md.

    python3 bench/gpu/report.py collect FOLDER NAME   the unpacked gpu.tar.gz to results/NAME.json
    python3 bench/gpu/report.py                       results/*.json, in order of name, to RESULTS.md

Only Python's standard library."""
import json
import re
import sys
from pathlib import Path

HERE = Path(__file__).parent
#: What the figures alone do not say.
NOTES = [
    "**Goals.** A sampler step in at most the time of PyTorch eager: met by the latent flow at 5,000 and 10,000 voxels,",
    "missed by the structure flow (1.15x) and by the latent flow at 20,000 voxels (1.25x). GPU time of the whole pipeline",
    "within 1.3x of the arithmetic floor: missed by far, as by PyTorch eager itself (2.4x on the structure flow).",
    "Memory over 20 jobs is flat; out of memory becomes the known message.",
    "",
    "**Conditions.** `1-first`: parity and profile shared the card with a training, the rest had it alone. `2-fused`: job, soak,",
    "profile and parity ran beside thirteen busy processes on the 16 processors, so the finishing stages of that job are",
    "slower than they need be; networks and PyTorch ran alone. PyTorch's own figure for the latent flow at 5,000 voxels is",
    "bound by launches and moved between 23 and 34 ms from run to run.",
    "",
    "**Versions.** `2-fused`: one node for each normalisation, and the mesh decoder as one graph, no feature through the host.",
    "",
    "## Changed since, not measured on a GPU",
    "",
    "All of it is checked on the CPU: float32 parity with the same tolerances, of the graphs as they are and as they are written",
    "for CUDA; the CPU's graphs give the same bits as before. What it gains on a GPU is not known until `run.sh history` has run",
    "there, which measures each of these beside the version measured last (`versions.txt`).",
    "",
    "- Window attention is told of padding by lengths alone (12 % less time for the mesh decoder as measured below).",
    "- Biases are added behind products. The runtime's Gemm spreads a bias by a product of matrices with one inner element, and",
    "  reads it back. By the profile below, which waits for each kernel, the structure flow's 312 products take 32.5 ms; at the",
    "  rates that PyTorch reached for their shapes they are 9.2.",
    "- Bias, sum and norm in one kernel (`SkipLayerNormalization`, `SkipSimplifiedLayerNormalization`, `FastGelu`); statistics are",
    "  float32 in 1.30, the release in use; they were not before microsoft/onnxruntime#28682.",
    "- Values that nobody asked for were converted to float32 behind each block; no longer.",
    "- Sparse convolutions gather all rows at once, not in eight parts; gathered rows are summed along the first axis.",
    "- What follows from the time alone is a graph of its own, run once for all times of a sampling (`prepareMs`).",
    "- The mesh decoder's cells are written into memory that its session keeps. On the CPU, 517 MB out of a graph that does",
    "  nothing else take little more than half the time so (`bench/networks/results/choices.json`); what is left is the binding's copy.",
    "",
    "Nodes of one evaluation as written for CUDA, in XL's shape and float16, without those that are folded (in brackets how many",
    "only give other shapes to the same memory): structure flow 1138 (340), latent flow 1249 (351), mesh decoder 1645 (346),",
    "Gaussian decoder 421 (49); the profile of `2-fused` counts 1137 and 1590 for the flow models.",
    "",
    "Looked at and left: cells in float16 (the transfer halves, but turning 129 million values into float32 in JavaScript takes",
    "longer than that saves, see the same file); keys and values of the prompt as inputs (11 MB to the card at each",
    "evaluation, since the binding of Node.js takes and gives device memory for WebGPU alone); for the same reason CUDA graphs,",
    "whose inputs must stay in place. Out of reach by figures below: 1.3x of the floor, which counts all operations at the rate of",
    "large products (677 TFLOP/s). With its products and its attention at the rates that PyTorch reached for their own shapes,",
    "and nothing else at all, the structure flow takes 1.32x of it.",
]
#: Rate of large products on the machine, from which the floor follows.
RATE = "matmul 8192x8192x8192"


def lines(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def figures(folder: Path, prefix: str) -> dict:
    found = {path.stem[len(prefix):]: lines(path) for path in sorted(folder.glob(f"{prefix}*.jsonl"))}
    return {name: rows[-1] for name, rows in found.items() if rows}


def loaded(path: Path):
    return json.loads(path.read_text()) if path.exists() else None


def text(path: Path) -> str:
    return path.read_text(errors="replace") if path.exists() else ""


def collect(folder: Path, name: str) -> None:
    device = text(folder / "device.log")
    gpu = re.search(r"\|\s+\d+\s+(NVIDIA .*?)\s{2,}", device)
    driver = re.search(r"Driver Version: (\S+)", device)
    software = re.search(r"^(\S+) (\S+) (\d+)\n(v\d\S+)", device, re.M)
    job = loaded(folder / "job-stats.json") or {}
    kernels = {p.stem: sorted(set(re.findall(r"SdpaKernel=([A-Z_]+)", text(p))))
               for p in folder.glob("kernel-*.log")}
    profile = [{"file": t["file"].split("_2")[0], "nodes": sum(o["nodes"] for o in t["operators"]), "operators": t["operators"][:12]}
               for t in loaded(folder / "profile.json") or []]
    parity = text(folder / "parity.log").strip().splitlines()
    out = {
        "gpu": gpu and gpu[1], "driver": driver and driver[1],
        "software": software and dict(zip(("torch", "cuda", "cudnn", "node"), software.groups())),
        "rates": loaded(folder / "rates.json"), "parity": parity[-1] if parity else None,
        "networks": figures(folder, "xl-"), "half": figures(folder, "half-"), "history": figures(folder, "history-"),
        "variants": {kind: figures(folder, f"{kind}-") for kind in ("noflash", "cudnn", "flash", "arena", "stream", "notf32", "heuristic")},
        "kernels": kernels, "torch": loaded(folder / "reference.json"), "profile": profile,
        "job": {k: job.get(k) for k in ("generation_time_seconds", "stages", "peak_memory_bytes", "raw_face_count")},
        "soak": lines(folder / "soak.jsonl"),
        "out_of_memory": {p.stem: re.findall(r'"message": "(.*)"', text(p)) for p in sorted(folder.glob("oom-*.log"))},
        "steps": text(folder / "steps.txt").splitlines(),
    }
    (HERE / "results").mkdir(exist_ok=True)
    (HERE / "results" / f"{name}.json").write_text(json.dumps(out, indent=1) + "\n")


def table(head: list[str], rows: list[list]) -> list[str]:
    cell = lambda v: "" if v is None else f"{v:.3g}" if isinstance(v, float) and abs(v) < 10 else f"{v:.1f}" if isinstance(v, float) else str(v)  # noqa: E731
    return ["| " + " | ".join(head) + " |", "|" + " --- |" * len(head), *("| " + " | ".join(map(cell, r)) + " |" for r in rows), ""]


def times(run: dict) -> list[list]:
    rate = ((run["rates"] or {}).get(RATE) or {}).get("tflops")
    rows = []
    for case, ours in run["networks"].items():
        theirs = (run["torch"] or {}).get(case) or {}
        floor = theirs["operations"] / rate / 1e9 if rate and "operations" in theirs else None
        ms = theirs.get("ms")
        rows.append([case, ours["ms"], ours["least"], ms, ours["ms"] / ms if ms else None, floor,
                     ours["ms"] / floor if floor else None, ours["firstMs"], ours["openSeconds"], ours.get("memoryPeak"),
                     theirs.get("peak_mb"), (theirs.get("ours_from_float32") or {}).get("rms"),
                     (theirs.get("torch_half_from_float32") or {}).get("rms")])
    return rows


def history(run: dict) -> list[str]:
    rows: dict[str, dict[str, float]] = {}
    for label, figure in run["history"].items():
        version, case = label.removesuffix(figure["case"]).removesuffix("-"), figure["case"]
        rows.setdefault(version, {})[case] = figure["ms"]
    rows["this one"] = {case: figure["ms"] for case, figure in run["networks"].items()}
    cases = sorted({case for row in list(rows.values())[:-1] for case in row})
    return table(["version", *cases], [[version, *(row.get(case) for case in cases)] for version, row in rows.items()])


def page(name: str, run: dict) -> list[str]:
    software = ", ".join(f"{k} {v}" for k, v in (run["software"] or {}).items())
    out = [f"## {name}", "", f"{run['gpu'] or 'GPU not recorded'}, driver {run['driver']}, {software}. Parity in float32: {run['parity'] or 'not run'}.", ""]
    if run["networks"]:
        out += ["Float16, one evaluation; times in ms, memory in MB of the whole process (PyTorch: of its allocator).", ""]
        out += table(["network", "ms", "least", "PyTorch eager", "ratio", "floor", "of floor", "first run", "open, s", "peak",
                      "PyTorch's", "rms from float32", "PyTorch's half"], times(run))
    if run.get("lengths"):
        out += ["Window attention told of padding by lengths in place of a mask of keys:", ""]
        out += table(["network", "ms", "rms from the mask's result"], [[k, v["ms"], v.get("apartFromKeys")] for k, v in run["lengths"].items()])
    if run.get("history"):
        out += ["Versions of the graphs in one run, ms:", "", *history(run)]
    variants = [[c, kind, v["ms"]] for kind, cases in run["variants"].items() for c, v in cases.items()]
    if variants:
        out += ["Variants (`noflash`: flash kernels off; `cudnn`, `flash`: that kernel alone; others: provider options):", ""]
        out += table(["network", "variant", "ms"], variants)
    if run["kernels"]:
        out += ["Attention kernels: " + "; ".join(f"{k} {', '.join(v)}" for k, v in run["kernels"].items() if v) + ".", ""]
    if run["rates"]:
        out += ["Rates of the machine, by PyTorch: " + "; ".join(
            f"{k} {v.get('tflops') or v.get('gb_per_s'):.0f} {'TFLOP/s' if 'tflops' in v else 'GB/s'}" for k, v in run["rates"].items()) + ".", ""]
    if run["job"].get("stages"):
        stages = run["job"]["stages"]
        out += [f"A whole job, prompt to GLB: {run['job']['generation_time_seconds']:.1f} s, {run['job']['raw_face_count']} faces before simplifying.", ""]
        out += table(list(stages), [[s["seconds"] for s in stages.values()]])
    jobs = [s for s in run["soak"] if "job" in s]
    if jobs:
        used = [s["memory"] for s in jobs]
        mesh = sorted(s["seconds"]["mesh"] for s in jobs)[len(jobs) // 2]
        out += [f"{len(jobs)} jobs in a row on one model, {min(s['voxels'] for s in jobs)} to {max(s['voxels'] for s in jobs)} voxels: GPU memory "
                f"{used[0]} MB after the first, {used[-1]} MB after the last, most {max(used)} MB, "
                f"{next((s['memory'] for s in run['soak'] if s.get('released')), '?')} MB when released; mesh decoder {mesh} s in the middle.", ""]
    for case, messages in run["out_of_memory"].items():
        out += [f"Out of memory, all but {case[4:]} GB taken by another process: {'; '.join(messages)}", ""]
    for p in run["profile"]:
        top = ", ".join(f"{o['operator'].replace(' (CUDA)', '')} {o['nodes']:.0f}x {o['ms']:.1f}" for o in p["operators"][:8])
        out += [f"Profile `{p['file']}`, every kernel waited for: {p['nodes']:.0f} nodes; ms: {top}.", ""]
    return out


def render() -> None:
    runs = {p.stem: json.loads(p.read_text()) for p in sorted((HERE / "results").glob("*.json"))}
    out = ["# CUDA path on a GPU", "", "Made by `bench/gpu/report.py` from `results/`; how the figures are taken: `run.sh`. Weights are random, of the",
           "shapes of TRELLIS-text-xlarge. The floor is operations over the measured rate of large products.", "", *NOTES, ""]
    if len(runs) > 1:
        cases = list(dict.fromkeys(c for run in runs.values() for c in run["networks"]))
        out += ["## All versions, ms", ""]
        last = list(runs.values())[-1]
        out += table(["network", *runs, "PyTorch eager"], [
            [c, *((run["networks"].get(c) or {}).get("ms") for run in runs.values()),
             (((last["torch"] or list(runs.values())[0]["torch"]) or {}).get(c) or {}).get("ms")] for c in cases])
    for name, run in runs.items():
        out += page(name, run)
    (HERE / "RESULTS.md").write_text("\n".join(out).rstrip() + "\n")


if __name__ == "__main__":
    if sys.argv[1:2] == ["collect"]:
        collect(Path(sys.argv[2]), sys.argv[3])
    render()
