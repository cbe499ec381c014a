"""Python's onnxruntime over graphs that `GPU_DUMP` left: `python python_ort.py XL GRAPHS`. For machines on which the
Node binding cannot have CUDA. Times and whether the results are finite."""
import json
import os
import statistics
import sys
import time
from pathlib import Path

sys.path.insert(0, os.environ.get("ORT_PYTHON", "/tmp/esp/ortpy"))
import numpy as np  # noqa: E402
import onnxruntime as ort  # noqa: E402
from safetensors.numpy import load_file  # noqa: E402

TYPES = {"tensor(float)": np.float32, "tensor(int32)": np.int32, "tensor(int64)": np.int64}
folder, graphs = Path(sys.argv[1]), Path(sys.argv[2])
print(ort.__version__, ort.get_available_providers())
for case in sorted(graphs.iterdir()):
    options = ort.SessionOptions()
    for key, value in json.loads((case / "0.json").read_text()).items():
        options.add_session_config_entry(f"session.{key}", value)
    started = time.perf_counter()
    session = ort.InferenceSession(str(case / "0.onnx"), options, providers=["CUDAExecutionProvider", "CPUExecutionProvider"])
    opened = time.perf_counter() - started
    saved = load_file(case / "feeds.safetensors")
    feeds = {i.name: saved[i.name].astype(TYPES[i.type]) for i in session.get_inputs()}
    samples = []
    for _ in range(23):
        started = time.perf_counter()
        out = session.run(None, feeds)
        samples.append((time.perf_counter() - started) * 1e3)
    print("FIGURES", json.dumps({"case": case.name, "openSeconds": opened, "ms": statistics.median(samples[3:]),
                                 "providers": session.get_providers(), "finite": bool(np.isfinite(out[0]).all())}))
