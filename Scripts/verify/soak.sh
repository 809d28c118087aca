#!/usr/bin/env bash
# Asks a server 20,000 times, by clients of all manners at once, and compares every answer with the one got alone:
#   soak.sh [REQUESTS [soak.py options, e.g. --target DIR --draft lookup]]
# What is asked and looked at is said in soak.py. Variables: FALCON_SERVE, a falcon-serve that is built already.
set -euo pipefail
cd "$(dirname "$0")/../.."
requests="${1:-20000}"
(($# == 0)) || shift
command="${FALCON_SERVE:-}"
if [[ -z "$command" ]]; then
    options=(-c release --traits Server)
    swift build "${options[@]}" --product falcon-serve >&2
    command="$(swift build "${options[@]}" --show-bin-path)/falcon-serve"
fi
[[ -x "$command" ]] || { echo "soak: $command: is not there; build it first" >&2; exit 1; }
exec python3 Scripts/verify/soak.py --falcon-serve "$command" --requests "$requests" "$@"
