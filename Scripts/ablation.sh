#!/usr/bin/env bash
# Trains one draft head for each row of the ablation (glancing, block size, fusion, baseline, mask, data ...), all with
# the same steps over the same dialogues, and measures each on question files: accept length as a chain and as a tree.
#
#   swift build -c release && FALCON_SHARED=DIR Scripts/ablation.sh [options]
#
#   --steps N          optimizer steps of a row (600), of 8 dialogues each, cut at 512 tokens
#   --epochs N         in so many epochs (2); glancing's lambda falls from one to the next
#   --seeds "0 1 2"    all rows with the first seed, then all with the next
#   --rows "NAME ..."  only these (--list prints all)
#   --trees "chain:8 medium"
#   --questions N      from each question file (16), evenly over the file
#   --features DIR     features that exist already (falcon-gen-data --max-length 512), instead of making them from the
#                      first steps * 8 / epochs dialogues. In a larger folder no epoch ends, and lambda stays 0.4
#   --own-features DIR the same for the target's own answers (falcon-gen-data --regenerate)
#   --target DIR --dataset FILE --bench DIR     default to targets/chat-8m, datasets/sharegpt-train.json, datasets/bench
#                      in the folder that FALCON_SHARED names; question files: DIR/{gsm8k,mt_bench,humaneval}.jsonl
#   --output DIR       Checkpoints/ablation: all runs, results.json, results.md
#   --bin DIR          where the commands are (.build/release)
#   --threads N        of each command
#   --tables           make the tables of what is finished, and no more
#   --docs             also put the figures into docs/results.json, and the tables between docs/results.md's marks
#
# Needs our commands, bash and awk. What is finished is not repeated, and an interrupted training goes on where it
# stopped; a row whose settings changed starts again. After each row the tables are written, so that there are some
# at any time. Several may run at once with different --seeds once the features are there.
set -euo pipefail
here="$(cd "$(dirname "$0")" && pwd)"
trap 'exit 130' INT

# NAME | WHAT IT IS | RECIPE | ANSWERS IN THE DATA | SETTINGS
rows='
glance          | Falcon: k = 2, LSTM, glancing as in the paper | glance | given |
no-glance       | no glancing                                | no-glance    | given |
k3              | k = 3                                      | glance       | given | draft.block_size=3
k3-no-glance    | k = 3, no glancing                         | no-glance    | given | draft.block_size=3
k4              | k = 4                                      | glance       | given | draft.block_size=4
k4-no-glance    | k = 4, no glancing                         | no-glance    | given | draft.block_size=4
eagle           | EAGLE-style: k = 1, linear fusion          | eagle        | given | draft.look_ahead=false
plain-start     | biases do not start by looking ahead       | glance       | given | draft.look_ahead=false
plain-start-no-glance | the same, no glancing                | no-glance    | given | draft.look_ahead=false
gated           | gated fusion                               | glance       | given | draft.fusion=gated
linear          | linear fusion                              | glance       | given | draft.fusion=linear
authors         | mode of the authors'"'"' code              | glance-authors-code | given |
mask-unshifted  | loss mask not shifted                      | glance       | given | glance.mask_shift=authors
loss-on-glanced | glanced positions count in the loss        | glance       | given | glance.loss_on_glanced=true
own-answers     | trained on the target'"'"'s own answers    | glance       | own   |
lambda-adaptive | lambda: 0.4 of the share that is wrong     | glance       | given | glance.schedule=adaptive
lambda-cosine   | lambda: 0.4 to 0 along a cosine, by the step | glance     | given | glance.schedule=cosine
'
steps=600 epochs=2 seeds="0 1 2" chosen="" trees="chain:8 medium" questions=16
features="" own_features="" shared="${FALCON_SHARED:-}" docs=no train=yes
target="$shared/targets/chat-8m" dataset="$shared/datasets/sharegpt-train.json" bench="$shared/datasets/bench"
output=Checkpoints/ablation bin="$here/../.build/release"
batch=8 length=512 new_tokens=160
options=()

stop() {
    echo "ablation: $1" >&2
    exit "${2:-1}"
}
note() { echo "ablation: $(date +%H:%M:%S) $1" >&2; }
cells() { awk -F ' *[|] *' -v row="${1:-}" 'NF > 3 && (row == "" || $1 == row)' <<< "$rows"; }

