#!/usr/bin/env bash
# Runs the short pipeline with several numbers of threads, the first of them twice, and compares every shard, checkpoint
# and export byte for byte, and the decoded tokens by their count. Ends with 1 where any differs.
#   determinism.sh [THREADS ...]      1 2 3 where none is named
# BUILD names the folder with the commands (default: the release build's).
set -euo pipefail
cd "$(dirname "$0")/../.."
source Scripts/figures.sh
build="$(realpath "${BUILD:-$(swift build -c release --show-bin-path)}")"
counts=("$@")
[[ ${#counts[@]} -gt 0 ]] || counts=(1 2 3)
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT

# Under one name for all runs, since the recipe in a checkpoint holds the folders' names. Logs and reports hold times.
digests() {
    (cd "$work/run" && find . -type f ! -name 'metrics.jsonl' ! -name 'events.out.*' ! -name 'report.html' \
        ! -name 'infer.json' ! -name '*.lock' -print0 | sort -z | xargs -0 sha256sum)
    local json
    json="$(cat "$work/run/infer.json")"
    echo "$(figure "$json" generated_tokens) tokens, $(figure "$json" accepted_draft_tokens) of them drafted," \
        "$(figure "$json" mismatched_tokens) mismatched"
}
for threads in "${counts[0]}" "${counts[@]}"; do
    rm -rf "$work/run"
    bash Scripts/verify/short-pipeline.sh "$build" "$work/run" "$threads" > "$work/log" 2>&1 ||
        { cat "$work/log"; exit 1; }
    digests > "$work/digests"
    [[ -e "$work/first" ]] || cp "$work/digests" "$work/first"
    diff "$work/first" "$work/digests" || { echo "determinism: $threads threads differ" >&2; exit 1; }
    echo "$threads threads: $(grep -c / "$work/digests") files, $(tail -1 "$work/digests"), all as in the first run"
done
