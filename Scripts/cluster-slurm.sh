#!/usr/bin/env bash
# Submits Recipes/slurm/train-srun.sbatch to a Slurm of this one machine, two ranks by srun --mpi=pmix, and compares the
# checkpoint with that of one process. Needs root, apt-get install slurm-wlm openmpi-bin, and no other Slurm running.
# BUILD names the folder with a falcon-train built with the trait MPI, and falcon-gen-data (default: a release build,
# made where it is missing).
set -euo pipefail
cd "$(dirname "$0")/.."
fail() { echo "cluster-slurm: $1" >&2; exit 1; }
for tool in slurmctld slurmd sbatch srun mpirun; do
    command -v "$tool" > /dev/null || fail "$tool is not installed (apt-get install slurm-wlm openmpi-bin)"
done
((EUID == 0)) || fail "Slurm's daemons need root to start other users' jobs"
if [[ -z "${BUILD:-}" ]]; then
    for product in falcon-train falcon-gen-data; do
        swift build -c release --scratch-path .build-mpi --traits MPI --product "$product"
    done
    BUILD="$(swift build -c release --scratch-path .build-mpi --show-bin-path)"
fi
build="$(realpath "$BUILD")"
work="$(mktemp -d)"
daemons=()
clean() {
    ((${#daemons[@]} == 0)) || kill "${daemons[@]}" 2> /dev/null || true
    wait 2> /dev/null || true
    rm -rf "$work"
}
trap clean EXIT

host="$(hostname -s)"
mkdir "$work/state" "$work/spool"
cat > "$work/slurm.conf" << CONF
ClusterName=one
SlurmctldHost=$host(127.0.0.1)
SlurmctldPort=16817
SlurmdPort=16818
SlurmUser=root
AuthType=auth/none
CredType=cred/none
ProctrackType=proctrack/linuxproc
TaskPlugin=task/affinity
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
StateSaveLocation=$work/state
SlurmdSpoolDir=$work/spool
SlurmctldPidFile=$work/slurmctld.pid
SlurmdPidFile=$work/slurmd.pid
ReturnToService=2
SlurmdParameters=config_overrides
NodeName=$host NodeAddr=127.0.0.1 CPUs=2 RealMemory=4000 State=UNKNOWN
PartitionName=all Nodes=$host Default=YES State=UP
CONF
export SLURM_CONF="$work/slurm.conf"
slurmctld -D > "$work/slurmctld.log" 2>&1 & daemons+=($!)
slurmd -D > "$work/slurmd.log" 2>&1 & daemons+=($!)
for ((second = 0; second < 30; second++)); do
    [[ "$(sinfo -h -o %T 2> /dev/null || true)" != idle ]] || break
    sleep 1
done
[[ "$(sinfo -h -o %T 2> /dev/null || true)" == idle ]] || {
    tail -n 5 "$work/slurmctld.log" "$work/slurmd.log" >&2
    fail "the node does not get ready"
}
srun --mpi=list 2>&1 | tr '\n' ' ' && echo

"$build/falcon-gen-data" --dataset Datasets/quickstart-train.json --target Checkpoints/target \
    --output "$work/features" --range 0:48 --max-length 64 --quiet > /dev/null
cat > "$work/recipe.toml" << TOML
[data]
max_length = 64
validation_fraction = 0.1
[training]
epochs = 100
max_steps = 10
[evaluation]
every_steps = 0
dialogues = 1
sequences = 4
TOML
# The file as it is, but for the four paths that it asks to change, and for smaller machines.
sed -E "s|^RECIPE=.*|RECIPE=$work/recipe.toml|; s|^TARGET=.*|TARGET=$PWD/Checkpoints/target|
    s|^FEATURES=.*|FEATURES=$work/features|; s|^RUN=.*|RUN=$work/run|" Recipes/slurm/train-srun.sbatch > "$work/job"
export PATH="$build:$PATH"
# As root, and without the kernel's short cut between processes, which containers forbid.
export OMPI_MCA_btl_vader_single_copy_mechanism=none
timeout 300 sbatch --wait --nodes=1 --ntasks-per-node=2 --cpus-per-task=1 --mem=0 --output="$work/log" "$work/job" || {
    cat "$work/log" >&2
    fail "the job failed"
}
"$build/falcon-train" --recipe "$work/recipe.toml" --set target.path="$PWD/Checkpoints/target" \
    --set data.shards="$work/features" --set training.slices=8 --output "$work/one" --quiet
digest() { (cd "$work/$1/step-000010" && sha256sum -- *.safetensors) | sha256sum | cut -c 1-16; }
[[ "$(digest run)" == "$(digest one)" ]] || fail "the checkpoints differ"
grep -h "finished" "$work/log" | sed 's|.*/||' || true
echo "two ranks by srun --mpi=pmix left step-000010 = $(digest run), as one process does"
