#!/usr/bin/env bash
# From chats to a measured accept length on one machine: install, build, then the four commands on the embedded target.
# A second run repeats no finished work; a stage runs again when its inputs or its program changed. An interrupted one
# goes on where it stopped. Everything lands in Checkpoints/quickstart; delete that folder to start again.
set -euo pipefail
cd "$(dirname "$0")/.."

target=Checkpoints/target
chats=Datasets/quickstart-train.json
questions=Datasets/quickstart-questions.jsonl
recipe=Recipes/quickstart.toml
dialogues=6000 # of the 10,575: what two processor cores turn into features and train on in a few minutes
max_new_tokens=160

out=Checkpoints/quickstart
begun=$SECONDS

stage() { printf '\n== %s\n' "$1" >&2; }
stop() {
    echo "quickstart: $1" >&2
    exit 1
}
digest() { # digest FILE...: one checksum over the contents of all files
    cat "$@" | { if command -v sha256sum > /dev/null; then sha256sum; else shasum -a 256; fi; } | cut -c1-64
}

# is_done NAME INPUTS OUTPUT: true when this stage has finished from exactly these inputs and its output still stands.
# Otherwise remembers the inputs, and removes an output that other inputs made; one of the same inputs may be resumed.
is_done() {
    local stamp="$out/stamps/$1"
    if [[ -f "$stamp.done" && "$(cat "$stamp.done")" == "$2" && -e "$3" ]]; then
        echo "$1: done before, nothing changed" >&2
        return 0
    fi
    mkdir -p "$out/stamps"
    [[ -f "$stamp.begun" && "$(cat "$stamp.begun")" == "$2" ]] || rm -rf "$3"
    rm -f "$stamp.done"
    echo "$2" > "$stamp.begun"
    return 1
}
finish() { echo "$2" > "$out/stamps/$1.done"; }

stage "1/6 system libraries"
source Scripts/install.sh

stage "2/6 build (the first time takes some minutes)"
swift build -c release
bin="$(swift build -c release --show-bin-path)"
[[ -f "$target/config.json" ]] || stop "$target/config.json is missing; the embedded target belongs to the repository"

stage "3/6 features: $dialogues chats through the target"
inputs="$(digest "$bin/falcon-gen-data" "$target"/*.json "$target"/*.safetensors "$chats") 0:$dialogues"
if ! is_done features "$inputs" "$out/features"; then
    "$bin/falcon-gen-data" --target "$target" --dataset "$chats" --output "$out/features" \
        --range "0:$dialogues" --max-length 512
    finish features "$inputs"
fi

stage "4/6 training the draft head"
inputs="$(digest "$bin/falcon-train" "$out/stamps/features.done" "$recipe")"
if ! is_done train "$inputs" "$out/run"; then
    resume=()
    [[ -e "$out/run/latest" ]] && resume=(--resume)
    "$bin/falcon-train" --recipe "$recipe" --output "$out/run" ${resume[@]+"${resume[@]}"}
    finish train "$inputs"
fi

stage "5/6 export"
inputs="$(digest "$bin/falcon-export" "$out/stamps/train.done")"
if ! is_done export "$inputs" "$out/draft"; then
    "$bin/falcon-export" --checkpoint "$out/run" --output "$out/draft"
    finish export "$inputs"
fi

stage "6/6 decoding held-out questions, with the draft head and without"
inputs="$(digest "$bin/falcon-infer" "$out/stamps/export.done" "$questions") $max_new_tokens"
if ! is_done infer "$inputs" "$out/report.json"; then
    "$bin/falcon-infer" --target "$target" --draft "$out/draft" --dataset "$questions" \
        --max-new-tokens "$max_new_tokens" --baseline --answers "$out/answers.jsonl" --json "$out/report.json" \
        > /dev/null
    finish infer "$inputs"
fi

source Scripts/figures.sh
all="$(cat "$out/report.json")"
calm="$(part "$all" without_loops)"
row() { printf '  %-18s %8s   %s\n' "$1" "$2" "$3"; }
mismatched="$(figure "$all" mismatched_tokens)"

echo
echo "$(figure "$all" prompts) prompts that neither the target nor the draft head has seen," \
    "$(figure "$all" generated_tokens) tokens:"
echo
row "accept length" "$(figure "$all" accept_length %.2f)" "draft tokens that the target accepts in each of its passes"
row "without loops" "$(figure "$calm" accept_length %.2f)" "the same over the answers that do not repeat themselves"
row "tokens per pass" "$(figure "$all" tokens_per_pass %.2f)" "those and the target's own one; plain decoding makes 1"
row "with draft head" "$(figure "$all" tokens_per_second %.0f)" "tokens per second"
row "plain decoding" "$(figure "$all" baseline_tokens_per_second %.0f)" "tokens per second; same target, same prompts"
row "speed-up" "$(figure "$all" speedup %.2f)" "the one divided by the other"
row "mismatched tokens" "$mismatched" "tokens that differ from plain decoding: must be 0"
cat << TEXT

The answers are in $out/answers.jsonl, all figures in $out/report.json. Time: $((SECONDS - begun)) s.
Try a prompt of your own:
  .build/release/falcon-infer --target $target --draft $out/draft --stream \\
      --prompt "Sort these words alphabetically: pear, fig, plum."
TEXT
[[ "$mismatched" == 0 ]] || stop "drafting changed $mismatched tokens; that is a defect, please report it"
