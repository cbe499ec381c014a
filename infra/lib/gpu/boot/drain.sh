#!/bin/bash
# Waits until Auto Scaling wants this machine gone, lets the worker save and hand back its job, then lets go.
set -euo pipefail
# shellcheck source=/dev/null
source /etc/espalier/machine.env

metadata=${METADATA:-http://169.254.169.254}/latest

look() {
  local token
  token=$(curl -sSf -m 2 -X PUT "$metadata/api/token" -H 'X-aws-ec2-metadata-token-ttl-seconds: 60')
  curl -sSf -m 2 -H "X-aws-ec2-metadata-token: $token" "$metadata/meta-data/$1"
}

# InService, Terminated, ...: where Auto Scaling wants this machine to be.
until [ "$(look autoscaling/target-lifecycle-state || true)" = Terminated ]; do
  sleep "${DRAIN_EVERY_SECONDS:-5}"
done

# SIGTERM: the worker ends between two steps, with everything saved and its message back in the queue.
systemctl stop espalier-worker

aws autoscaling complete-lifecycle-action --region "$AWS_REGION" \
  --lifecycle-hook-name "$LIFECYCLE_HOOK" --auto-scaling-group-name "$AUTO_SCALING_GROUP" \
  --lifecycle-action-result CONTINUE --instance-id "$(look instance-id)"
