"""The steps of TRELLIS' to_glb that run on the CPU, with the libraries it uses, timed.

Reads NAME-raw.f32 / .u32 from a folder (arguments: folder, name, share to remove, then further shares), prints one
JSON line, and writes the outer surface decimated by the further shares for others to measure. Needs numpy, pyvista,
pymeshfix and xatlas from PyPI.
"""

import json
import resource
import sys
import time

import numpy as np
import pymeshfix
import pyvista
import xatlas

folder, name, *shares = sys.argv[1:]


def load(role):
    vertices = np.fromfile(f"{folder}/{name}-{role}.f32", np.float32).reshape(-1, 3)
    faces = np.fromfile(f"{folder}/{name}-{role}.u32", np.uint32).reshape(-1, 3)
    return vertices, faces.astype(np.int64)


def decimate(vertices, faces, share):
    cells = np.concatenate([np.full((len(faces), 1), 3), faces], axis=1).ravel()
    mesh = pyvista.PolyData(vertices, cells).decimate(share)
    return np.asarray(mesh.points, np.float32), np.asarray(mesh.faces).reshape(-1, 4)[:, 1:]


seconds = {}
cpu_start = time.process_time()
start = time.perf_counter()
vertices, faces = decimate(*load("raw"), float(shares[0]))
seconds["decimate"] = time.perf_counter() - start
start = time.perf_counter()
fixer = pymeshfix.PyTMesh()
fixer.load_array(vertices, faces.astype(np.int32))
fixer.fill_small_boundaries(nbe=250, refine=True)
vertices, faces = fixer.return_arrays()
seconds["fill"] = time.perf_counter() - start
start = time.perf_counter()
xatlas.parametrize(vertices.astype(np.float32), faces.astype(np.uint32))
seconds["unwrap"] = time.perf_counter() - start
cpu = time.process_time() - cpu_start
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024

counts = {}
for share in shares[1:]:
    points, triangles = decimate(*load("outer"), float(share))
    points.tofile(f"{folder}/{name}-pyvista-{share}.f32")
    triangles.astype(np.uint32).tofile(f"{folder}/{name}-pyvista-{share}.u32")
    counts[share] = len(triangles)
print(json.dumps({"seconds": seconds, "cpu_seconds": cpu, "peak_bytes": peak, "faces": len(faces), "decimated": counts}))
