#!/usr/bin/env bash
# One or more steps of the measurements on a GPU, each under its own limit, each leaving a log and JSON in $ESP/out,
# which is packed into $OUT/gpu.tar.gz after every step: what a later step breaks does not take the earlier ones along.
#
#     bash bench/gpu/run.sh STEP...        in the repository's root
#
# `unpack` lays out what stage.sh packed; the other steps run on those sources, not on the folder they are called in.
#
# Steps: unpack device rates make probe parity parities half history xl variants reference profile kernels job overlap
# soak soaks oom python
set -u
HERE="$(cd "$(dirname "$0")" && pwd)"
OUT="${OUT:-/tmp/esp-out}"; export ESP="${ESP:-/tmp/esp}"
LOGS="$ESP/out"; XL="${XL:-$ESP/xl}"; SIZE="${SIZE:-}"
mkdir -p "$OUT" "$LOGS"
BINDING=node_modules/onnxruntime-node/bin/napi-v6/linux/x64

# limit seconds, name, command: its output to a log, the figures in it to a JSON file of one object a line.
step() {
  local limit="$1" name="$2"; shift 2
  local begun; begun=$(date +%s.%N)
  timeout -k 5 "$limit" "$@" >"$LOGS/$name.log" 2>&1; local rc=$?
  printf '%-28s rc %s, %.1f s\n' "$name" "$rc" "$(echo "$(date +%s.%N) $begun" | awk '{print $1-$2}')" | tee -a "$LOGS/steps.txt"
  sed -n 's/^FIGURES //p' "$LOGS/$name.log" >"$LOGS/$name.jsonl"; [ -s "$LOGS/$name.jsonl" ] || rm -f "$LOGS/$name.jsonl"
  if [ $rc -ne 0 ]; then tail -n 6 "$LOGS/$name.log" | cut -c1-600; fi
  return $rc
}
node_step() { local limit="$1" name="$2"; shift 2; step "$limit" "$name" node --import tsx "$@"; }
show() { cut -c1-420 "$LOGS/$1.jsonl" 2>/dev/null; }
pack() { (cd "$LOGS" && tar czf "$OUT/gpu.tar.gz" --exclude='*.onnx' --exclude='profile-*' --exclude='kernels-*.csv' . 2>/dev/null); }
export ESPALIER_DEVICE="${ESPALIER_DEVICE:-cuda}" MAX_JOBS="${MAX_JOBS:-8}"
export ESPALIER_STORE="${ESPALIER_STORE:-$ESP/bucket}" XDG_CACHE_HOME="${XDG_CACHE_HOME:-$ESP/cache}"
# As the product starts its inference process.
export GLIBC_TUNABLES="${GLIBC_TUNABLES:-glibc.malloc.hugetlb=1}"
# Products of float32 in float32, where that is what is compared: TF32 keeps ten bits.
exact() { NVIDIA_TF32_OVERRIDE=0 "$@"; }

core() { cp -f "$ESP/ort/$1.so" "$BINDING/libonnxruntime.so.1"; echo "$1" >"$ESP/plan"; }

