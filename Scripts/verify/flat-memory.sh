#!/usr/bin/env bash
# Decodes 100,000 tokens in changing company and shows that memory does not grow with them: what dialogues share is
# kept, what only one of them needed goes with it.
#   flat-memory.sh [DIALOGUES [falcon-gen-data options, e.g. --batch 16]]
# Each dialogue is answered beside others that come and go, some 50 tokens each. Variables: generating.sh.
set -euo pipefail
count=2000 dataset=Datasets/quickstart-train.json
. "$(dirname "$0")/generating.sh"

"$command" --target "$target" --dataset "$dataset" --range "0:$count" --regenerate --batch 7 --quiet \
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
awk -v all="$count" '
    { tenth = int(10 * $1 / all); if (tenth > 9) tenth = 9; if ($2 > most[tenth]) most[tenth] = $2 }
    END {
        for (t = 0; t < 10; t++) {
            printf "up to %d dialogues: %.1f MB at most\n", all * (t + 1) / 10, most[t] / 1024
            if (t >= 1 && t < 5 && most[t] > before) before = most[t]
            if (t >= 5 && most[t] > behind) behind = most[t]
        }
        printf "second half / first half (its first fifth left out): %.3f\n", behind / before
        # The allocators of C and Swift come and go by a megabyte or two.
        exit behind > 1.03 * before + 2048
    }' "$work/memory" || { echo "flat-memory: memory grows" >&2; exit 1; }
