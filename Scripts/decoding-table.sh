#!/usr/bin/env bash
# Decodes question files with several draft heads and trees and prints one markdown table, the paper's figures below.
#
#   Scripts/decoding-table.sh --target DIR --draft DIR [--draft DIR ...] [--tree NAME ...] [--questions FILE ...]
#       [--limit N] [--max-new-tokens N] [--threads N] [--precision NAME] [--draft-precision NAME]
#       [--output DIR]
#
# Trees default to chain:2 chain:4 small medium large; questions to mt-bench humaneval gsm8k, found as falcon-infer
# finds them (FALCON_DATASETS, Datasets). Each run leaves its JSON and its HTML report in the output folder; a run whose
# JSON is there with the same options and the same program is not repeated. Every run decodes plainly too (--baseline),
# so that its speed-up and its mismatched tokens belong to it.
set -euo pipefail
source "$(dirname "$0")/figures.sh"
source "$(dirname "$0")/decoding-options.sh"

output=Checkpoints/decoding-table
own_option() {
    case "$1" in
        --output) output="$2" ;;
        --threads | --precision | --draft-precision | --plan-seconds) options+=("$1" "$2") ;;
        *) return 1 ;;
    esac
}
read_options "$@"
[[ ${#trees[@]} -gt 0 ]] || trees=(chain:2 chain:4 small medium large)
mkdir -p "$output"

block_size() { sed -nE 's/.*"k_mask" *: *([0-9]+).*/\1/p' "$1/config.json"; }
name() { local base; base="$(basename "$1")"; echo "${base%.*}" | tr ':/ ' '---'; }

# measure DRAFT TREE QUESTIONS: sets `json` to the run's report; fails where the tree does not suit the head.
measure() {
    local stem stamp
    stem="$output/$(name "$1")_$(name "$2")_$(name "$3")"
    stamp="$(cksum < "$infer") $(cksum < "$1/config.json") $target $1 $2 $3 ${options[*]-}"
    if [[ ! -f "$stem.json" || "$(cat "$stem.done" 2> /dev/null)" != "$stamp" ]]; then
        rm -f "$stem.done"
        echo "decoding-table: $(name "$1"), $2, $3" >&2
        "$infer" --target "$target" --draft "$1" --tree "$2" --dataset "$3" --baseline --quiet \
            --json "$stem.json" --report "$stem.html" ${options[@]+"${options[@]}"} > /dev/null 2> "$stem.log" || {
            cat "$stem.log" >&2
            return 1
        }
        rm -f "$stem.log"
        echo "$stamp" > "$stem.done"
    fi
    json="$(cat "$stem.json")"
}

echo "| head | k | tree | nodes | questions | accept length | without looping | acceptance rate | tokens/s" \
    "| predicted | speed-up | mismatched tokens |"
echo "|---|---|---|---|---|---|---|---|---|---|---|---|"
failed=0 mismatched=0 tokens=0
for draft in "${drafts[@]}"; do
    for tree in "${trees[@]}"; do
        for set in "${questions[@]}"; do
            if ! measure "$draft" "$tree" "$set"; then
                failed=$((failed + 1))
                continue
            fi
            drafted="$(part "$json" tree)"
            rate="$(figure "$json" acceptance_rate)"
            differing="$(figure "$json" mismatched_tokens)"
            mismatched=$((mismatched + differing)) tokens=$((tokens + $(figure "$json" generated_tokens)))
            calm="$(part "$json" without_loops)"
            echo "| $(name "$draft") | $(block_size "$draft") | \`$tree\` | $(figure "$drafted" nodes)" \
                "| $(name "$set") | $(figure "$json" accept_length %.2f) | $(figure "$calm" accept_length %.2f)" \
                "| $(awk "BEGIN { printf \"%.1f %%\", 100 * $rate }") | $(figure "$json" tokens_per_second %.0f)" \
                "| $(figure "$drafted" predicted_tokens_per_second %.0f || true) | $(figure "$json" speedup %.2f)" \
                "| $differing |"
        done
    done
done
cat << 'PAPER'
| the paper, Vicuna-7B, GPU | 2 | its tree | | MT-bench | 3.34 | | 77.6 % | | | 3.10 | |
| the paper, Vicuna-7B, GPU | 3 | its tree | | MT-bench | 2.52 | | | | | | |
| the paper, Vicuna-7B, GPU | 4 | its tree | | MT-bench | 2.35 | | | | | | |
| the paper, Vicuna-7B, GPU | 2 | chain | | MT-bench | 2.13 | | | | | | |
| the paper, EAGLE on Vicuna-7B, GPU | 1 | its tree | | MT-bench | | | | | | 2.82 | |
| the paper, Medusa on Vicuna-7B, GPU | | its tree | | MT-bench | | | | | | 2.06 | |
PAPER
echo
echo "$tokens tokens, $mismatched of them mismatched; $failed runs were left out (see standard error)."
[[ "$mismatched" == 0 ]] || stop "drafting changed $mismatched tokens; that is a defect, please report it"
