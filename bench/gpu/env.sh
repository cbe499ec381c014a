# Sourced: Node, Python and NVIDIA's libraries as the machine has them.
export ESP="${ESP:-/tmp/esp}" GPU="${GPU:-0}"
export CUDA_VISIBLE_DEVICES="${CUDA_VISIBLE_DEVICES:-$GPU}"
[ -x "$ESP/bin/node" ] && PATH="$ESP/bin:$PATH"
export PATH NODE_OPTIONS="${NODE_OPTIONS:---max-old-space-size=32768}"
if [ -z "${PYTHON:-}" ]; then
  for candidate in /opt/torch/.venv/bin/python "$(command -v python3)"; do
    [ -x "$candidate" ] && "$candidate" -c 'import torch' 2>/dev/null && PYTHON="$candidate" && break
  done
fi
export PYTHON="${PYTHON:?no Python here has torch: name one that has}" PYTHONUNBUFFERED=1
# Where CUDA's and cuDNN's libraries lie: beside torch, as its wheels bring them, else with the toolkit.
nvidia="$("$PYTHON" - <<'PY'
import glob, os, sysconfig
roots = [sysconfig.get_paths()["purelib"] + "/nvidia", "/usr/local/cuda/lib64", "/usr/local/cuda/targets/x86_64-linux/lib", "/usr/local/nvidia/lib64", "/usr/lib/x86_64-linux-gnu"]
found = []
for wanted in ("libcublasLt.so.13", "libcublas.so.13", "libcudart.so.13", "libcurand.so.10", "libcufft.so.12", "libcudnn.so.9", "libcudnn_graph.so.9", "libnvrtc.so.13", "libnvJitLink.so.13", "libcupti.so.13", "libcuda.so.1"):
    for root in roots:
        paths = sorted(glob.glob(f"{root}/**/{wanted}", recursive=True))
        if paths:
            folder = os.path.dirname(paths[0])
            # The system's own folder is searched in any case, and would hide others if it came first.
            if folder not in found and folder != "/usr/lib/x86_64-linux-gnu":
                found.append(folder)
            break
print(":".join(found))
PY
)"
# Some are opened by names without a version, which wheels do not bring.
mkdir -p "$ESP/lib"
for folder in ${nvidia//:/ }; do
  for library in "$folder"/libcudnn*.so.9 "$folder"/libcufft.so.* "$folder"/libnvrtc.so.13; do
    [ -e "$library" ] && ln -sfn "$library" "$ESP/lib/$(basename "${library%%.so.*}").so"
  done
done
export LD_LIBRARY_PATH="$ESP/lib:$nvidia${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}"
