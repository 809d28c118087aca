#!/usr/bin/env bash
# Decodes a million tokens in pieces over heads, trees, arithmetics, thread counts and temperatures: greedy ones beside
# plain decoding (prove-lossless.sh), sampled ones, and one long run whose memory is watched. Ends with 1 where
# a token differs, or memory grows by more than a tenth behind the first quarter of the long run.
#
#   Scripts/verify/long-decoding.sh --state FOLDER --target DIR --draft DIR [--draft DIR ...] [--questions FILE ...]
#       [--tokens 1000000] [--seconds N]
#
# Each finished piece is noted in the state's folder, so that a run that was stopped goes on behind it; with --seconds
# it stops by itself after the piece that it is then at work on. A folder belongs to one target.
set -euo pipefail
here="$(cd "$(dirname "$0")" && pwd)"
source "$here/../figures.sh"
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
[[ -n "$infer" ]] || infer="$here/../../.build/release/falcon-infer"
[[ -x "$infer" ]] || stop "no falcon-infer; build it first: swift build -c release"
mkdir -p "$state"

sampled() { # sampled DRAFT TREE TEMPERATURE SEED SET
    "$infer" --target "$target" --draft "$1" --tree "$2" --temperature "$3" --top-p 0.95 --seed "$4" --dataset "$5" \
        --limit 12 --max-new-tokens 256 --plan-seconds 0.5 --quiet --json "$state/run.json" \
        > /dev/null 2> "$state/log"
    echo "$(basename "$1") $2, temperature $3, $(basename "$5"):" \
        "$(figure "$(cat "$state/run.json")" generated_tokens) tokens"
}
watched() { # watched DRAFT TEMPERATURE SET: the memory of one process over many dialogues, in its four quarters
    "$infer" --target "$target" --draft "$1" --tree dynamic:16 --temperature "$2" --dataset "$3" \
        --max-new-tokens 512 --plan-seconds 0.5 --quiet --json "$state/run.json" > /dev/null 2> "$state/log" &
    local process=$!
    : > "$state/resident"
    while sed -n 's/^VmRSS:[[:space:]]*\([0-9]*\) kB/\1/p' "/proc/$process/status" >> "$state/resident" 2> /dev/null; do
        sleep 0.2
    done
    wait "$process"
    awk -v what="$(basename "$1"), $(basename "$3"), temperature $2, one run" \
        -v tokens="$(figure "$(cat "$state/run.json")" generated_tokens)" '
        $1 { resident[++count] = $1 }
        END {
            printf "%s: %d tokens, at most", what, tokens
            for (i = 1; i <= count; i++) {
                quarter = int((i - 1) * 4 / count) + 1
                if (resident[i] > most[quarter]) most[quarter] = resident[i]
            }
            for (quarter = 1; quarter <= 4; quarter++) printf "%s %.1f", (quarter > 1 ? "," : ""), most[quarter] / 1024
            print " MiB in its quarters"
            exit count < 4 || most[4] > 1.1 * most[1]
        }' "$state/resident"
}
piece() { # piece NAME COMMAND...: runs it once in all runs of this script
    local note="$state/$1.done" status=0
    shift
    [[ ! -s "$note" ]] || return 0
    : > "$state/log"
    "$@" > "$state/piece" 2> "$state/errors" || status=$?
    # A head made for another block size than a tree's is no piece.
    if [[ "$status" != 0 ]]; then
        grep -qE "is made for block size|only 0 of 1 tokens" "$state/errors" "$state/log" ||
            stop "$* failed: $(cat "$state/piece" "$state/errors" "$state/log")"
        echo "0 tokens: another block size" > "$state/piece"
    fi
    mv "$state/piece" "$note"
    sed '/ tokens in /d' "$note"
    sum
    ((tokens < wanted)) || finish
    [[ -z "$seconds" ]] || ((SECONDS < seconds)) || finish
}
# The figure before "tokens" (greedy, sampled) or "mismatched" in all notes of a kind.
sum() {
    greedy="$( (cat "$state"/greedy-*.done 2> /dev/null || true) |
        awk '/ tokens in / { all += $1 } END { print all + 0 }')"
    mismatched="$( (cat "$state"/greedy-*.done 2> /dev/null || true) |
        awk '/ tokens in / { all += $6 } END { print all + 0 }')"
    tokens="$( (cat "$state"/{sampled,watched}-*.done 2> /dev/null || true) |
        awk -v all="$greedy" -F ': ' '{ split($2, words, " "); all += words[1] } END { print all }')"
}
finish() {
    cat "$state"/watched-*.done 2> /dev/null || true
    echo "$tokens tokens in $(ls "$state"/*.done | wc -l) pieces, $greedy of them greedy, $mismatched mismatched"
    ((tokens >= wanted)) || echo "long-decoding: $wanted were asked for; run it again to go on"
    exit 0
}

piece watched-greedy watched "${drafts[0]}" 0 "${questions[-1]}"
piece watched-sampled watched "${drafts[-1]}" 0.8 "${questions[-1]}"
round=0 number=0
temperatures=(0.3 0.7 1.0 1.4)
while true; do
    ((round += 1))
    for tree in dynamic:16 chain:4 medium auto small large chain:1 kmask2_8layer_tree; do
        for draft in "${drafts[@]}"; do
            ((number += 1))
            set="${questions[number % ${#questions[@]}]}"
            for precision in float32 bfloat16 int8; do
                piece "greedy-$round-$(basename "$draft")-$tree-$precision" bash "$here/prove-lossless.sh" \
                    --target "$target" --draft "$draft" --tree "$tree" --threads $(((round + number) % 2 + 1)) \
                    --precision "$precision" --questions "$set" --limit $((12 * round)) \
                    --max-new-tokens $((128 + 128 * round)) --tokens 1
            done
            piece "sampled-$round-$(basename "$draft")-$tree" sampled "$draft" "$tree" \
                "${temperatures[number % ${#temperatures[@]}]}" "$number" "$set"
        done
    done
done
