#!/usr/bin/env bash
# Feeds damaged and hostile inputs to every reader of files and ends with 1 where one crashed, computed for more than a
# second, or took more memory than 4 times its input and 64 MiB.
#   fuzz.sh [INPUTS=1000000] [READER ...]      readers: falcon-fuzz --list; all of them where none is named
# What a reader has passed is noted in .build/fuzz/done, so that a run that was stopped goes on behind it; remove that
# folder to begin anew. Found inputs lie in .build/fuzz/found/READER. SEED (default 1) makes other inputs, SECONDS_LEFT
# ends the run after the reader that is then at hand.
set -euo pipefail
cd "$(dirname "$0")/.."
inputs="${1:-1000000}"
shift || true
seed="${SEED:-1}"
folder="$PWD/.build/fuzz"
mkdir -p "$folder/done" "$folder/found"
fuzz="${BUILD:-$(swift build -c release --show-bin-path)}/falcon-fuzz"
[[ -x "$fuzz" ]] || { echo "fuzz: build first: swift build -c release" >&2; exit 1; }

readers=("$@")
[[ ${#readers[@]} -gt 0 ]] || read -r -a readers <<< "$("$fuzz" --list)"
failed=0 left=0
for reader in "${readers[@]}"; do
    note="$folder/done/$reader-$inputs-$seed"
    if [[ ! -s "$note" ]]; then
        if [[ -n "${SECONDS_LEFT:-}" ]] && ((SECONDS >= SECONDS_LEFT)); then
            ((left += 1))
            continue
        fi
        "$fuzz" "$reader" --inputs "$inputs" --seed "$seed" --save "$folder/found" > "$folder/record" || {
            cat "$folder/record"
            failed=1
            continue
        }
        mv "$folder/record" "$note"
    fi
    cat "$note"
done
[[ "$failed" == 0 ]] || { echo "fuzz: some readers did what they must not; see above" >&2; exit 1; }
cat "$folder"/done/*-"$inputs-$seed" |
    awk '{ all += $2; faults += $(NF - 1) } END { print NR " readers: " all " inputs, " faults " faults" }'
[[ "$left" == 0 ]] || echo "fuzz: $left readers are left; run it again to go on"
