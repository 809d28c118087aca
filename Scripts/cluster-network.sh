#!/usr/bin/env bash
# Compares a training step over slow networks with what falcon-bench plan says of it: each rank has a network namespace
# of its own, all are joined by a bridge, and each sends no more than 1, and then 10 Gbit/s (tc). Needs root.
#   cluster-network.sh [RANKS [ROUNDS]]      2 ranks and 5 rounds where they are left out
# A round measures the plan's pieces on all ranks at once and then some steps at each speed, so that what else the
# machine does meets both alike; medians are compared. Ends with 1 where the plan is off by more than a fifth.
# BUILD names the folder with a falcon-train built with the trait MPI, falcon-gen-data and falcon-bench (default: a
# release build, made where it is missing). HIDDEN and TOKENS are the head's width and the length of a sequence (1024,
# 32), GBITS the speeds ("1 10"), EXCHANGE what gradients cross the network in (float32).
set -euo pipefail
cd "$(dirname "$0")/.."
ranks="${1:-2}" rounds="${2:-5}" steps=8 batch=8
hidden="${HIDDEN:-1024}" tokens="${TOKENS:-32}" exchange="${EXCHANGE:-float32}"
read -r -a gbits <<< "${GBITS:-1 10}"
fail() { echo "cluster-network: $1" >&2; exit 1; }
for tool in ip tc mpirun unshare; do
    command -v "$tool" > /dev/null || fail "$tool is not installed (apt-get install iproute2 openmpi-bin util-linux)"
done
((EUID == 0)) || fail "network namespaces need root"
source Scripts/cluster-example.sh
build="$(cluster_build)"
work="$(mktemp -d)"
name="fn$$"
net=10.231.7
clean() {
    local rank
    # Whoever still runs in a namespace keeps it.
    for ((rank = 0; rank < ranks; rank++)); do
        ip netns pids "$name-$rank" 2> /dev/null | xargs -r kill -9 2> /dev/null || true
        ip netns del "$name-$rank" 2> /dev/null || true
        ip link del "$name$rank" 2> /dev/null || true
    done
    ip link del "$name" 2> /dev/null || true
    rm -rf "$work"
}
trap clean EXIT

# A namespace for each rank, and one more end of the bridge for mpirun itself.
ip link add "$name" type bridge || fail "this machine makes no bridges"
ip addr add "$net.254/24" dev "$name"
ip link set "$name" up
hosts=""
for ((rank = 0; rank < ranks; rank++)); do
    ip netns add "$name-$rank"
    ip link add "$name$rank" type veth peer name eth netns "$name-$rank"
    ip link set "$name$rank" master "$name" up
    ip -n "$name-$rank" addr add "$net.$((rank + 1))/24" dev eth
    ip -n "$name-$rank" link set eth up
    ip -n "$name-$rank" link set lo up
    hosts+="${hosts:+,}$net.$((rank + 1))"
done
limit() { # limit GBIT
    local rank
    for ((rank = 0; rank < ranks; rank++)); do
        ip netns exec "$name-$rank" tc qdisc replace dev eth root tbf rate "${1}gbit" burst 1mb latency 20ms
    done
}
# What mpirun takes for ssh: the host's last number is the namespace's; a name of its own makes it another machine.
cat > "$work/enter" << AGENT
#!/usr/bin/env bash
host="\$1" rank="\$((\${1##*.} - 1))"
shift
exec ip netns exec "$name-\$rank" unshare --uts sh -c "hostname $name-\$rank; \$*"
AGENT
chmod +x "$work/enter"

make_example "$build" "$work" "$hidden" "$tokens"
sed -i "s/^max_steps.*/max_steps = $steps/; s/^batch_size.*/batch_size = $batch/
    s/^gradient_exchange.*/gradient_exchange = \"$exchange\"/" "$work/recipe.toml"

