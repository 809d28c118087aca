#!/usr/bin/env bash
# Kills falcon-gen-data at random moments and shows that a rerun ends with the same bytes as an undisturbed run.
#   kill-test.sh [KILLS [falcon-gen-data options, e.g. --dtype int8 --regenerate]]
# SEED decides the moments (default 1); for other variables see Scripts/verify/generating.sh.
set -euo pipefail
count=20 dataset=Datasets/quickstart-heldout.json
. "$(dirname "$0")/generating.sh"

generate() { # generate FOLDER [options]
    exec "$command" --target "$target" --dataset "$dataset" --conversations-per-shard 8 --quiet --output "$@"
}
digests() { (cd "$1" && sha256sum -- *); }

started="$(date +%s%N)"
(generate "$work/whole" "$@") > "$work/report"
whole=$((($(date +%s%N) - started) / 1000000))
echo "undisturbed: $(head -1 "$work/report"), $whole ms"

RANDOM="${SEED:-1}"
killed=0 rounds=0
while ((killed < count)); do
    # Two parts take turns, so that claims of dead processes are taken over; a finished folder is begun again.
    ((rounds += 1))
    (generate "$work/killed" "$@" --part "$((rounds % 2 + 1))/2") > /dev/null 2>&1 &
    process=$!
    sleep "$(awk -v r="$RANDOM" -v t="$whole" 'BEGIN { printf "%.3f", r / 32767 * t / 1000 / 2 }')"
    if kill -9 "$process" 2> /dev/null; then ((killed += 1)); fi
    wait "$process" 2> /dev/null || true
    process=
    if ((rounds > 50 * count)); then echo "kill-test: runs end before they can be killed" >&2; exit 1; fi
    if ((killed % 7 == 6)) && [[ -d "$work/killed" ]]; then
        (generate "$work/killed" "$@") > /dev/null
        diff <(digests "$work/whole") <(digests "$work/killed") || { echo "kill-test: folders differ" >&2; exit 1; }
        rm -rf "$work/killed"
    fi
done
(generate "$work/killed" "$@") > /dev/null
diff <(digests "$work/whole") <(digests "$work/killed") || { echo "kill-test: folders differ" >&2; exit 1; }
echo "killed $killed times: all files are the same as undisturbed"
