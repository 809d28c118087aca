#!/usr/bin/env bash
# Decodes 100,000 tokens in changing company and shows how memory goes with them. Beginnings that were met twice are
# kept up to 256 MiB, so it is flat once those are full.
#   flat-memory.sh [DIALOGUES [falcon-gen-data options, e.g. --batch 16]]
# Each dialogue is answered beside others that come and go, some 50 tokens each. TARGET and DATASET decide what is run
# (default: what comes with the repository), BUILD the folder with the command (default: the release build's).
set -euo pipefail
cd "$(dirname "$0")/.."
dialogues="${1:-2000}"
shift || true
target="${TARGET:-Checkpoints/target}"
dataset="${DATASET:-Datasets/quickstart-train.json}"
command="${BUILD:-$(swift build -c release --show-bin-path)}/falcon-gen-data"
[[ -x "$command" ]] || { echo "flat-memory: build first: swift build -c release" >&2; exit 1; }

work="$(mktemp -d)"
process=
trap '[[ -z "$process" ]] || kill "$process" 2> /dev/null || true; rm -rf "$work"' EXIT
"$command" --target "$target" --dataset "$dataset" --range "0:$dialogues" --regenerate --batch 7 --quiet \
    --conversations-per-shard 50 --output "$work/shards" --json "$work/report.json" "$@" > "$work/report" &
process=$!
# Dialogues answered so far, and memory that is the process's own, in KiB.
while kill -0 "$process" 2> /dev/null; do
    memory="$(awk '/^RssAnon/ { print $2 }' "/proc/$process/status" 2> /dev/null || true)"
    answered="$({ cat "$work/shards"/*.regenerated.jsonl 2> /dev/null || true; } | wc -l)"
    [[ -n "$memory" ]] && echo "$answered $memory" >> "$work/memory"
    sleep 0.2
done
wait "$process"
grep answers "$work/report"
awk -v all="$dialogues" '
    { tenth = int(10 * $1 / all); if (tenth > 9) tenth = 9; if ($2 > most[tenth]) most[tenth] = $2 }
    END {
        for (t = 0; t < 10; t++) {
            printf "up to %d dialogues: %.1f MB at most\n", all * (t + 1) / 10, most[t] / 1024
            if (t >= 1 && t < 5 && most[t] > before) before = most[t]
            if (t >= 5 && most[t] > behind) behind = most[t]
        }
        printf "second half / first half (its first fifth left out): %.3f\n", behind / before
        exit behind > 1.03 * before
    }' "$work/memory" || { echo "flat-memory: memory grows" >&2; exit 1; }
