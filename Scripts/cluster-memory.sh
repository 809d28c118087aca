#!/usr/bin/env bash
# Measures what a rank holds on 1, 2 and 4 ranks: the optimizer's moments, and the most memory of the whole process.
#   cluster-memory.sh [RANKS ...]      1 2 4 where they are left out; all run on this machine
# BUILD names the folder with the commands, built with the trait MPI (default: a release build, made where it is
# missing). HIDDEN is the head's width (1024).
set -euo pipefail
cd "$(dirname "$0")/.."
command -v mpirun > /dev/null || {
    echo "cluster-memory: mpirun is not installed (apt-get install openmpi-bin)" >&2
    exit 1
}
source Scripts/cluster-example.sh
build="$(cluster_build)"
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
make_example "$build" "$work" "${HIDDEN:-1024}" 32
(($# > 0)) || set -- 1 2 4
# For more ranks than cores, as root and in containers: what Open MPI else refuses or warns of.
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 OMPI_MCA_rmaps_base_oversubscribe=1
export OMPI_MCA_hwloc_base_binding_policy=none OMPI_MCA_btl_vader_single_copy_mechanism=none
echo "ranks  moments of a rank, MB  most memory of a rank, MB"
for ranks; do
    # Ranks alike, so that what one holds is comparable: a thread each.
    mpirun -n "$ranks" "$build/falcon-train" --recipe "$work/recipe.toml" --output "$work/run" --threads 1 --quiet
    # The last step's line: before the last evaluation, which is rank 0's alone.
    tail -n 1 "$work/run/timeline.jsonl" | grep -oE '"(moment_bytes|peak_memory_bytes)":[0-9]+' |
        awk -F '[":]+' -v ranks="$ranks" '
            $2 == "moment_bytes" && $3 > moments { moments = $3 }
            $2 == "peak_memory_bytes" && $3 > peak { peak = $3 }
            END { printf "%5d  %21.1f  %24.1f\n", ranks, moments / 1e6, peak / 1e6 }'
    rm -rf "$work/run"
done
