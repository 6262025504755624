#!/usr/bin/env bash
set -euo pipefail
sbatch <<'JOB'
#!/usr/bin/env bash
#SBATCH --job-name=pinpoint
#SBATCH --nodes=2
#SBATCH --ntasks-per-node=8
#SBATCH --gpus-per-node=8
#SBATCH --signal=TERM@120
#SBATCH --requeue
#SBATCH --open-mode=append
#SBATCH --output=pinpoint.log
#SBATCH --partition=gpu
#SBATCH --time=4:00
srun --kill-on-bad-exit=1 python -m experiments.train_embedder --config=train_embedder --workdir=/mnt/shared/runs/e --config.stores.photo=/mnt/shared/photos/store '--config.model.sources=('"'"'photo'"'"',)' --config.distributed.coordinator=auto
JOB
