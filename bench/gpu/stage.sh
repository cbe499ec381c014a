#!/usr/bin/env bash
# Packs what a machine needs that has a GPU, CUDA's libraries and PyTorch, and gets nothing but what is carried to it.
#
#     bash bench/gpu/stage.sh [sources|runtime|provider|trace|goldens|all]...     sources unless named
#
# Lays them under .stage/ in parts of at most 55 MB, which may travel one after another: .stage/1 to .stage/3 once, and
# .stage/s with every call, as it is a few hundred kilobytes. README.md says in which order. Sources are those of the
# last commit: a checkout that somebody is editing is no base for a measurement. Network is needed for runtime and provider.
set -eu
cd "$(git rev-parse --show-toplevel)"
BINDING=node_modules/onnxruntime-node/bin/napi-v6/linux/x64
CACHE=.stage/cache
pack() { xz -T0 -6 >"$1.part" && mv "$1.part" "$1" && ls -la "$1"; }
source_tar() {
  git archive --format=tar "$@" packages services bench models package.json tsconfig.json ':(exclude)*.safetensors' \
    ':(exclude)*.png' ':(exclude)models/starter/eval' ':(exclude)packages/trellis/test/goldens/cases'
}

# With the versions of the graphs that are measured side by side, as far as this clone has them.
stage_sources() {
  mkdir -p .stage/s
  source_tar HEAD | pack .stage/s/src.tar.xz
  git rev-parse HEAD >.stage/s/commit
  rm -rf "$CACHE/history" && mkdir -p "$CACHE/history"
  grep -v '^#' bench/gpu/versions.txt | while read -r name commit _; do
    if git cat-file -e "$commit^{commit}" 2>/dev/null; then
      mkdir "$CACHE/history/$name" && source_tar "$commit" | tar -x -C "$CACHE/history/$name"
    else
      echo "not in this clone: $name $commit"
    fi
  done
  tar -c -C "$CACHE" history | pack .stage/s/history.tar.xz
}

# Node itself, the packages that the product runs with, and ONNX Runtime as npm has it.
stage_runtime() {
  mkdir -p .stage/1 .stage/3 "$CACHE"
  pack .stage/1/node.xz <"$(command -v node)"
  rm -rf "$CACHE/npm" && mkdir -p "$CACHE/npm"
  git archive --format=tar HEAD package.json package-lock.json .npmrc ':(glob)*/*/package.json' ':(glob)*/package.json' |
    tar -x -C "$CACHE/npm"
  (cd "$CACHE/npm" && npm ci --omit=dev --ignore-scripts --no-audit --no-fund >npm.log 2>&1)
  tar -c -C "$CACHE/npm" --exclude='node_modules/@espalier' --exclude='*.map' --exclude='*.md' --exclude='*.d.ts' \
    --exclude='*.d.mts' --exclude='*.d.cts' --exclude='node_modules/onnxruntime-node/bin' --exclude='node_modules/onnxruntime-web' \
    --exclude='node_modules/@google' --exclude='node_modules/three' node_modules | pack .stage/1/node_modules.tar.xz
  cp "$BINDING/onnxruntime_binding.node" .stage/1/
  pack .stage/3/ortnode.so.xz <"$BINDING/libonnxruntime.so.1"
}

# The library that writes down what the card does, against the headers of CUDA's own package.
stage_trace() {
  mkdir -p .stage/s "$CACHE/cupti"
  python3 -m pip download -q --no-deps --only-binary=:all: --python-version 3.12 --platform manylinux_2_25_x86_64 \
    --platform manylinux2014_x86_64 -d "$CACHE/cupti" 'nvidia-cuda-cupti==13.0.*' 'nvidia-cuda-runtime==13.0.*' nvidia-cuda-crt
  (cd "$CACHE/cupti" && for wheel in *.whl; do unzip -qo "$wheel"; done)
  g++ -O1 -shared -fPIC -std=c++17 -I"$CACHE/cupti/nvidia/cu13/include" bench/gpu/trace.cpp -o .stage/s/libtrace.so \
    -L"$CACHE/cupti/nvidia/cu13/lib" -l:libcupti.so.13
}

# The CUDA provider and a core of the very same version, from PyPI: npm's package has no provider for this CUDA.
stage_provider() {
  mkdir -p .stage/1 .stage/2 .stage/3 "$CACHE"
  local version capi="$CACHE/onnxruntime/capi"
  version="$(node -p "require('onnxruntime-node/package.json').version")"
  python3 -m pip download -q --no-deps --only-binary=:all: --python-version 3.12 --platform manylinux_2_28_x86_64 \
    -d "$CACHE" "onnxruntime-gpu==$version"
  unzip -qo "$CACHE/onnxruntime_gpu-$version"-*.whl 'onnxruntime/capi/lib*' -d "$CACHE"
  cp "$capi/libonnxruntime_providers_shared.so" .stage/1/
  python3 bench/gpu/prune.py "$capi/libonnxruntime_providers_cuda.so" "$CACHE/provider.so"
  pack .stage/2/provider.so.xz <"$CACHE/provider.so"
  pack .stage/3/ortpip.so.xz <"$capi/libonnxruntime.so.$version"
}

# Reference data for `espalier parity`.
stage_goldens() {
  mkdir -p .stage/3
  tar -c -C packages/trellis/test goldens | pack .stage/3/goldens.tar.xz
}

for part in "${@:-sources}" ; do
  case "$part" in
    sources | runtime | provider | trace | goldens) "stage_$part" ;;
    all) stage_sources && stage_trace && stage_runtime && stage_provider && stage_goldens ;;
    *) echo "$part: sources, runtime, provider, trace, goldens or all" >&2 && exit 2 ;;
  esac
done
du -sh .stage/[123s]