while [[ $# -gt 0 ]]; do
    case "$1" in
        --help) sed -n '2,/^set/p' "$0" | sed '$d;s/^# \{0,1\}//'; exit 0 ;;
        --list) cells; exit 0 ;;
        --tables) train=no; shift; continue ;;
        --docs) docs=yes; shift; continue ;;
    esac
    [[ $# -ge 2 ]] || stop "$1 needs a value" 64
    case "$1" in
        --steps) steps="$2" ;;
        --epochs) epochs="$2" ;;
        --seeds) seeds="$2" ;;
        --rows) chosen="$2" ;;
        --trees) trees="$2" ;;
        --questions) questions="$2" ;;
        --features) features="$2" ;;
        --own-features) own_features="$2" ;;
        --target) target="$2" ;;
        --dataset) dataset="$2" ;;
        --bench) bench="$2" ;;
        --output) output="$2" ;;
        --bin) bin="$2" ;;
        --threads) options+=("$1" "$2") ;;
        *) stop "unknown option $1; see --help" 64 ;;
    esac
    shift 2
done
[[ -n "$chosen" ]] || chosen="$(cells | awk '{ print $1 }')"
for row in $chosen; do [[ -n "$(cells "$row")" ]] || stop "--rows: no row '$row'; --list prints all" 64; done
[[ "$train" == no || -f "$target/config.json" ]] || stop "$target: no model there; give --target or set FALCON_SHARED"
[[ "$train" == no || -x "$bin/falcon-train" ]] || stop "$bin: no falcon-train; build it first: swift build -c release"
mkdir -p "$output"

command="Scripts/ablation.sh --steps $steps --epochs $epochs --trees \"$trees\" --questions $questions"
# The dialogues that fill the epochs, with the twentieth that is held back for validation.
dialogues=$(((steps * batch * 20 + 19 * epochs - 1) / (19 * epochs)))
common=(draft.look_ahead=true data.max_length=$length data.validation_fraction=0.05
    optimizer.learning_rate=3e-3 schedule.kind=linear schedule.warmup_steps=$((steps / 6)) schedule.total_steps=0
    loss.distill_weight=1.0 training.epochs=$epochs training.max_steps=$steps training.batch_size=$batch
    training.accumulation=1 training.precision=bfloat16 training.checkpoint_every_steps=100 training.keep_checkpoints=1
    evaluation.every_steps=0 logging.tensorboard=false)

# make_features FOLDER [OPTION ...]: finished shards of an earlier run are kept.
make_features() {
    [[ -f "$1/finished" ]] && return
    note "features into $1 ($dialogues dialogues)"
    "$bin/falcon-gen-data" --target "$target" --dataset "$dataset" --range "0:$dialogues" --max-length $length \
        --dtype float16 --output "$@" ${options[@]+"${options[@]}"} > "$1.log" 2>&1 || {
        tail -n 3 "$1.log" >&2
        return 1
    }
    touch "$1/finished"
}

# make_questions: one file of all, each under its file's name as category.
make_questions() {
    local name
    for name in gsm8k mt_bench humaneval; do
        [[ -f "$bench/$name.jsonl" ]] || stop "$bench/$name.jsonl: no such file; give --bench"
        awk -v all="$(awk 'END { print NR }' "$bench/$name.jsonl")" -v wanted="$questions" -v name="$name" \
            'int(NR * wanted / all) > int((NR - 1) * wanted / all) {
                sub(/"category": *"[^"]*"/, "\"category\": \"" name "\""); print }' "$bench/$name.jsonl"
    done > "$output/questions-$questions.jsonl"
}

