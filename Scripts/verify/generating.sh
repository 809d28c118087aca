# Sourced by the scripts that run falcon-gen-data: what they take and where they work.
#   NAME.sh [COUNT [falcon-gen-data options]]
# TARGET and DATASET decide what is run (default: what comes with the repository), BUILD the folder with the command
# (default: the release build's). Expects $count and $dataset to hold the defaults; leaves the options in "$@".
name="$(basename "$0" .sh)"
cd "$(dirname "$0")/../.."
count="${1:-$count}"
shift || true
target="${TARGET:-Checkpoints/target}"
dataset="${DATASET:-$dataset}"
command="${BUILD:-$(swift build -c release --show-bin-path)}/falcon-gen-data"
[[ -x "$command" ]] || { echo "$name: build first: swift build -c release" >&2; exit 1; }

work="$(mktemp -d)"
process=
trap '[[ -z "$process" ]] || kill "$process" 2> /dev/null || true; rm -rf "$work"' EXIT
