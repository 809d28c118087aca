#!/usr/bin/env bash
# Feeds damaged and hostile inputs to every reader of files: first made from seeds by number, with the system's limits
# on memory and time, then by libFuzzer, which keeps what reaches new code. Ends with 1 where any reader crashed, took
# more than a second, or more memory than 4 times its input and 64 MiB.
#   fuzz.sh [INPUTS=1000000] [READER ...]      readers: falcon-fuzz --help; all of them where none is named
# What a reader has passed is noted in .build/fuzz/done, so that a run that was stopped goes on behind it; remove that
# folder to begin anew. Found inputs lie in .build/fuzz/found/READER. SEED (default 1) makes other inputs.
set -euo pipefail
cd "$(dirname "$0")/.."
inputs="${1:-1000000}"
shift || true
seed="${SEED:-1}"
folder="$PWD/.build/fuzz"
mkdir -p "$folder/done" "$folder/found"

swift build -c release --product falcon-fuzz
plain="$(swift build -c release --show-bin-path)/falcon-fuzz"
# A build of its own: the compiler notes in it which code an input reaches.
engine=
options=(-c release --scratch-path "$folder/build" --sanitize fuzzer -Xcc -DFALCON_FUZZ_ENGINE)
if swift build "${options[@]}" --product falcon-fuzz > "$folder/build.log" 2>&1; then
    engine="$(swift build "${options[@]}" --show-bin-path)/falcon-fuzz"
else
    echo "fuzz: this toolchain has no libFuzzer ($folder/build.log); all inputs are made from seeds"
fi

readers=("$@")
[[ ${#readers[@]} -gt 0 ]] || read -r -a readers <<< "$("$plain" --list)"
failed=0
for reader in "${readers[@]}"; do
    note="$folder/done/$reader-$inputs-$seed"
    if [[ ! -s "$note" ]]; then
        by_number=$((inputs / 2)) status=0
        [[ -n "$engine" ]] || by_number=$inputs
        "$plain" "$reader" --inputs "$by_number" --seed "$seed" --corpus "$folder/found" --save "$folder/found" \
            > "$folder/record" || status=$?
        if [[ "$status" == 0 && -n "$engine" ]]; then
            mkdir -p "$folder/crashes"
            "$engine" "$reader" --engine "$folder/corpus" --engine-options "-runs=$((inputs - by_number)) -seed=$seed \
-timeout=1 -malloc_limit_mb=65 -rss_limit_mb=400 -max_len=65536 -artifact_prefix=$folder/found/$reader- \
-verbosity=0 -print_final_stats=0" >> "$folder/record" 2> "$folder/log" || status=$?
        fi
        if [[ "$status" != 0 ]]; then
            cat "$folder/record"
            tail -20 "$folder/log" 2> /dev/null || true
            failed=1
            continue
        fi
        mv "$folder/record" "$note"
    fi
    cat "$note"
done
[[ "$failed" == 0 ]] || { echo "fuzz: some readers did what they must not; see above" >&2; exit 1; }
cat "$folder"/done/*-"$inputs-$seed" | awk '{ all += $2; faults += $(NF - 1) } END { print "all: " all " inputs, " faults " faults" }'
