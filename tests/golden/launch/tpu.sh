#!/usr/bin/env bash
# pinpoint on v5litepod-16 in us-west4-a. Run it in the root of a checkout.
set -euo pipefail
gcloud_tpu() { local verb=$1; shift
  gcloud compute tpus tpu-vm "$verb" "$@" --zone=us-west4-a; }
on_all() { gcloud_tpu ssh "$1" --worker=all --command="$2"; }

create() {
  gcloud_tpu create "$1" --accelerator-type=v5litepod-16 \
    --version=v2-alpha-tpuv5-lite
}
install() {
  git archive --format=tar.gz --output="$1.tar.gz" HEAD
  gcloud_tpu scp "$1.tar.gz" "$1": --worker=all
  on_all "$1" "set -e
    sudo apt-get install -y -q nfs-common
    sudo mkdir -p /mnt/shared
    mountpoint -q /mnt/shared || sudo mount -t nfs 10.0.0.2:/share /mnt/shared
    mkdir -p pinpoint_jax && tar -xzf $1.tar.gz -C pinpoint_jax
    cd pinpoint_jax
    python3 -m pip install --quiet --user uv
    ~/.local/bin/uv venv --quiet --clear --python=3.12 .venv
    ~/.local/bin/uv pip install --quiet --python=.venv/bin/python \
      -r requirements.txt '.[tpu]'"
}
run() {
  on_all "$1" "cd pinpoint_jax && .venv/bin/python -m experiments.train_embedder --config=train_embedder --workdir=/mnt/shared/runs/e --config.stores.photo=/mnt/shared/photos/store '--config.model.sources=('\"'\"'photo'\"'\"',)' --config.distributed.coordinator=auto"
}
collect() {
  gcloud_tpu ssh "$1" --worker=0 --command="tar \
    -czf collected.tar.gz --exclude=checkpoints --exclude=best -C /mnt/shared/runs/e ."
  gcloud_tpu scp "$1":collected.tar.gz pinpoint.tar.gz --worker=0
}
delete() {
  gcloud_tpu delete "$1" --quiet
}

trap 'delete pinpoint' EXIT
create pinpoint
install pinpoint
run pinpoint
collect pinpoint
