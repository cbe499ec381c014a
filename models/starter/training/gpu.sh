#!/usr/bin/env bash
# One GPU call: bash gpu.sh PHASE MINUTES   (phases: decoders, flows, more, focus, refine, pack)
# Resumable: state lives in out/ beside this script, or comes from resume/ (packed files of an earlier run).
# What is worth keeping goes to $OUT: weights (float16, under 16 MiB a file), loss curves, samples, evaluation, log.
set -uo pipefail
phase=${1:?phase} minutes=${2:?minutes}
cd "$(dirname "$0")"
results=${OUT:-out/results}
work=${WORK:-out}
extra=${EXTRA:-}
mkdir -p "$results" "$work"
export PYTHONUNBUFFERED=1 OMP_NUM_THREADS=${OMP_NUM_THREADS:-4}
[ -d resume ] && unpack="--unpack resume" || unpack=""
calc() { python3 -c "print(round($1, 3))"; }
python=${PYTHON:-python3}

finish() {
  "$python" pack.py --out "$work" --results "$results" $SIZE
  cp "$work/curves.csv" "$results/curves.csv" 2>/dev/null
}
SIZE="--size ${STARTER_SIZE:-starter}"
{
  date
  nvidia-smi --query-gpu=name,memory.total --format=csv,noheader 2>/dev/null
  case "$phase" in
    decoders)
      "$python" train.py decoders --minutes "$(calc "$minutes - 0.5")" --out "$work" $SIZE $unpack $extra ;;
    flows)
      "$python" train.py flows --minutes "$(calc "$minutes - 0.9")" --flow-flat 0.85 --out "$work" $SIZE $unpack $extra ;;
    more)
      # A second, shorter schedule from the averaged weights, then the evaluation.
      "$python" train.py flows --minutes "$(calc "$minutes - 1.4")" --lr-flow 8e-4 --flow-flat 0.25 --out "$work" $SIZE $unpack $extra ;;
    focus)
      # Goes on from the committed weights where no run is at hand, on new objects drawn for what the evaluation found
      # weakest; with a lower rate than `more`: the weights are annealed twice already.
      if [ -z "$unpack" ] && [ ! -e "$work/state/flows.pt" ]; then
        "$python" resume_packs.py --target "$work/resume" && unpack="--unpack $work/resume"
      fi
      "$python" train.py flows --minutes "$(calc "$minutes - ${RESERVE:-2}")" --focus --seed 31 --lr-flow 6e-4 \
        --flow-flat 0.3 --out "$work" $SIZE $unpack $extra ;;
    refine)
      # The decoders alone go on; the flows' latents stay what they are. MERGE: the folder of a training of the flows
      # beside this one (on a second GPU, say), which takes over the better decoders.
      "$python" train.py mesh gaussian --minutes "$(calc "$minutes - 0.4")" --objects 12000 --out "$work" $SIZE $unpack $extra
      [ -z "${MERGE:-}" ] || cp "$work"/state/{mesh,gaussian}.pt "$MERGE/state/" ;;
    pack) ;;
    *) echo "unknown phase $phase"; exit 2 ;;
  esac
  finish
  if [ "$phase" = refine ]; then
    "$python" reconstruct.py --out "$work" $SIZE --report "$results/reconstruction.txt" --sheet "$results/samples.png" ${EVAL_EXTRA:-}
  elif [ "$phase" != decoders ]; then
    [ "$phase" != focus ] ||
      "$python" evaluate_parts.py --out "$work" $SIZE --report "$results/parts.txt" ${PARTS_EXTRA:-}
    "$python" evaluate.py --out "$work" $SIZE --seconds "${EVAL_SECONDS:-25}" --report "$results/evaluation.txt" \
      --sheet "$results/samples.png" ${EVAL_EXTRA:-}
  else
    "$python" reconstruct.py --out "$work" $SIZE --report "$results/reconstruction.txt" --sheet "$results/samples.png" ${EVAL_EXTRA:-}
    "$python" contact_sheet.py "$results/contact-sheet-generator.png" --size 104 --seed 8 ${SHEET_EXTRA:-}
    # The evaluation's reference objects are quick here and slow on a CPU.
    "$python" make_eval.py --target "$work/eval" ${EVAL_DATA_EXTRA:-} && tar -czf "$results/eval.tar.gz" -C "$work/eval" .
  fi
  date
} 2>&1 | tee "$results/log.txt"