# run_row NAME SEED: trains, exports and measures; leaves draft/ and a report for each tree in its folder.
run_row() {
    local folder="$output/$1/seed-$2" recipe answers settings setting shards tree stamp
    IFS='|' read -r _ _ recipe answers settings < <(cells "$1" | sed 's/ *| */|/g')
    shards="${features:-$output/features-$dialogues}"
    [[ "$answers" == given ]] || shards="${own_features:-$output/own-features-$dialogues}"
    local changes=("target.path=$target" "data.shards=$shards" "${common[@]}" "training.seed=$2" "draft.init_seed=$2")
    for setting in $settings; do changes+=("$setting"); done
    stamp="$recipe ${changes[*]}"
    if [[ "$(cat "$folder/settings" 2> /dev/null)" != "$stamp" ]]; then
        rm -rf "$folder"
        mkdir -p "$folder"
        echo "$stamp" > "$folder/settings"
    fi
    if [[ ! -f "$folder/train.json" ]]; then
        if [[ "$answers" == own && -z "$own_features" ]]; then
            make_features "$shards" --regenerate --max-new-tokens 256 || return 1
        elif [[ "$answers" == given && -z "$features" ]]; then
            make_features "$shards" || return 1
        fi
        note "$1, seed $2: training"
        local arguments=()
        for setting in "${changes[@]}"; do arguments+=(--set "$setting"); done
        "$bin/falcon-train" --recipe "$here/../Recipes/$recipe.toml" "${arguments[@]}" --output "$folder/run" --resume \
            --json "$folder/train.json" ${options[@]+"${options[@]}"} > "$folder/log" 2>&1 || return 1
        # A run that was stopped by a signal ends in good order too, but its figures are not those of the row.
        grep -q "finished at step" "$folder/log" || { rm -f "$folder/train.json"; return 1; }
    fi
    [[ -d "$folder/draft" ]] ||
        "$bin/falcon-export" --checkpoint "$folder/run" --output "$folder/draft" >> "$folder/log" 2>&1 || return 1
    for tree in $trees; do
        local report="$folder/${tree//:/-}-$questions.json"
        [[ -f "$report" ]] && continue
        note "$1, seed $2: decoding with $tree"
        "$bin/falcon-infer" --target "$target" --draft "$folder/draft" --tree "$tree" --baseline \
            --dataset "$output/questions-$questions.jsonl" --max-new-tokens $new_tokens --json "$report" \
            ${options[@]+"${options[@]}"} >> "$folder/log" 2>&1 || return 1
    done
}

# numbers FILE PREFIX: each number of a report as our commands indent it, as "PREFIX path.to.it VALUE".
numbers() {
    awk -v prefix="$2" '
        { match($0, /^ */); level = RLENGTH / 2; gsub(/^ *|,$/, "") }
        /^"[^"]*" : / {
            key = $0; sub(/^"/, "", key); sub(/" : .*/, "", key)
            value = $0; sub(/^"[^"]*" : /, "", value)
            path[level] = (level > 1 ? path[level - 1] "." : "") key
            count[level + 1] = 0
            if (value ~ /^[-0-9]/) print prefix, path[level], value
        }
        /^[-0-9]/ { print prefix, path[level - 1] "." ++count[level], $0 }' "$1"
}

# tables: results.json and results.md of all that is finished, whatever --rows says.
tables() {
    local row seed tree folder
    for row in $(cells | awk '{ print $1 }'); do
        echo "row|$(cells "$row" | sed 's/ *| */|/g')"
        for folder in "$output/$row"/seed-*; do
            [[ -f "$folder/train.json" ]] || continue
            seed="${folder##*-}"
            grep -q "training.max_steps=$steps " "$folder/settings" || continue
            awk -v prefix="number|$row|$seed|training|" '
                match($0, /"step":[0-9]+/) { step = substr($0, RSTART + 7, RLENGTH - 7) }
                match($0, /"tokens":[0-9]+/) { tokens += substr($0, RSTART + 9, RLENGTH - 9) }
                match($0, /"glanced":[0-9]+/) { glanced += substr($0, RSTART + 10, RLENGTH - 10) }
                END { print prefix "steps|" step; print prefix "tokens|" tokens + 0
                      print prefix "glanced|" glanced + 0 }' \
                "$folder/run/metrics.jsonl"
            for tree in $trees; do
                [[ -f "$folder/${tree//:/-}-$questions.json" ]] || continue
                numbers "$folder/${tree//:/-}-$questions.json" "number|$row|$seed|$tree" | sed 's/ /|/g'
            done
        done
    done > "$output/figures"
    for format in md json; do
        awk -v format=$format -v command="$command" -v trees="$trees" -v steps="$steps" -v epochs="$epochs" \
            -v questions="$questions" -v new_tokens=$new_tokens -v common="${common[*]}" \
            -f "$here/ablation-tables.awk" "$output/figures" > "$output/results.$format"
    done
    [[ "$docs" == yes ]] || return 0
    cp "$output/results.json" "$here/../docs/results.json"
    awk -v tables="$output/results.md" '
        /<!-- end of the ablation -->/ { inside = 0 }
        !inside
        /<!-- ablation: / { inside = 1; while ((getline line < tables) > 0) print line }' \
        "$here/../docs/results.md" > "$output/page.md"
    mv "$output/page.md" "$here/../docs/results.md"
}

failed=""
if [[ "$train" == yes ]]; then
    make_questions
    for seed in $seeds; do
        for row in $chosen; do
            run_row "$row" "$seed" || {
                failed="$failed $row/seed-$seed"
                note "$row, seed $seed failed; see $output/$row/seed-$seed/log"
            }
            tables
        done
    done
fi
tables
cat "$output/results.md"
[[ -z "$failed" ]] || stop "failed:$failed; run it again to go on"
