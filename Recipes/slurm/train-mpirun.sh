#!/usr/bin/env bash
# Trains one draft head on machines without a scheduler, started by Open MPI's mpirun from any of them.
#   train-mpirun.sh HOSTFILE RANKS        e.g. Recipes/slurm/hosts.example 4
# The machines reach each other by ssh without a password, and all have the same falcon-train, recipe, target, features
# and run's folder under the same paths. Change RECIPE, TARGET, FEATURES and RUN.
set -euo pipefail
hostfile="$1" ranks="$2"

RECIPE=Recipes/glance.toml
TARGET=Models/target
FEATURES=Features
RUN=Checkpoints/llama-draft

options=(
    # Machines, and how many ranks each takes.
    --hostfile "$hostfile"
    # 1, 2, 4, 8, ...
    -n "$ranks"
    # A rank to a machine after the other; its threads are one for each core of the machine.
    --map-by node --bind-to none
    # How long the ranks have to save a checkpoint when mpirun is told to end (SIGTERM, Ctrl-C). mpirun waits for as
    # long as this in any case; to be quicker, send SIGTERM to any one of the ranks.
    --mca odls_base_sigkill_timeout 120
    # The network between the machines, where they have several, by its interface: a wrong choice looks like a hang.
    # --mca btl_tcp_if_include eth0
)
exec mpirun "${options[@]}" falcon-train --recipe "$RECIPE" --set target.path="$TARGET" \
    --set data.shards="$FEATURES" --output "$RUN" --resume
