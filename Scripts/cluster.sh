#!/usr/bin/env bash
# Shows that a head trained by mpirun on 1, 2 and 4 ranks is the same to the last bit, in float32 and bfloat16, with
# and without glancing, and with gradients exchanged in bfloat16; then kills a random rank at random moments, goes on
# with another number of ranks, and compares.
#   cluster.sh [STEPS [KILLS]]      50 steps and 10 kills where they are left out
# BUILD names the folder with a falcon-train built with the trait MPI, and falcon-gen-data (default: a release build,
# made where it is missing). SEED decides the moments (default 1).
set -euo pipefail
cd "$(dirname "$0")/.."
steps="${1:-50}" kills="${2:-10}"
command -v mpirun > /dev/null || { echo "cluster: mpirun is not installed (apt-get install openmpi-bin)" >&2; exit 1; }
if [[ -z "${BUILD:-}" ]]; then
    for product in falcon-train falcon-gen-data; do
        swift build -c release --scratch-path .build-mpi --traits MPI --product "$product"
    done
    BUILD="$(swift build -c release --scratch-path .build-mpi --show-bin-path)"
fi
build="$(realpath "$BUILD")"
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
# For more ranks than cores, as root and in containers: what Open MPI else refuses or warns of.
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 OMPI_MCA_rmaps_base_oversubscribe=1
export OMPI_MCA_hwloc_base_binding_policy=none OMPI_MCA_btl_vader_single_copy_mechanism=none
shared=(--dataset Datasets/quickstart-train.json --target Checkpoints/target)
"$build/falcon-gen-data" "${shared[@]}" --output "$work/features" --range 0:96 --max-length 64 --quiet > /dev/null

cat > "$work/recipe.toml" << TOML
[target]
path = "$PWD/Checkpoints/target"
[data]
shards = "$work/features"
max_length = 64
validation_fraction = 0.1
[draft]
dropout = 0.1
[optimizer]
learning_rate = 2e-3
[schedule]
warmup_steps = 5
[training]
epochs = 1000
max_steps = $steps
checkpoint_every_steps = $(((steps + 4) / 5))
[evaluation]
every_steps = $(((steps + 1) / 2))
dialogues = 2
sequences = 8
TOML

train() { # train RANKS RUN [options]
    local ranks="$1" run="$2"
    shift 2
    exec mpirun -n "$ranks" "$build/falcon-train" --recipe "$work/recipe.toml" --output "$work/$run" --quiet "$@"
}
last="$(printf 'step-%06d' "$steps")"
digest() { (cd "$work/$1/$last" && sha256sum -- *) | sha256sum | cut -c 1-16; }
expect() { # expect RUN DIGEST WHAT
    [[ "$(digest "$1")" == "$2" ]] || { echo "cluster: $3 differs" >&2; exit 1; }
}

for settings in "float32 true float32" "float32 false float32" "bfloat16 true float32" "bfloat16 false float32" \
    "float32 true bfloat16"; do
    read -r precision glance exchange <<< "$settings"
    options=(
        --set "training.precision=$precision" --set "glance.enabled=$glance"
        --set "training.gradient_exchange=$exchange"
    )
    # One process, no mpirun, the same slices.
    "$build/falcon-train" --recipe "$work/recipe.toml" --output "$work/one-$precision-$glance-$exchange" --quiet \
        --set training.slices=8 "${options[@]}"
    expected="$(digest "one-$precision-$glance-$exchange")"
    for ranks in 1 2 4; do
        run="$ranks-$precision-$glance-$exchange"
        (train "$ranks" "$run" "${options[@]}")
        expect "$run" "$expected" "$precision, glancing $glance, gradients $exchange, $ranks ranks"
        rm -rf "${work:?}/$run"
    done
    echo "$precision, glancing $glance, gradients $exchange: $last = $expected on 1, 2 and 4 ranks and without mpirun"
done

# The rank's process: a child of mpirun that was told its number.
process_of() { # process_of MPIRUN RANK
    local child
    for child in $(cat /proc/"$1"/task/*/children 2> /dev/null); do
        if tr '\0' '\n' 2> /dev/null < "/proc/$child/environ" | grep -qx "OMPI_COMM_WORLD_RANK=$2"; then
            echo "$child"
        fi
    done
}
RANDOM="${SEED:-1}"
expected="$(digest one-float32-true-float32)"
mkdir "$work/killed"
killed=0 tries=0
while ((killed < kills)); do
    ((tries += 1))
    if ((tries > 10 * kills)); then echo "cluster: runs end before they can be killed" >&2; exit 1; fi
    [[ ! -d "$work/killed/$last" ]] || rm -rf "$work/killed"
    ranks=$((2 << RANDOM % 2)) rank=0
    (train "$ranks" killed --resume) > "$work/log" 2>&1 &
    mpirun=$!
    rank=$((RANDOM % ranks))
    # Some start-up, and then any moment of some steps.
    sleep "$(awk -v r="$RANDOM" 'BEGIN { printf "%.3f", 1 + r / 32767 * 8 }')"
    process="$(process_of "$mpirun" "$rank")"
    began="$(date +%s%N)"
    if [[ -n "$process" ]] && kill -9 "$process" 2> /dev/null; then
        ((killed += 1))
        wait "$mpirun" 2> /dev/null || true
        took=$((($(date +%s%N) - began) / 1000000))
        line="$(grep -m 1 "rank $rank" "$work/log" || true)"
        echo "killed rank $rank of $ranks: all ended after $took ms: ${line:-without a word}"
        ((took < 10000)) || { echo "cluster: that is more than 10 s" >&2; exit 1; }
    fi
    wait "$mpirun" 2> /dev/null || true
done
(train 2 killed --resume)
expect killed "$expected" "the run that was killed"
echo "killed $killed times, on 2 and 4 ranks by chance: $last = $expected again"
