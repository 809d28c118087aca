#!/usr/bin/env bash
# Decodes a million tokens in pieces: greedy ones beside plain decoding (Scripts/prove-lossless.sh), sampled ones, and
# two runs of very different length whose peaks of memory are compared. Ends with 1 where a token differs.
#
#   Scripts/long-decoding.sh --state FOLDER --target DIR --draft DIR [--draft DIR ...] [--questions FILE ...]
#       [--tokens 1000000] [--seconds N]
#
# Each finished piece is noted in the state's folder, so that a run that was stopped goes on behind it; with --seconds
# it stops by itself after the piece that is then at hand.
set -euo pipefail
here="$(cd "$(dirname "$0")" && pwd)"
source "$here/figures.sh"
stop() {
    echo "long-decoding: $1" >&2
    exit "${2:-1}"
}
state= target= wanted=1000000 seconds=
drafts=() questions=()
while [[ $# -gt 0 ]]; do
    [[ "$1" == --help ]] && { sed -n '2,/^set/p' "$0" | sed '$d;s/^# \{0,1\}//'; exit 0; }
    [[ $# -ge 2 ]] || stop "$1 needs a value" 64
    case "$1" in
        --state) state="$2" ;;
        --target) target="$2" ;;
        --draft) drafts+=("$2") ;;
        --questions) questions+=("$2") ;;
        --tokens) wanted="$2" ;;
        --seconds) seconds="$2" ;;
        *) stop "unknown option $1; see --help" 64 ;;
    esac
    shift 2
done
[[ -n "$state" && -n "$target" && ${#drafts[@]} -gt 0 ]] || stop "give --state, --target and --draft; see --help" 64
[[ ${#questions[@]} -gt 0 ]] || questions=(mt-bench humaneval gsm8k)
infer="$(command -v falcon-infer || true)"
[[ -n "$infer" ]] || infer="$here/../.build/release/falcon-infer"
[[ -x "$infer" ]] || stop "no falcon-infer; build it first: swift build -c release"
mkdir -p "$state"

# sampled DRAFT TREE TEMPERATURE SEED SET: prints "TOKENS tokens ..., PEAK MiB"
sampled() {
    "$infer" --target "$target" --draft "$1" --tree "$2" --temperature "$3" --top-p 0.95 --seed "$4" --dataset "$5" \
        --limit 60 --max-new-tokens 256 --quiet --json "$state/run.json" > /dev/null 2> "$state/log"
    local json
    json="$(cat "$state/run.json")"
    echo "$(basename "$1") $2, temperature $3, $(basename "$5"): $(figure "$json" generated_tokens) tokens," \
        "$(($(figure "$json" peak_memory_bytes) >> 20)) MiB"
}
# long DRAFT LIMIT SET
long() {
    "$infer" --target "$target" --draft "$1" --tree chain:4 --dataset "$3" --limit "$2" --max-new-tokens 512 --quiet \
        --json "$state/run.json" > /dev/null 2> "$state/log"
    local json
    json="$(cat "$state/run.json")"
    echo "one run, $2 dialogues of $(basename "$3"): $(figure "$json" generated_tokens) tokens," \
        "$(($(figure "$json" peak_memory_bytes) >> 20)) MiB"
}
piece() { # piece NAME COMMAND...: runs it once in all runs of this script
    local note="$state/$1.done" status=0
    shift
    [[ ! -s "$note" ]] || return 0
    "$@" > "$state/piece" 2> "$state/errors" || status=$?
    # A head made for another block size than a tree's is no piece.
    if [[ "$status" != 0 ]]; then
        grep -qE "is made for block size" "$state/errors" "$state/log" 2> /dev/null ||
            stop "$* failed: $(cat "$state/piece" "$state/errors")"
        echo "0 tokens: another block size" > "$state/piece"
    fi
    mv "$state/piece" "$note"
    tail -1 "$note"
    total
    ((tokens < wanted)) || finish
    [[ -z "$seconds" ]] || ((SECONDS < seconds)) || finish
}
total() {
    tokens="$(cat "$state"/greedy-*.done "$state"/sampled-*.done 2> /dev/null |
        sed -nE 's/^([0-9]+) tokens in .*/\1/p; s/.*: ([0-9]+) tokens, [0-9]+ MiB$/\1/p' | paste -sd+ | bc)"
    tokens="${tokens:-0}"
}
finish() {
    local greedy mismatched
    greedy="$(cat "$state"/greedy-*.done 2> /dev/null | sed -nE 's/^([0-9]+) tokens in .*/\1/p' | paste -sd+ | bc)"
    mismatched="$(cat "$state"/greedy-*.done 2> /dev/null |
        sed -nE 's/^[0-9]+ tokens in .* runs, ([0-9]+) of them mismatched.*/\1/p' | paste -sd+ | bc)"
    cat "$state"/long-*.done 2> /dev/null || true
    echo "$tokens tokens in all, ${greedy:-0} of them greedy, ${mismatched:-0} mismatched"
    ((tokens >= wanted)) || echo "long-decoding: $wanted were asked for; run it again to go on"
    exit 0
}

piece long-1 long "${drafts[0]}" 20 "${questions[-1]}"
piece long-2 long "${drafts[0]}" 400 "${questions[-1]}"
round=0
while true; do
    ((round += 1))
    for tree in dynamic:16 chain:4 medium auto small large chain:1 kmask2_8layer_tree; do
        for draft in "${drafts[@]}"; do
            for precision in float32 bfloat16 int8; do
                piece "greedy-$round-$(basename "$draft")-$tree-$precision" bash "$here/prove-lossless.sh" \
                    --target "$target" --draft "$draft" --tree "$tree" --threads $((round % 2 + 1)) \
                    --precision "$precision" --questions "${questions[round % ${#questions[@]}]}" --limit $((60 * round)) \
                    --max-new-tokens $((128 + 128 * round)) --tokens 1
            done
            piece "sampled-$round-$(basename "$draft")-$tree" sampled "$draft" "$tree" "0.$((round * 3 % 10 + 1))" \
                "$round" "${questions[round % ${#questions[@]}]}"
        done
    done
done