do_unpack() { step 200 unpack python3 "$HERE/unpack.py"; }
do_device() {
  step 30 device bash -c 'nvidia-smi; nvidia-smi topo -m; uname -a; nproc; free -g; df -h /tmp; echo "$LD_LIBRARY_PATH" | tr : "\n"; "$PYTHON" -c "import torch; print(torch.__version__, torch.version.cuda, torch.backends.cudnn.version())"; node --version; ldd '"$ESP"'/ort/libonnxruntime_providers_cuda.so | grep -E "not found|libcu"'
  tail -n 14 "$LOGS/device.log"
}
do_rates() { step 60 rates "$PYTHON" bench/gpu/reference.py rates "$LOGS/rates.json"; tail -n 40 "$LOGS/rates.log" | tr -d '\n '; echo; }
do_make() { step 150 make "$PYTHON" bench/gpu/make_xl.py "$XL" $SIZE; tail -n 8 "$LOGS/make.log"; du -sh "$XL"; }
# Plan A: npm's core. Plan B: PyPI's core of the same commit in its place.
do_probe() {
  local plan
  for plan in npm pip; do
    [ "$ESPALIER_DEVICE" = cuda ] && core $plan
    if exact node_step 90 "probe-$plan" bench/gpu/probe.ts; then show "probe-$plan"; break; fi
  done
  # Whether session options reach the provider: with TF32 allowed and asked off, the error of float32 tells.
  node_step 60 probe-tf32-default bench/gpu/probe.ts; show probe-tf32-default
  GPU_OPTIONS='{"use_tf32":"0"}' node_step 60 probe-tf32-off bench/gpu/probe.ts; show probe-tf32-off
  GPU_OPTIONS='{"gpu_mem_limit":"1048576"}' node_step 60 probe-limit bench/gpu/probe.ts && echo 'a limit of 1 MB was not kept to'
  ORT_ENABLE_ATTENTION_KERNEL_DEBUG_INFO=1 node_step 60 probe-attention bench/gpu/probe.ts; grep -a SdpaKernel "$LOGS/probe-attention.log" | head -3
}
do_parity() {
  exact step 200 parity node services/cli/bin/espalier.mjs parity "$ESP/goldens"; tail -n 1 "$LOGS/parity.log"; grep -a FAIL "$LOGS/parity.log" | head -20
}
# This version and earlier ones, each more than once: what differs may differ from run to run.
do_parities() {
  local version i here="$PWD"
  for version in this ${PARITY_VERSIONS:-}; do
    [ "$version" = this ] || cd "$ESP/history/$version" || continue
    for i in 1 2 3 4 5; do
      exact step 60 "parities-$version-$i" node services/cli/bin/espalier.mjs parity "$ESP/goldens"
      tail -n 1 "$LOGS/parities-$version-$i.log"; grep -a FAIL "$LOGS/parities-$version-$i.log" | head -n 3 | cut -c1-150
    done
    cd "$here" || exit 1
  done
}
CASES="${CASES:-ss_flow slat_flow.5000 slat_flow.10000 slat_flow.20000 ss_dec slat_dec_mesh slat_dec_gs}"
times() { case "$1" in *flow*) echo 20;; *) echo 5;; esac; }
do_half() { for c in $CASES; do exact node_step 150 "half-$c" bench/gpu/xl.ts "$XL" "$c" float32 3; show "half-$c"; done; }
do_xl() { for c in $CASES; do node_step 120 "xl-$c" bench/gpu/xl.ts "$XL" "$c" float16 "$(times "$c")"; show "xl-$c"; pack; done; }
# Earlier versions of the graphs on the same weights, before xl, whose results are those that are kept.
do_history() {
  local version c here="$PWD"
  for version in ${HISTORY_VERSIONS:-$(ls "$ESP/history")}; do
    cd "$ESP/history/$version" || continue
    for c in ${HISTORY_CASES:-ss_flow slat_flow.20000 slat_dec_mesh slat_dec_gs}; do
      node_step 90 "history-$version-$c" bench/gpu/xl.ts "$XL" "$c" float16 "$(times "$c")"; show "history-$version-$c"
    done
    pack
  done
  cd "$here" || exit 1
}
# What the provider's options and the kinds of attention make of it.
do_variants() {
  local c
  for c in ss_flow slat_flow.20000; do
    case " $CASES " in *" $c "*) ;; *) continue;; esac
    ORT_ENABLE_ATTENTION_KERNEL_DEBUG_INFO=1 node_step 60 "kernel-$c" bench/gpu/xl.ts "$XL" "$c" float16 1
    grep -ao 'SdpaKernel=[A-Z_]*' "$LOGS/kernel-$c.log" | sort | uniq -c
    ORT_DISABLE_FLASH_ATTENTION=1 ORT_ENABLE_CUDNN_FLASH_ATTENTION=0 node_step 90 "noflash-$c" bench/gpu/xl.ts "$XL" "$c" float16 8; show "noflash-$c"
    ORT_DISABLE_FLASH_ATTENTION=1 ORT_ENABLE_CUDNN_FLASH_ATTENTION=1 node_step 90 "cudnn-$c" bench/gpu/xl.ts "$XL" "$c" float16 12; show "cudnn-$c"
    ORT_ENABLE_CUDNN_FLASH_ATTENTION=0 node_step 90 "flash-$c" bench/gpu/xl.ts "$XL" "$c" float16 12; show "flash-$c"
    GPU_OPTIONS='{"arena_extend_strategy":"kSameAsRequested"}' node_step 90 "arena-$c" bench/gpu/xl.ts "$XL" "$c" float16 12; show "arena-$c"
    GPU_OPTIONS='{"use_ep_level_unified_stream":"1"}' node_step 90 "stream-$c" bench/gpu/xl.ts "$XL" "$c" float16 12; show "stream-$c"
  done
  exact node_step 90 notf32-slat_dec_mesh bench/gpu/xl.ts "$XL" slat_dec_mesh float16 5; show notf32-slat_dec_mesh
  GPU_OPTIONS='{"cudnn_conv_algo_search":"HEURISTIC"}' node_step 90 heuristic-ss_dec bench/gpu/xl.ts "$XL" ss_dec float16 5; show heuristic-ss_dec
}
do_reference() { step 240 reference "$PYTHON" bench/gpu/reference.py time "$XL" "$LOGS/reference.json"; cut -c1-420 "$LOGS/reference.log"; }
do_profile() {
  local c p="$LOGS/profile"
  for c in ${PROFILE_CASES:-ss_flow slat_flow.5000 slat_flow.20000 ss_dec slat_dec_mesh slat_dec_gs}; do
    CUDA_LAUNCH_BLOCKING=1 GPU_PROFILE="$p-$c" node_step 120 "profiled-$c" bench/gpu/xl.ts "$XL" "$c" float16 3
  done
  step 120 profile python3 bench/gpu/profile.py "$LOGS/profile.json" $(ls "$p"-*.json 2>/dev/null); cut -c1-170 "$LOGS/profile.log" | head -n 120
  # Which nodes the provider did not take, and the copies that were put in for them.
  GPU_LOG=1 node_step 60 placed-ss_flow bench/gpu/xl.ts "$XL" ss_flow float16 1; grep -aiE 'memcpy|placed|fallback|CPUExecutionProvider' "$LOGS/placed-ss_flow.log" | sort | uniq -c | sort -rn | head -n 12 | cut -c1-240
}
# Every kernel and copy with its times on the card, by the library that stage.sh builds of trace.cpp.
do_kernels() {
  local c
  for c in ${KERNEL_CASES:-ss_flow slat_flow.5000 slat_flow.20000 ss_dec slat_dec_mesh slat_dec_gs}; do
    CUDA_INJECTION64_PATH="$ESP/ort/libtrace.so" GPU_TRACE="$LOGS/kernels-$c.csv" GPU_RUNS=4 \
      step 60 "kernels-$c" node --import tsx bench/gpu/xl.ts "$XL" "$c" float16
  done
  step 60 kernels python3 bench/gpu/kernels.py "$LOGS/kernels.json" $(ls "$LOGS"/kernels-*.csv); cut -c1-150 "$LOGS/kernels.log"
}
do_job() {
  step "${JOB_LIMIT:-240}" job node services/cli/bin/espalier.mjs generate 'a wooden chair' --seed 1 --model "$XL/model" --out "$ESP/asset" --json
  cp "$ESP/asset/stats.json" "$LOGS/job-stats.json" 2>/dev/null; cp "$ESP"/asset/*/stats.json "$LOGS/job-stats.json" 2>/dev/null
  ls -la "$ESP/asset" 2>/dev/null; tail -c 1800 "$LOGS/job.log"
}
do_overlap() { node_step 200 overlap bench/gpu/overlap.ts "$XL/model" "${OVERLAP_JOBS:-4}"; show overlap | cut -c1-120; }
do_soak() { node_step "${SOAK_LIMIT:-300}" soak bench/gpu/soak.ts "$XL/model" "${SOAK_JOBS:-20}" "${SOAK_STEPS:-4}"; show soak | cut -c1-260; }
# A few jobs under each of some versions: every asset brings shapes that its predecessors did not have.
do_soaks() {
  local version here="$PWD"
  for version in ${SOAK_VERSIONS:-8-times 9-packed}; do
    cd "$ESP/history/$version" || continue
    node_step 120 "soaks-$version" bench/gpu/soak.ts "$XL/model" 6 4; show "soaks-$version" | cut -c1-260
  done
  cd "$here" || exit 1
  ORT_ENABLE_CUDNN_FLASH_ATTENTION=0 node_step 120 soaks-flash bench/gpu/soak.ts "$XL/model" 6 4; show soaks-flash | cut -c1-260
}
# Another process takes all of the card's memory but some gigabytes: once too few to open the model, once to run it.
do_oom() {
  local left
  for left in ${OOM_LEFT:-2 6}; do
    "$PYTHON" bench/gpu/hog.py "$left" >"$LOGS/hog-$left.log" 2>&1 & local hog=$!
    for _ in $(seq 60); do grep -q held "$LOGS/hog-$left.log" && break; sleep 0.5; done
    step 120 "oom-$left" node services/cli/bin/espalier.mjs generate 'a chair without memory' --seed "$left" --model "$XL/model" --out "$ESP/asset-oom" --json
    tail -n 8 "$LOGS/oom-$left.log" | cut -c1-700
    kill $hog 2>/dev/null; wait $hog 2>/dev/null
  done
}
# Plan D: the same graphs, by Python's onnxruntime.
do_python() {
  local c
  for c in ss_flow slat_flow.20000; do
    ESPALIER_DEVICE=cpu GPU_DUMP="$ESP/graphs/$c" node_step 200 "dump-$c" bench/gpu/xl.ts "$XL" "$c" float16 0
  done
  step 200 python "$PYTHON" bench/gpu/python_ort.py "$XL" "$ESP/graphs"; tail -n 20 "$LOGS/python.log"
}

for name in "$@"; do
  declare -F "do_$name" >/dev/null || { echo "$name is no step; steps: $(declare -F | sed -n 's/.* do_//p' | tr '\n' ' ')" >&2; exit 2; }
done
for name in "$@"; do
  if [ "$name" != unpack ] && [ -d "$ESP/repo" ]; then cd "$ESP/repo" || exit 1; fi
  if [ "$name" != unpack ] && [ -z "${PYTHON:-}" ]; then . bench/gpu/env.sh; fi
  echo "== $name ($(date +%T))"
  "do_$name"
  pack
done
