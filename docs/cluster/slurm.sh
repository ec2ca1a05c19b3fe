#!/usr/bin/env bash
# An evaluation on four machines of a SLURM cluster, four GPUs each: sbatch slurm.sh
#SBATCH --job-name=unseen
#SBATCH --nodes=4
#SBATCH --ntasks-per-node=1
#SBATCH --cpus-per-task=16
#SBATCH --gpus-per-node=4
#SBATCH --time=24:00:00
#SBATCH --requeue
# A job that is requeued runs this file again, which goes on where it was.
set -euo pipefail
export RAY_USAGE_STATS_ENABLED=0

mapfile -t nodes < <(scontrol show hostnames "$SLURM_JOB_NODELIST")
address=$(srun --nodes=1 --ntasks=1 --nodelist="${nodes[0]}" hostname --ip-address | awk '{print $1}'):6379

# The head, on the first machine; the workers, on the others.
srun --overlap --nodes=1 --ntasks=1 --nodelist="${nodes[0]}" \
  ray start --head --node-ip-address="${address%:*}" --port="${address#*:}" \
  --num-cpus="$SLURM_CPUS_PER_TASK" --num-gpus=4 --include-dashboard=false --disable-usage-stats --block &
until ray health-check --address "$address" 2> /dev/null; do sleep 2; done
if (( ${#nodes[@]} > 1 )); then
  srun --overlap --nodes=$(( ${#nodes[@]} - 1 )) --ntasks=$(( ${#nodes[@]} - 1 )) --exclude="${nodes[0]}" \
    ray start --address="$address" --num-cpus="$SLURM_CPUS_PER_TASK" --num-gpus=4 --block &
fi
sleep 30 # until they have joined; workers that come later find no work of their own

unseen evaluate --plan plan.toml --engine ray --address "$address" --gpus-per-worker 1 --workers 16 --out results
