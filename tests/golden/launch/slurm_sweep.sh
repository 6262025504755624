#!/usr/bin/env bash
set -euo pipefail
sbatch <<'JOB'
#!/usr/bin/env bash
#SBATCH --job-name=pinpoint
#SBATCH --nodes=2
#SBATCH --ntasks-per-node=1
#SBATCH --signal=TERM@120
#SBATCH --requeue
#SBATCH --open-mode=append
#SBATCH --array=0-5%2
#SBATCH --output=pinpoint-%a.log
srun --kill-on-bad-exit=1 python -m experiments.sweep --config=train_embedder --workdir=/mnt/shared/runs/e --config.stores.photo=/mnt/shared/photos/store '--config.model.sources=('"'"'photo'"'"',)' --config.distributed.coordinator=auto --index="$SLURM_ARRAY_TASK_ID"
JOB
# When all items are done:
# python -m experiments.sweep --config=train_embedder --workdir=/mnt/shared/runs/e --config.stores.photo=/mnt/shared/photos/store '--config.model.sources=('"'"'photo'"'"',)' --config.distributed.coordinator=auto --collect
