#!/bin/bash
# Makes a worker of a fresh machine. What differs between deployments stands in /etc/espalier/machine.env.
set -euo pipefail
# shellcheck source=/dev/null
source /etc/espalier/machine.env

models=/var/lib/espalier/models
mkdir -p "$models"

# The first disk of the instance itself: fast, empty, gone with the machine.
instance_store() {
  lsblk --noheadings --nodeps --paths --output NAME,MODEL | awk '/Instance Storage/ { print $1; exit }'
}

mount_weights() {
  if [ "$WEIGHTS" != mirror ]; then
    mount --read-only LABEL=espalier-models "$models"
    return
  fi
  local disk
  disk=$(instance_store)
  if [ -n "$disk" ]; then
    mkfs.xfs -q -f "$disk"
    mount "$disk" "$models"
  fi
  # The image's own user writes there.
  chown 10001:10001 "$models"
}

# Fetched by the program that reads them, every file checked; what a snapshot holds already is not fetched again.
pull_weights() {
  [ "$WEIGHTS" = mirror ] || return 0
  docker run --rm --network host --env "AWS_REGION=$AWS_REGION" --env HF_HOME=/models --volume "$models:/models" \
    "$IMAGE" models pull "$MODEL" --from "$MODELS_URL"
}

# Images of one's own registry want a login; others are public.
pull() {
  case "$1" in
    *.dkr.ecr.*)
      aws ecr get-login-password --region "$AWS_REGION" | docker login --username AWS --password-stdin "${1%%/*}"
      ;;
  esac
  docker pull --quiet "$1"
}

command -v aws > /dev/null || dnf install --assumeyes --quiet awscli-2
# This is no member of an ECS cluster: only its drivers and its container runtime are wanted.
systemctl disable --now ecs 2> /dev/null || true
systemctl start docker

mount_weights
pull "$IMAGE"
pull_weights &
pulling=$!
pull "$COLLECTOR_IMAGE"
wait "$pulling"

systemctl daemon-reload
systemctl enable --now espalier-worker espalier-collector espalier-drain
