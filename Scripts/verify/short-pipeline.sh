#!/usr/bin/env bash
# Every stage in its shortest form, on what comes with the repository: chats to shards, shards to a draft head, its
# export, decoding beside plain decoding.
#   short-pipeline.sh BUILD FOLDER [THREADS=2]      the commands' folder, and one for the results
set -euo pipefail
cd "$(dirname "$0")/../.."
build="$1" work="$2" threads="${3:-2}"
mkdir -p "$work"
cat > "$work/recipe.toml" << END
[target]
path = "Checkpoints/target"
[data]
shards = "$work/features"
max_length = 96
[draft]
block_size = 2
[optimizer]
learning_rate = 1e-3
[schedule]
warmup_steps = 2
[training]
max_steps = 4
batch_size = 3
checkpoint_every_steps = 2
[evaluation]
every_steps = 4
END
"$build/falcon-gen-data" --target Checkpoints/target --dataset Datasets/quickstart-heldout.json --range 0:12 \
    --max-length 96 --conversations-per-shard 4 --quiet --threads "$threads" --output "$work/features"
"$build/falcon-train" --recipe "$work/recipe.toml" --quiet --threads "$threads" --output "$work/run"
"$build/falcon-export" --checkpoint "$work/run" --quiet --output "$work/draft"
"$build/falcon-infer" --target Checkpoints/target --draft "$work/draft" --dataset Datasets/quickstart-questions.jsonl \
    --limit 3 --max-new-tokens 24 --tree small --baseline --quiet --threads "$threads" --json "$work/infer.json"
