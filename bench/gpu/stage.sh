#!/usr/bin/env bash
# Packs the sources of the last commit, without weights, for a machine that only gets what is carried to it:
# .stage/s/src.tar.xz. A checkout that somebody is editing is no base for a measurement.
set -eu
cd "$(git rev-parse --show-toplevel)"
mkdir -p .stage/s
git archive --format=tar HEAD packages services bench models package.json tsconfig.json ':(exclude)*.safetensors' \
  ':(exclude)*.png' ':(exclude)models/starter/eval' ':(exclude)packages/trellis/test/goldens/cases' | xz -T1 -6 >.stage/s/src.tar.xz
git rev-parse HEAD >.stage/s/commit
ls -la .stage/s