threads=$(($(nproc) / ranks))
((threads > 0)) || threads=1
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
options=(
    -n "$ranks" -H "$hosts" --bind-to none --mca plm_rsh_agent "$work/enter"
    # TCP between all ranks, and on the limited link alone.
    --mca btl "tcp,self" --mca pml ob1 --mca btl_tcp_if_include "$net.0/24" --mca oob_tcp_if_include "$net.0/24"
)
plan() { # plan [options]
    "$build/falcon-bench" plan --target-config "$work/config.json" --dialogues 64 --tokens "$tokens" \
        --batch "$batch" --dtype bfloat16 --gradient-exchange "$exchange" --threads "$threads" --quiet "$@" > /dev/null
}
# numbers KEY < JSON: of each line, as planning writes it.
numbers() { sed -nE "s/^ *\"$1\" : ([0-9.eE+-]+),?$/\1/p"; }
median() { sort -g | awk '{ v[NR] = $1 } END { print NR % 2 ? v[(NR + 1) / 2] : (v[NR / 2] + v[NR / 2 + 1]) / 2 }'; }

for ((round = 0; round < rounds; round++)); do
    waits=()
    for ((rank = 0; rank < ranks; rank++)); do
        plan --json "$work/pieces-$round-$rank.json" & waits+=($!)
    done
    for process in "${waits[@]}"; do wait "$process"; done
    for gbit in "${gbits[@]}"; do
        limit "$gbit"
        mpirun "${options[@]}" "$build/falcon-train" --recipe "$work/recipe.toml" --output "$work/run" \
            --threads "$threads" --quiet
        # The first step touches its memory for the first time.
        sed 1d "$work/run/metrics.jsonl" | sed -E 's/.*"tokens":([0-9]+).*"tokens_per_second":([0-9.e+]+).*/\1 \2/' |
            awk '{ print $1 / $2 }' >> "$work/steps-$gbit"
        cat "$work/run/timeline.jsonl" >> "$work/timeline-$gbit"
        rm -rf "$work/run"
    done
done

pieces() { cat "$work"/pieces-*.json | numbers "$1"; }
part() { numbers "$1" < "$work/plan.json" | tail -n 1; } # of the last row: the one of all ranks
echo "$ranks ranks, a head of $(numbers parameters < "$work/pieces-0-0.json") values," \
    "$batch sequences of $tokens tokens a step, gradients in $exchange"
gflops="$(pieces gflops | median)" memory="$(pieces gigabytes_per_second | median)"
echo "medians of $rounds rounds: a rank reaches $gflops Gflop/s, $memory GB/s (measured on all ranks at once)"
status=0
for gbit in "${gbits[@]}"; do
    plan --gflops "$gflops" --memory "$memory" --network "$gbit" --ranks "$ranks" --json "$work/plan.json"
    measured="$(median < "$work/steps-$gbit")" planned="$(part seconds)"
    awk -v gbit="$gbit" -v measured="$measured" -v planned="$planned" 'BEGIN {
        printf "%2d Gbit/s: a step takes %.3f s, planned %.3f s: ", gbit, measured, planned
        printf "%+.0f %%\n", 100 * (planned / measured - 1)
        exit planned / measured > 1.2 || planned / measured < 0.8
    }' || status=1
    printf '  planned: computing %.3f, memory %.3f, network %.3f (and %.3f hidden)\n' "$(part compute_seconds)" \
        "$(part memory_seconds)" "$(part network_seconds)" "$(part hidden_network_seconds)"
    # Means of the steps that were timed part by part, over ranks.
    all=$((ranks * $(wc -l < "$work/timeline-$gbit")))
    grep -oE '"end":[^,]*,"number":[^,]*,"part":"[^"]*","start":[^}]*' "$work/timeline-$gbit" | tr -d '"' |
        awk -F '[:,]' -v all="$all" '{ sum[$6] += $2 - $8 } END {
            printf "  measured:"
            for (part in sum) printf " %s %.3f", part, sum[part] / all
            print ""
        }'
done
exit "$status"
