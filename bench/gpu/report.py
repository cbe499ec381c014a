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
    "**Goals.** A sampler step in at most the time of PyTorch eager: met. On an H200 (`5-guided`) a guided step, which takes two velocities,",
    "takes 0.67x of two evaluations there (0.82x of one with a batch of two) for the structure flow and 0.51x, 0.80x and 0.86x for the latent",
    "flow at 5,000, 10,000 and 20,000 voxels; a step with one velocity 0.72x, 0.76x, 1.00x and 1.00x (0.84x, 0.71x, 0.99x and 0.99x a quarter",
    "of an hour before, on another such machine). GPU time of the whole pipeline within 1.3x of the arithmetic floor: missed. A job's",
    "flows at 20,000 voxels take 1.92x of it (1.76x structure, 2.03x latent), where PyTorch takes 2.4x and the first version took 3.45x.",
    "Memory over 20 jobs is flat once the largest has been; out of memory becomes the known message, with 2 GB left as with 6.",
    "",
    "**What the floor leaves out.** It counts all operations at the rate of large products, 643 TFLOP/s. By the kernels' own times of a guided",
    "step of the structure flow (42.4 ms, floor 24.0): products 14.9 ms, which is quicker than that rate; attention 12.1 ms, at 0.6 of it, since",
    "cuDNN's kernel works on 128 channels where the model has 80; norms of queries and keys 4.4, four times what their bytes would take, as every",
    "kernel of the runtime gives each of 131,072 rows of 80 a block of its own; GELU 2.4; the rest 4.2; and 4.4 the card waits.",
    "Of the latent flow's 69.2 ms, 10.4 are gathered neighbours, whose kernel moves two bytes a thread.",
    "",
    "**Parity in float32** is settled: 121 of 121 tensors, run after run. What had come and gone was cuBLAS: about one of its handles in a",
    "hundred rounds all products to TF32 though `NVIDIA_TF32_OVERRIDE=0` says not to, and each session has a handle. The traces show it: in the one",
    "round of 20 that failed, and in no other, the products ran in `s1688gemm` and `tf32f32` kernels. Neither loading modules eagerly",
    "nor waiting for each kernel changes it. A session that rounds is opened anew since (`packages/onnx/src/session/float32-session.ts`): before, 4 of",
    "80 rounds of three cases failed; since, none of 80, in which 5 of 480 sessions were opened anew, and none of 5 whole runs.",
    "",
    "**Conditions.** `1-first`: parity and profile shared the card with a training, the rest had it alone. `2-fused`: job, soak,",
    "profile and parity ran beside thirteen busy processes on the 16 processors, so the finishing stages of that job are",
    "slower than they need be; networks and PyTorch ran alone. `3-kernels` and `4-packed`: a card of its own each, a training on the",
    "host's other card; PyTorch was timed with `3-kernels`. `5-guided`: one H200, two leases within a quarter of an hour: networks, PyTorch,",
    "rates, parity and jobs that overlap in the second; versions, kernels, the whole job, 20 jobs and out of memory in the first, before the",
    "probe for TF32 was in. PyTorch's own times are bound by launches below 10,000 voxels and move from run to run by a fifth.",
    "",
    "**Versions.** `2-fused`: one node for each normalisation, and the mesh decoder as one graph, no feature through the host.",
    "`3-kernels`: what is `8-times` in its table of versions, which shows what each change was worth (`versions.txt` says which).",
    "Biases behind products took 3 ms of the structure flow's 32, bias, sum and norm in one kernel 4, memory that is kept 380 of the",
    "mesh decoder's 928. `4-packed`: window attention without padding, in one kernel for windows of all lengths.",
    "`5-guided`: both velocities of a guided step in one evaluation (`10-pairs`: 6 to 22 % of a step); kernels too short to keep the card busy run",
    "between the long ones instead of before them all, and fewer biases (`11-order`: 2 to 10 %). The mesh decoder went from 447 to about 280 ms and",
    "the Gaussian one from 75 to 38 on the same kind of machine: cells are written into memory that is there, and memory comes in large pages. Before",
    "those pages the first took 523: the runtime's binding copies its outputs once more, which no code here can keep it from.",
    "",
    "**The card no longer waits for the mesh.** Extracting it takes a processor 3 s a job, in which the next job's networks run now (`overlap.ts`).",
    "",
    "**Every asset brings new shapes**, and the attention that takes padded windows has cuDNN compile a plan for each: `3-lengths` had",
    "made the first run of each decoder 1.0 to 1.4 s longer, which times of repeated runs do not show. `4-packed` has no such plans.",
    "",
    "Looked at and left: cells in float16 (the transfer halves, but turning 129 million values into float32 in JavaScript takes longer",
    "than that saves, `bench/networks/results/choices.json`); keys and values of the prompt as inputs (22 MB to the card at each",
    "guided step, since the binding of Node.js takes and gives device memory for WebGPU alone); for the same reason CUDA graphs,",
    "whose inputs must stay in place. The flash kernel in place of cuDNN's for the flows, too, saves a plan per asset, 0.1 to",
    "0.2 s, and loses more over 25 guided steps (`flash` in `1-first`: 4 to 6 ms an evaluation). Norms of queries and keys as products with ones",
    "(48 us instead of 81, before the bias) square in float16, which overflows at 255; `LpNormalization`, `SimplifiedLayerNormalization` and",
    "`GatedRMSNorm` take 89 to 112. Products with GELU behind them (`GemmFloat8`) take and give back memory at each call.",
]
#: Rate of large products on the machine, from which the floor follows.
RATE = "matmul 8192x8192x8192"
#: Steps of a sampling with both velocities and with one, by TRELLIS' own settings: 25 steps, guided while t >= 0.5, rescaled by 3.
GUIDED, PLAIN = 19, 6
#: Root mean square that a float16 torso may lie from float32, as a share of the values'.
HALF_TOLERANCE = 2e-3


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
    attention = {p.stem: sorted(set(re.findall(r"SdpaKernel=([A-Z_]+)", text(p))))
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
        "kernels": attention, "traces": loaded(folder / "kernels.json"), "overlap": lines(folder / "overlap.jsonl"), "torch": loaded(folder / "reference.json"), "profile": profile,
        "job": {k: job.get(k) for k in ("generation_time_seconds", "stages", "peak_memory_bytes", "raw_face_count")},
        "soak": lines(folder / "soak.jsonl"),
        "soaks": {p.stem[len("soaks-"):]: lines(p) for p in sorted(folder.glob("soaks-*.jsonl"))},
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


def guided(run: dict) -> list[list]:
    """Both velocities of a guided step, beside two evaluations of PyTorch and twice the floor."""
    rate = ((run["rates"] or {}).get(RATE) or {}).get("tflops")
    rows = []
    for case, ours in run["networks"].items():
        ms, theirs = ours.get("guidedMs"), (run["torch"] or {}).get(case) or {}
        if ms is None:
            continue
        two = 2 * theirs["ms"] if "ms" in theirs else None
        floor = 2 * theirs["operations"] / rate / 1e9 if rate and "operations" in theirs else None
        batch = ((run["torch"] or {}).get(f"{case}.guided") or {}).get("ms")
        rows.append([case, ms, two, batch, ms / two if two else None, floor, ms / floor if floor else None])
    return rows


def pipeline(run: dict) -> list[str]:
    """Both samplings and the decoders at 20,000 voxels, as the product runs them and as so many evaluations."""
    rate, networks, theirs = ((run["rates"] or {}).get(RATE) or {}).get("tflops"), run["networks"], run["torch"] or {}
    flows, decoders = ("ss_flow", "slat_flow.20000"), ("ss_dec", "slat_dec_mesh", "slat_dec_gs")
    if not rate or any(networks.get(c, {}).get("guidedMs") is None or "operations" not in theirs.get(c, {}) for c in flows):
        return []
    ours = {c: GUIDED * networks[c]["guidedMs"] + PLAIN * networks[c]["ms"] for c in flows}
    torch = {c: (2 * GUIDED + PLAIN) * theirs[c]["ms"] for c in flows}
    floor = {c: (2 * GUIDED + PLAIN) * theirs[c]["operations"] / rate / 1e9 for c in flows}
    rest = [sum(side[c]["ms"] for c in decoders if c in side) for side in (networks, theirs)]
    return ["Of a job at 20,000 voxels, ms: 25 steps of each flow, 19 of them guided, and the decoders.", "",
            *table(["", *flows, "decoders", "all"], [
                ["here", *ours.values(), rest[0], sum(ours.values()) + rest[0]],
                ["PyTorch eager", *torch.values(), rest[1], sum(torch.values()) + rest[1]],
                ["floor of the flows", *floor.values(), None, sum(floor.values())],
                ["here, of floor", *(ours[c] / floor[c] for c in flows), None, sum(ours.values()) / sum(floor.values())]])]


def kernels(run: dict) -> list[str]:
    out = []
    for t in run.get("traces") or []:
        by_name: dict[str, list[float]] = {}
        for k in t["kernels"]:
            if not k["kernel"].startswith("copy"):
                row = by_name.setdefault(re.sub(r"^cudnn_generated_\w*?_sdpa.*", "cudnn sdpa", k["kernel"].split("<")[0])[:44], [0, 0.0])
                row[0], row[1] = row[0] + k["count"], row[1] + k["us"] / 1e3
        top = ", ".join(f"`{name}` {count}x {ms:.2f}" for name, (count, ms) in sorted(by_name.items(), key=lambda row: -row[1][1])[:9])
        case = t["case"].removeprefix("kernels-")
        out += [f"On the card, `{case}`{' (guided)' if 'flow' in case else ''}: {t['span_ms']:.1f} ms from the first copy to the last, "
                f"{t['launches']} kernels of {t['kernel_ms']:.1f} ms together. Ms: {top}.", ""]
    return out


def history(run: dict) -> list[str]:
    rows: dict[str, dict[str, float]] = {}
    # Guided steps where the versions were measured with them, else one evaluation.
    value = lambda figure: figure.get("guidedMs", figure["ms"])  # noqa: E731
    for label, figure in run["history"].items():
        version, case = label.removesuffix(figure["case"]).removesuffix("-"), figure["case"]
        rows.setdefault(version, {})[case] = value(figure)
    rows = dict(sorted(rows.items(), key=lambda row: int(row[0].split("-")[0])))
    rows["this one"] = {case: value(figure) for case, figure in run["networks"].items()}
    cases = sorted({case for row in list(rows.values())[:-1] for case in row})
    return table(["version", *cases], [[version, *(row.get(case) for case in cases)] for version, row in rows.items()])


def page(name: str, run: dict) -> list[str]:
    software = ", ".join(f"{k} {v}" for k, v in (run["software"] or {}).items())
    machine = ", ".join(filter(None, [run["gpu"] or "GPU not recorded", run["driver"] and f"driver {run['driver']}", software]))
    out = [f"## {name}", "", f"{machine}. Parity in float32: {run['parity'] or 'not run'}.", ""]
    if run["networks"]:
        out += ["Float16, one evaluation; times in ms, memory in MB of the whole process (PyTorch: of its allocator).", ""]
        out += table(["network", "ms", "least", "PyTorch eager", "ratio", "floor", "of floor", "first run", "open, s", "peak",
                      "PyTorch's", "rms from float32", "PyTorch's half"], times(run))
        worst = max((r[-2] for r in times(run) if r[-2] is not None), default=None)
        if worst is not None:
            held = "held" if worst <= HALF_TOLERANCE else "NOT held"
            out += [f"Float16 torsos against float32, rms: at most {HALF_TOLERANCE:g} of the values' is allowed, {worst:.3g} at most was found: {held}.", ""]
    if guided(run) and any(row[2] for row in guided(run)):
        out += ["A guided step, which takes two velocities; times in ms:", ""]
        out += table(["network", "ms", "PyTorch eager, twice", "as a batch", "ratio", "floor, twice", "of floor"], guided(run))
    out += pipeline(run)
    if run.get("overlap"):
        out += ["The GPU's part of jobs in a row, prompt to raw mesh and Gaussians (`overlap.ts`), s a job: " + ", ".join(
            f"{o['secondsAJob']:.2f} {'overlapping' if o['overlap'] else 'one after the other'}" for o in run["overlap"]) + ".", ""]
    out += kernels(run)
    if run.get("lengths"):
        out += ["Window attention told of padding by lengths in place of a mask of keys:", ""]
        out += table(["network", "ms", "rms from the mask's result"], [[k, v["ms"], v.get("apartFromKeys")] for k, v in run["lengths"].items()])
    if run.get("history"):
        out += ["Versions of the graphs in one run, ms (flows: a guided step where `guidedMs` is known):", "", *history(run)]
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
    if run.get("soaks"):
        out += ["A few jobs of other shapes under each version, four steps a flow; mesh decoder, s (`flash`: this version, without cuDNN's attention):", ""]
        soaks = {version: [s for s in rows if "job" in s] for version, rows in run["soaks"].items()}
        voxels = [f"{s['voxels']} voxels" for s in next(iter(soaks.values()))]
        out += table(["version", *voxels], [[version, *(s["seconds"]["mesh"] for s in rows)] for version, rows in soaks.items()])
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
        out += ["## All versions, ms of one evaluation", ""]
        last = list(runs.values())[-1]
        gpu = lambda run: re.sub(r"NVIDIA (\w+).*", r"\1", run["gpu"] or "?")  # noqa: E731
        out += table(["network", *(f"{name}, {gpu(run)}" for name, run in runs.items()), f"PyTorch eager, {gpu(last)}"], [
            [c, *((run["networks"].get(c) or {}).get("ms") for run in runs.values()),
             ((last["torch"] or {}).get(c) or {}).get("ms")] for c in cases])
    for name, run in runs.items():
        out += page(name, run)
    (HERE / "RESULTS.md").write_text("\n".join(out).rstrip() + "\n")


if __name__ == "__main__":
    if sys.argv[1:2] == ["collect"]:
        collect(Path(sys.argv[2]), sys.argv[3])
    render()
