#!/usr/bin/env bash
# Decodes questions with draft heads over many trees, precisions and thread counts, each beside plain decoding, and adds
# up the tokens that differ. Ends with 1 if any does, or if fewer tokens were decoded than asked for.
#
#   Scripts/verify/prove-lossless.sh --target DIR --draft DIR [--draft DIR ...] [--tree NAME ...] [--threads N ...]
#       [--precision NAME ...] [--questions FILE ...] [--limit N] [--max-new-tokens N] [--tokens 100000]
#
# Trees default to one of each kind; a head is skipped where a tree is made for another block size. More heads, among
# them exports in other dtypes, make more runs.
set -euo pipefail
source "$(dirname "$0")/../figures.sh"
source "$(dirname "$0")/decoding-options.sh"

wanted=100000
threads=() precisions=()
own_option() {
    case "$1" in
        --threads) threads+=("$2") ;;
        --precision) precisions+=("$2") ;;
        --tokens) wanted="$2" ;;
        *) return 1 ;;
    esac
}
read_options "$@"
[[ ${#trees[@]} -gt 0 ]] || trees=(chain:1 chain:5 small medium large kmask2_8layer_tree kmask3_6layer_tree \
    kmask4_8layer_tree dynamic:16 auto)
[[ ${#threads[@]} -gt 0 ]] || threads=(1 2)
[[ ${#precisions[@]} -gt 0 ]] || precisions=("")

work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT

tokens=0 mismatched=0 runs=0 skipped=0
for draft in "${drafts[@]}"; do
    for tree in "${trees[@]}"; do
        for count in "${threads[@]}"; do
            for precision in "${precisions[@]}"; do
                for set in "${questions[@]}"; do
                    if ! "$infer" --target "$target" --draft "$draft" --tree "$tree" --threads "$count" \
                        ${precision:+--precision "$precision"} --dataset "$set" --baseline --quiet \
                        --plan-seconds 0.5 --json "$work/run.json" ${options[@]+"${options[@]}"} \
                        > /dev/null 2> "$work/log"; then
                        grep -q "is made for block size" "$work/log" || stop "$(cat "$work/log")"
                        skipped=$((skipped + 1))
                        continue
                    fi
                    json="$(cat "$work/run.json")"
                    more="$(figure "$json" generated_tokens)" differing="$(figure "$json" mismatched_tokens)"
                    tokens=$((tokens + more)) mismatched=$((mismatched + differing)) runs=$((runs + 1))
                    echo "$(basename "$draft") $tree, $count threads${precision:+, $precision}, $(basename "$set"):" \
                        "$more tokens, $differing mismatched"
                done
            done
        done
    done
done
echo "$tokens tokens in $runs runs, $mismatched of them mismatched ($skipped runs skipped: another block size)"
[[ "$mismatched" == 0 ]] || stop "drafting changed $mismatched tokens; that is a defect, please report it"
[[ "$tokens" -ge "$wanted" ]] || stop "only $tokens of $wanted tokens: raise --limit or --max-new-tokens"
