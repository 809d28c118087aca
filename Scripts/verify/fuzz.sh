#!/usr/bin/env bash
# Feeds damaged and hostile inputs to every reader of files and ends with 1 where one crashed, computed for more than a
# second, or took more memory than 4 times its input and 64 MiB.
#   fuzz.sh [INPUTS=1000000] [READER ...]      readers: falcon-fuzz --list; all of them where none is named
#   fuzz.sh engine [INPUTS=100000] [READER ...]     the same by libFuzzer under the address sanitizer: it keeps inputs
#       that reach new code and goes on from them; a build of its own, its corpus is kept in .build/fuzz/corpus
# What a reader has passed is noted in .build/fuzz/done, so that a run that was stopped goes on behind it; remove that
# folder to begin again. Found inputs lie in .build/fuzz/found/READER. SEED (default 1) makes other inputs, SECONDS_LEFT
# ends the run after the reader that it is then at work on.
set -euo pipefail
cd "$(dirname "$0")/../.."
engine=
[[ "${1:-}" != engine ]] || { engine=engine-; shift; }
inputs="${1:-$([[ -n "$engine" ]] && echo 100000 || echo 1000000)}"
shift || true
seed="${SEED:-1}"
folder="$PWD/.build/fuzz"
mkdir -p "$folder/done" "$folder/found" "$folder/corpus"
options=(-c release)
if [[ -n "$engine" ]]; then
    # Not --sanitize fuzzer: it brings libFuzzer's own main. The linker gold falls over the debug lines of such a build.
    coverage=edge,trace-cmp,indirect-calls,inline-8bit-counters,pc-table
    resources="$(swiftc -print-target-info | sed -n 's/.*"runtimeResourcePath": "\(.*\)".*/\1/p')"
    library="$resources/clang/lib/linux/libclang_rt.fuzzer_no_main-$(uname -m).a"
    [[ -f "$library" ]] || { echo "fuzz: this toolchain has no libFuzzer" >&2; exit 1; }
    options+=(--scratch-path "$folder/build" --sanitize address -Xcc -DFALCON_FUZZ_ENGINE -Xcc -fsanitize=fuzzer-no-link
        -Xswiftc "-sanitize-coverage=$coverage" -Xswiftc -use-ld=lld -Xlinker "$library" -Xlinker -lstdc++)
    [[ -n "${BUILD:-}" ]] || swift build "${options[@]}" --product falcon-fuzz
    export ASAN_OPTIONS=detect_leaks=0 SWIFT_BACKTRACE=enable=no
fi
fuzz="${BUILD:-$(swift build "${options[@]}" --show-bin-path)}/falcon-fuzz"
[[ -x "$fuzz" ]] || { echo "fuzz: build first: swift build -c release" >&2; exit 1; }

readers=("$@")
[[ ${#readers[@]} -gt 0 ]] || read -r -a readers <<< "$("$fuzz" --list)"
failed=0 left=0
for reader in "${readers[@]}"; do
    note="$folder/done/$engine$reader-$inputs-$seed"
    if [[ ! -s "$note" ]]; then
        if [[ -n "${SECONDS_LEFT:-}" ]] && ((SECONDS >= SECONDS_LEFT)); then
            ((left += 1))
            continue
        fi
        "$fuzz" "$reader" --inputs "$inputs" --seed "$seed" --save "$folder/found" \
            ${engine:+--engine "$folder/corpus"} > "$folder/record" 2> "$folder/log" || {
            cat "$folder/record"
            tail -30 "$folder/log"
            failed=1
            continue
        }
        # What libFuzzer counts: places in the code that were reached, and the inputs that it keeps for them.
        [[ -z "$engine" ]] ||
            sed -nE 's/^#[0-9]+\s+DONE +cov: ([0-9]+) .*corp: ([0-9]+).*/    \1 places, \2 inputs kept/p' \
                "$folder/log" >> "$folder/record"
        mv "$folder/record" "$note"
    fi
    cat "$note"
done
[[ "$failed" == 0 ]] || { echo "fuzz: some readers did what they must not; see above" >&2; exit 1; }
for reader in $("$fuzz" --list); do cat "$folder/done/$engine$reader-$inputs-$seed" 2> /dev/null || true; done |
    awk '/ inputs, / { count++; all += $2; faults += $(NF - 1) }
        END { print count " readers: " all " inputs, " faults " faults" }'
[[ "$left" == 0 ]] || echo "fuzz: $left readers are left; run it again to go on"
